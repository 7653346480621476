// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"time"
	"unsafe"
)

// This file builds a schema table and Go types at run time from the shapes of a conformance suite (C2J), as apigen does
// for services at build time. Every scalar is a pointer, so that presence shows in comparisons.

type c2jRef struct {
	Shape           string
	LocationName    string
	Location        string
	Flattened       bool
	XMLAttribute    bool `json:"xmlAttribute"`
	JSONValue       bool `json:"jsonvalue"`
	TimestampFormat string
	XMLNamespace    *c2jNamespace
	ResultWrapper   string
}

type c2jNamespace struct{ URI, Prefix string }

// UnmarshalJSON accepts the short form too: only the URI.
func (n *c2jNamespace) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, &n.URI) == nil {
		return nil
	}
	type plain c2jNamespace
	return json.Unmarshal(b, (*plain)(n))
}

type c2jShape struct {
	Type            string
	Members         memberList
	Member          *c2jRef
	Key, Value      *c2jRef
	Payload         string
	Flattened       bool
	Streaming       bool
	EventStream     bool
	Sparse          bool
	Union           bool
	Document        bool
	Required        []string
	TimestampFormat string
	LocationName    string
	XMLNamespace    *c2jNamespace
	Error           *struct {
		Code           string
		HTTPStatusCode int
		SenderFault    bool
	}
}

// memberList keeps the model's order.
type memberList []struct {
	name string
	c2jRef
}

func (m *memberList) UnmarshalJSON(b []byte) error {
	var all map[string]c2jRef
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		*m = append(*m, struct {
			name string
			c2jRef
		}{name, all[name]})
	}
	return nil
}

type suiteBuilder struct {
	shapes map[string]c2jShape
	refs   map[string]Ref
	types  []Type
	goType map[string]reflect.Type // nil value while under construction
	output bool
}

func newSuiteBuilder(shapes map[string]c2jShape, output bool) *suiteBuilder {
	return &suiteBuilder{shapes: shapes, refs: map[string]Ref{}, types: make([]Type, 1), goType: map[string]reflect.Type{}, output: output}
}

func (b *suiteBuilder) ref(name string) (Ref, reflect.Type, error) {
	if r, ok := b.refs[name]; ok {
		return r, b.goType[name], nil // a nil type: the shape is under construction, so it contains itself
	}
	r := Ref(len(b.types))
	b.refs[name] = r
	b.types = append(b.types, Type{})
	typ, gt, err := b.build(name, b.shapes[name])
	if err != nil {
		return 0, nil, err
	}
	b.types[r], b.goType[name] = typ, gt
	return r, gt, nil
}

func (b *suiteBuilder) build(name string, s c2jShape) (t Type, gt reflect.Type, err error) {
	t = Type{
		Name: name, Flattened: s.Flattened, Time: timeFormats[s.TimestampFormat], Wire: s.LocationName,
		Namespace: s.XMLNamespace.namespace(), Sparse: s.Sparse,
	}
	if s.Error != nil {
		t.Error = &ErrorInfo{Code: s.Error.Code, Status: s.Error.HTTPStatusCode, Sender: s.Error.SenderFault}
	}
	switch {
	case s.EventStream:
		return t, nil, errors.New("event streams are not in scope")
	case s.Document:
		t.Kind = KindDocument
		return t, reflect.TypeFor[json.RawMessage](), nil
	case s.Streaming:
		t.Kind = KindStream
		if b.output {
			return t, reflect.TypeFor[io.ReadCloser](), nil
		}
		return t, reflect.TypeFor[io.Reader](), nil
	case s.Type == "structure":
		return b.structure(t, s)
	case s.Type == "list":
		t.Kind, t.ElemName, t.ElemNamespace = KindList, s.Member.LocationName, s.Member.XMLNamespace.namespace()
		if t.Elem, gt, err = b.ref(s.Member.Shape); err != nil {
			return t, nil, err
		}
		if gt == nil {
			t.Go = recursiveSlice{b, t.Elem}
			return t, reflect.TypeFor[[]unsafe.Pointer](), nil
		}
		gt = reflect.SliceOf(gt)
		t.Go = reflectSlice{gt}
		return t, gt, nil
	case s.Type == "map":
		t.Kind, t.KeyName, t.ElemName = KindMap, s.Key.LocationName, s.Value.LocationName
		t.KeyNamespace, t.ElemNamespace = s.Key.XMLNamespace.namespace(), s.Value.XMLNamespace.namespace()
		if t.Elem, gt, err = b.ref(s.Value.Shape); err != nil {
			return t, nil, err
		}
		if gt == nil {
			t.Go = recursiveMap{b, t.Elem}
			return t, reflect.TypeFor[map[string]unsafe.Pointer](), nil
		}
		gt = reflect.MapOf(reflect.TypeFor[string](), gt)
		t.Go = reflectMap{gt}
		return t, gt, nil
	}
	scalar, ok := c2jScalars[s.Type]
	if !ok {
		return t, nil, fmt.Errorf("no type %q", s.Type)
	}
	t.Kind = scalar.kind
	return t, scalar.typ, nil
}

