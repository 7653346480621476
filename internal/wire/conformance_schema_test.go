// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// This file builds a schema table from the shapes of a conformance suite (C2J), as apigen does for services.

type c2jRef struct {
	Shape            string
	LocationName     string
	QueryName        string
	Location         string
	Flattened        bool
	XMLAttribute     bool `json:"xmlAttribute"`
	JSONValue        bool `json:"jsonvalue"`
	HostLabel        bool
	IdempotencyToken bool
	EventPayload     bool
	EventHeader      bool
	TimestampFormat  string
	XMLNamespace     *c2jNamespace
	ResultWrapper    string
	Default          json.RawMessage
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
	MediaType       string
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
	Enum            []string
	Min, Max        json.Number
	Bits            uint8 // of integers shorter than 32 bits
	UniqueItems     bool
	Pattern         string
	Exception       bool
	Fault           bool
	Error           *struct {
		Code           string
		HTTPStatusCode int
		SenderFault    bool
	}
}

// memberList keeps the model's order.
type memberList []c2jMember

type c2jMember struct {
	name string
	c2jRef
}

func (m *memberList) UnmarshalJSON(b []byte) error {
	var all map[string]c2jRef
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		*m = append(*m, c2jMember{name, all[name]})
	}
	return nil
}

// suiteBuilder makes the types of one schema. A shape has its place in the table before its members are looked at, so
// shapes may contain themselves.
type suiteBuilder struct {
	carrier
	shapes      map[string]c2jShape
	refs        map[string]Ref
	queryCompat bool // "error" of a shape tells what query clients see, see errorInfo
}

func newSuiteBuilder(shapes map[string]c2jShape, output, queryCompat bool) *suiteBuilder {
	b := &suiteBuilder{shapes: shapes, refs: map[string]Ref{}, queryCompat: queryCompat}
	b.types, b.structs, b.output = make([]Type, 1), make([]reflect.Type, 1), output
	return b
}

func (b *suiteBuilder) add(t Type) Ref {
	b.types, b.structs = append(b.types, t), append(b.structs, nil)
	return Ref(len(b.types) - 1)
}

func (b *suiteBuilder) ref(name string) (Ref, error) {
	if r, ok := b.refs[name]; ok {
		return r, nil
	}
	s, ok := b.shapes[name]
	if !ok {
		return 0, fmt.Errorf("no shape %q", name)
	}
	kind, err := s.kind()
	if err != nil {
		return 0, fmt.Errorf("shape %s: %w", name, err)
	}
	r := b.add(Type{Kind: kind}) // the kind is all that those who refer to it need
	b.refs[name] = r
	t := Type{
		Name: name, Kind: kind, Flattened: s.Flattened, Time: timeFormats[s.TimestampFormat], Wire: s.LocationName,
		Namespace: s.XMLNamespace.namespace(), Sparse: s.Sparse, Rules: s.rules(), Bits: s.Bits, Error: b.errorInfo(name, &s),
	}
	switch kind {
	case KindStruct, KindUnion, KindEvents:
		err = b.structure(&t, r, s)
	case KindList:
		t.ElemName, t.ElemNamespace = s.Member.LocationName, s.Member.XMLNamespace.namespace()
		t.Elem, err = b.ref(s.Member.Shape)
		t.Go = carrierList{&b.carrier, r, t.Elem}
	case KindMap:
		t.KeyName, t.ElemName = s.Key.LocationName, s.Value.LocationName
		t.KeyNamespace, t.ElemNamespace = s.Key.XMLNamespace.namespace(), s.Value.XMLNamespace.namespace()
		if t.Key, err = b.ref(s.Key.Shape); err != nil {
			return 0, err
		}
		t.Elem, err = b.ref(s.Value.Shape)
		t.Go = carrierMap{&b.carrier, r, t.Elem}
	default:
	}
	b.types[r] = t
	return r, err
}