var timeFormats = map[string]TimeFormat{"unixTimestamp": TimeEpoch, "iso8601": TimeISO8601, "rfc822": TimeRFC822}

var c2jScalars = map[string]struct {
	kind Kind
	typ  reflect.Type
}{
	"string": {KindString, reflect.TypeFor[string]()}, "integer": {KindInt32, reflect.TypeFor[int32]()},
	"long": {KindInt64, reflect.TypeFor[int64]()}, "float": {KindFloat32, reflect.TypeFor[float32]()},
	"double": {KindFloat64, reflect.TypeFor[float64]()}, "boolean": {KindBool, reflect.TypeFor[bool]()},
	"timestamp": {KindTime, reflect.TypeFor[time.Time]()}, "blob": {KindBlob, reflect.TypeFor[[]byte]()},
}

var c2jLocations = map[string]Location{
	"uri": InURI, "querystring": InQuery, "header": InHeader, "headers": InHeaders, "statusCode": InStatus,
}

func (n *c2jNamespace) namespace() *XMLNamespace {
	if n == nil {
		return nil
	}
	return &XMLNamespace{URI: n.URI, Prefix: n.Prefix}
}

func (b *suiteBuilder) structure(t Type, s c2jShape) (Type, reflect.Type, error) {
	t.Kind = KindStruct
	if s.Union {
		t.Kind = KindUnion
	}
	var fields []reflect.StructField
	for i, m := range s.Members {
		ref, gt, err := b.ref(m.Shape)
		if err != nil {
			return t, nil, err
		}
		f := Field{
			Name: m.name, Wire: m.LocationName, Type: ref, Loc: c2jLocations[m.Location],
			Time: timeFormats[m.TimestampFormat], Namespace: m.XMLNamespace.namespace(),
		}
		kind := b.types[ref].Kind
		if gt == nil { // only structures contain themselves
			kind, gt = KindNone, reflect.TypeFor[unsafe.Pointer]()
		}
		if isScalar(kind) {
			f.Flags |= Pointer
		}
		if isScalar(kind) || kind == KindStruct || kind == KindUnion {
			gt = reflect.PointerTo(gt)
		}
		for flag, on := range map[FieldFlags]bool{
			Required: slices.Contains(s.Required, m.name), Flattened: m.Flattened, XMLAttribute: m.XMLAttribute, JSONValue: m.JSONValue,
		} {
			if on {
				f.Flags |= flag
			}
		}
		if m.name == s.Payload {
			f.Loc = InPayload
		}
		if t.Error != nil && (m.name == "Message" || m.name == "message") {
			t.Error.Message = m.name
		}
		t.Fields = append(t.Fields, f)
		fields = append(fields, reflect.StructField{Name: fmt.Sprintf("F%d", i), Type: gt})
	}
	gt := reflect.StructOf(fields)
	for i := range t.Fields {
		t.Fields[i].Off = gt.Field(i).Offset
	}
	t.Go = reflectStruct{gt}
	return t, gt, nil
}

// recursiveSlice and recursiveMap stand for collections of the structure that contains them, which reflection cannot make:
// they hold pointers where generated code has values.
type (
	recursiveSlice struct {
		b    *suiteBuilder
		elem Ref
	}
	recursiveMap recursiveSlice
)

var (
	_ sliceType = recursiveSlice{}
	_ mapType   = recursiveMap{}
)

func (r recursiveSlice) st() structType {
	st, _ := r.b.types[r.elem].Go.(structType)
	return st
}

func (recursiveSlice) alloc() unsafe.Pointer { return unsafe.Pointer(new([]unsafe.Pointer)) }

func (recursiveSlice) length(p unsafe.Pointer) int { return len(*(*[]unsafe.Pointer)(p)) }

func (recursiveSlice) absent(p unsafe.Pointer) bool { return *(*[]unsafe.Pointer)(p) == nil }

func (recursiveSlice) empty(p unsafe.Pointer) { *(*[]unsafe.Pointer)(p) = []unsafe.Pointer{} }

func (recursiveSlice) at(p unsafe.Pointer, i int) unsafe.Pointer { return (*(*[]unsafe.Pointer)(p))[i] }

func (r recursiveSlice) extend(p unsafe.Pointer) unsafe.Pointer {
	e := r.st().alloc()
	*(*[]unsafe.Pointer)(p) = append(*(*[]unsafe.Pointer)(p), e)
	return e
}

func (recursiveMap) alloc() unsafe.Pointer        { return unsafe.Pointer(new(map[string]unsafe.Pointer)) }
func (recursiveMap) length(p unsafe.Pointer) int  { return len(*(*map[string]unsafe.Pointer)(p)) }
func (recursiveMap) absent(p unsafe.Pointer) bool { return *(*map[string]unsafe.Pointer)(p) == nil }
func (recursiveMap) empty(p unsafe.Pointer) {
	*(*map[string]unsafe.Pointer)(p) = map[string]unsafe.Pointer{}
}

func (recursiveMap) keys(p unsafe.Pointer) []string {
	return slices.Sorted(maps.Keys(*(*map[string]unsafe.Pointer)(p)))
}
func (r recursiveMap) scratch() unsafe.Pointer { return recursiveSlice(r).st().alloc() }
func (r recursiveMap) set(to, from unsafe.Pointer) {
	t := r.b.types[r.elem].Go.(reflectStruct).t
	v := reflect.Zero(t)
	if from != nil {
		v = reflect.NewAt(t, from).Elem()
	}
	reflect.NewAt(t, to).Elem().Set(v)
}

func (r recursiveMap) load(p unsafe.Pointer, key string, v unsafe.Pointer) {
	r.set(v, (*(*map[string]unsafe.Pointer)(p))[key])
}

func (r recursiveMap) store(p unsafe.Pointer, key string, v unsafe.Pointer) {
	kept := r.scratch()
	r.set(kept, v)
	(*(*map[string]unsafe.Pointer)(p))[key] = kept
	r.set(v, nil)
}

// reflectStruct, reflectSlice and reflectMap are GoTypes over reflection.
type (
	reflectStruct struct{ t reflect.Type }
	reflectSlice  struct{ t reflect.Type }
	reflectMap    struct{ t reflect.Type }
)

var (
	_ structType = reflectStruct{}
	_ sliceType  = reflectSlice{}
	_ mapType    = reflectMap{}
)

func (r reflectStruct) alloc() unsafe.Pointer { return reflect.New(r.t).UnsafePointer() }
func (r reflectStruct) clone(p unsafe.Pointer) unsafe.Pointer {
	v := reflect.New(r.t)
	v.Elem().Set(reflect.NewAt(r.t, p).Elem())
	return v.UnsafePointer()
}
func (r reflectStruct) box(p unsafe.Pointer) any { return reflect.NewAt(r.t, p).Interface() }
func (r reflectStruct) unbox(v any) (unsafe.Pointer, bool) {
	return reflect.ValueOf(v).UnsafePointer(), reflect.TypeOf(v).Elem() == r.t
}

func (r reflectSlice) slice(p unsafe.Pointer) reflect.Value { return reflect.NewAt(r.t, p).Elem() }
func (r reflectSlice) alloc() unsafe.Pointer                { return reflect.New(r.t).UnsafePointer() }
func (r reflectSlice) length(p unsafe.Pointer) int          { return r.slice(p).Len() }
func (r reflectSlice) absent(p unsafe.Pointer) bool         { return r.slice(p).IsNil() }
func (r reflectSlice) empty(p unsafe.Pointer)               { r.slice(p).Set(reflect.MakeSlice(r.t, 0, 0)) }

func (r reflectSlice) at(p unsafe.Pointer, i int) unsafe.Pointer {
	return r.slice(p).Index(i).Addr().UnsafePointer()
}

func (r reflectSlice) extend(p unsafe.Pointer) unsafe.Pointer {
	s := r.slice(p)
	s.Set(reflect.Append(s, reflect.Zero(r.t.Elem())))
	return r.at(p, s.Len()-1)
}

func (r reflectMap) value(p unsafe.Pointer) reflect.Value { return reflect.NewAt(r.t, p).Elem() }
func (r reflectMap) alloc() unsafe.Pointer                { return reflect.New(r.t).UnsafePointer() }
func (r reflectMap) length(p unsafe.Pointer) int          { return r.value(p).Len() }
func (r reflectMap) absent(p unsafe.Pointer) bool         { return r.value(p).IsNil() }
func (r reflectMap) empty(p unsafe.Pointer)               { r.value(p).Set(reflect.MakeMap(r.t)) }
func (r reflectMap) keys(p unsafe.Pointer) []string {
	var keys []string
	for _, k := range r.value(p).MapKeys() {
		keys = append(keys, k.String())
	}
	slices.Sort(keys)
	return keys
}
func (r reflectMap) scratch() unsafe.Pointer { return reflect.New(r.t.Elem()).UnsafePointer() }
func (r reflectMap) load(p unsafe.Pointer, key string, v unsafe.Pointer) {
	reflect.NewAt(r.t.Elem(), v).Elem().Set(r.value(p).MapIndex(reflect.ValueOf(key)))
}

func (r reflectMap) store(p unsafe.Pointer, key string, v unsafe.Pointer) {
	e := reflect.NewAt(r.t.Elem(), v).Elem()
	r.value(p).SetMapIndex(reflect.ValueOf(key), e)
	e.SetZero()
}

func (reflectStruct) size() uintptr { return 64 }

func (reflectSlice) size() uintptr { return 64 }

func (reflectMap) size() uintptr { return 64 }

func (recursiveSlice) size() uintptr { return 64 }

func (recursiveMap) size() uintptr { return 64 }