func (s *c2jShape) kind() (Kind, error) {
	switch {
	case s.EventStream:
		return KindEvents, nil
	case s.Document:
		return KindDocument, nil
	case s.Streaming:
		return KindStream, nil
	case s.Union:
		return KindUnion, nil
	}
	k, ok := c2jKinds[s.Type]
	if !ok {
		return 0, fmt.Errorf("no type %q", s.Type)
	}
	return k, nil
}

var timeFormats = map[string]TimeFormat{"unixTimestamp": TimeEpoch, "iso8601": TimeISO8601, "rfc822": TimeRFC822}

var c2jKinds = map[string]Kind{
	"structure": KindStruct, "list": KindList, "map": KindMap, "string": KindString, "integer": KindInt32, "long": KindInt64,
	"float": KindFloat32, "double": KindFloat64, "boolean": KindBool, "timestamp": KindTime, "blob": KindBlob,
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

func (s *c2jShape) rules() *Constraints {
	if s.Min == "" && s.Max == "" && s.Pattern == "" && len(s.Enum) == 0 && !s.UniqueItems {
		return nil
	}
	return &Constraints{Min: s.Min.String(), Max: s.Max.String(), Pattern: s.Pattern, Enum: s.Enum, Unique: s.UniqueItems}
}

// errorInfo returns nil for shapes that are no errors. In a query-compatible service "error" holds what query clients see
// (the awsQueryError trait), so the other protocols' code and status do not come from there.
func (b *suiteBuilder) errorInfo(name string, s *c2jShape) *ErrorInfo {
	if !s.Exception && s.Error == nil {
		return nil
	}
	info := &ErrorInfo{Code: name, Sender: !s.Fault}
	switch {
	case s.Error == nil:
	case b.queryCompat:
		info.QueryCode, info.Sender = s.Error.Code, s.Error.SenderFault
	default:
		info.Code, info.Status, info.Sender = s.Error.Code, s.Error.HTTPStatusCode, s.Error.SenderFault
	}
	for _, m := range s.Members {
		if m.name == "Message" || m.name == "message" {
			info.Message = m.name
		}
	}
	return info
}

func (b *suiteBuilder) structure(t *Type, r Ref, s c2jShape) error {
	var fields []reflect.StructField
	for i, m := range s.Members {
		ref, err := b.ref(m.Shape)
		if err != nil {
			return err
		}
		kind := b.types[ref].Kind
		f := Field{
			Name: m.name, Wire: m.LocationName, QueryName: m.QueryName, Type: ref, Loc: c2jLocations[m.Location],
			Time: timeFormats[m.TimestampFormat], Namespace: m.XMLNamespace.namespace(), Default: string(m.Default),
		}
		for flag, on := range map[FieldFlags]bool{
			Required: slices.Contains(s.Required, m.name), Flattened: m.Flattened, XMLAttribute: m.XMLAttribute, JSONValue: m.JSONValue,
			HostLabel: m.HostLabel, IdempotencyToken: m.IdempotencyToken, EventPayload: m.EventPayload, EventHeader: m.EventHeader,
			Pointer: isScalar(kind),
		} {
			if on {
				f.Flags |= flag
			}
		}
		if m.name == s.Payload {
			f.Loc = InPayload
			if f.Wire == m.name { // botocore's conversion names payload members so where Smithy's tests do not
				f.Wire = ""
			}
		}
		t.Fields = append(t.Fields, f)
		fields = append(fields, reflect.StructField{Name: fmt.Sprintf("F%d", i), Type: b.member(kind)})
	}
	gt := reflect.StructOf(fields)
	for i := range t.Fields {
		t.Fields[i].Off = gt.Field(i).Offset
	}
	b.structs[r], t.Go = gt, carrierStruct{gt}
	return nil
}

// payloadType is the media type of the member that is the body of shape name; "" for none. For services apigen takes it
// from the overlay: botocore's models have no media types.
func (b *suiteBuilder) payloadType(name string) string {
	s := b.shapes[name]
	for _, m := range s.Members {
		if m.name == s.Payload {
			return b.shapes[m.Shape].MediaType
		}
	}
	return ""
}
