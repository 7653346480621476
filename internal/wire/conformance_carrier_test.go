// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/json"
	"io"
	"iter"
	"maps"
	"reflect"
	"slices"
	"time"
	"unsafe"
)

// This file makes the Go side of a suite's shapes at run time, as generated code does for services: GoTypes over memory
// that reflection laid out. Reflection cannot build a type that contains itself, so no type here contains another's: a
// structure is held by an unsafe pointer, a list is a []unsafe.Pointer and a map a map[string]unsafe.Pointer whose elements
// stand on the heap, each alone. The codecs see the difference nowhere: they reach elements through GoType only, and a
// member of structure type is a pointer in generated code too. Shapes may thus refer to each other in any circle.
//
// Every scalar member is a pointer, so that presence shows in comparisons.

// carrier knows the Go type of each shape of a table under construction.
type carrier struct {
	types   []Type         // what Schema.Types will be
	structs []reflect.Type // by Ref, of structures and unions
	output  bool           // streams are those of outputs
}

var scalarTypes = map[Kind]reflect.Type{
	KindString: reflect.TypeFor[string](), KindInt32: reflect.TypeFor[int32](), KindInt64: reflect.TypeFor[int64](),
	KindFloat32: reflect.TypeFor[float32](), KindFloat64: reflect.TypeFor[float64](), KindBool: reflect.TypeFor[bool](),
	KindTime: reflect.TypeFor[time.Time](), KindBlob: reflect.TypeFor[[]byte](), KindDocument: reflect.TypeFor[json.RawMessage](),
	KindList: reflect.TypeFor[[]unsafe.Pointer](), KindMap: reflect.TypeFor[map[string]unsafe.Pointer](),
}

// value is the type of a value of shape r where it stands for itself.
func (c *carrier) value(r Ref) reflect.Type {
	if t, ok := scalarTypes[c.types[r].Kind]; ok {
		return t
	}
	return c.structs[r]
}

// place is the type of an element of the list or map holder.
func (c *carrier) place(holder, elem Ref) reflect.Type {
	if c.types[holder].Sparse {
		return reflect.TypeFor[unsafe.Pointer]()
	}
	return c.value(elem)
}

// member is the type of a structure's member of kind k.
func (c *carrier) member(k Kind) reflect.Type {
	switch {
	case k == KindStruct || k == KindUnion:
		return reflect.TypeFor[unsafe.Pointer]()
	case k == KindStream && c.output:
		return reflect.TypeFor[io.ReadCloser]()
	case k == KindStream:
		return reflect.TypeFor[io.Reader]()
	case k == KindEvents:
		return reflect.TypeFor[iter.Seq2[any, error]]()
	case isScalar(k):
		return reflect.PointerTo(scalarTypes[k])
	}
	return scalarTypes[k]
}

// carrierSize stands for the memory of an element: a suite's bodies are too small for the budget to matter.
const carrierSize = 64

type (
	carrierStruct struct{ t reflect.Type }
	carrierList   struct {
		c          *carrier
		self, elem Ref
	}
	carrierMap carrierList
)

var (
	_ structType = carrierStruct{}
	_ sliceType  = carrierList{}
	_ mapType    = carrierMap{}
)

func (carrierStruct) size() uintptr           { return carrierSize }
func (s carrierStruct) alloc() unsafe.Pointer { return reflect.New(s.t).UnsafePointer() }

func (s carrierStruct) clone(p unsafe.Pointer) unsafe.Pointer { return copied(s.t, p) }

func (s carrierStruct) box(p unsafe.Pointer) any { return reflect.NewAt(s.t, p).Interface() }

func (s carrierStruct) unbox(v any) (unsafe.Pointer, bool) {
	return reflect.ValueOf(v).UnsafePointer(), reflect.TypeOf(v).Elem() == s.t
}

// copied returns a shallow copy of the t at p, a zero one for nil.
func copied(t reflect.Type, p unsafe.Pointer) unsafe.Pointer {
	v := reflect.New(t)
	if p != nil {
		v.Elem().Set(reflect.NewAt(t, p).Elem())
	}
	return v.UnsafePointer()
}

func (carrierList) size() uintptr { return carrierSize }

func (carrierList) alloc() unsafe.Pointer { return unsafe.Pointer(new([]unsafe.Pointer)) }

func (carrierList) length(p unsafe.Pointer) int { return len(*(*[]unsafe.Pointer)(p)) }

func (carrierList) absent(p unsafe.Pointer) bool { return *(*[]unsafe.Pointer)(p) == nil }

func (carrierList) empty(p unsafe.Pointer) { *(*[]unsafe.Pointer)(p) = []unsafe.Pointer{} }

func (carrierList) at(p unsafe.Pointer, i int) unsafe.Pointer { return (*(*[]unsafe.Pointer)(p))[i] }

func (l carrierList) extend(p unsafe.Pointer) unsafe.Pointer {
	e := copied(l.c.place(l.self, l.elem), nil)
	*(*[]unsafe.Pointer)(p) = append(*(*[]unsafe.Pointer)(p), e)
	return e
}

func (carrierMap) size() uintptr { return carrierSize }

func (carrierMap) alloc() unsafe.Pointer { return unsafe.Pointer(new(map[string]unsafe.Pointer)) }

func (carrierMap) length(p unsafe.Pointer) int { return len(*(*map[string]unsafe.Pointer)(p)) }

func (carrierMap) absent(p unsafe.Pointer) bool { return *(*map[string]unsafe.Pointer)(p) == nil }

func (carrierMap) empty(p unsafe.Pointer) {
	*(*map[string]unsafe.Pointer)(p) = map[string]unsafe.Pointer{}
}

func (carrierMap) keys(p unsafe.Pointer) []string {
	return slices.Sorted(maps.Keys(*(*map[string]unsafe.Pointer)(p)))
}

func (m carrierMap) breaks(p unsafe.Pointer, key *typePlan) bool {
	return slices.ContainsFunc(m.keys(p), key.breaksText)
}

func (m carrierMap) scratch() unsafe.Pointer { return copied(m.c.place(m.self, m.elem), nil) }

func (m carrierMap) load(p unsafe.Pointer, key string, v unsafe.Pointer) {
	t := m.c.place(m.self, m.elem)
	reflect.NewAt(t, v).Elem().SetZero()
	if e := (*(*map[string]unsafe.Pointer)(p))[key]; e != nil {
		reflect.NewAt(t, v).Elem().Set(reflect.NewAt(t, e).Elem())
	}
}

func (m carrierMap) store(p unsafe.Pointer, key string, v unsafe.Pointer) {
	t := m.c.place(m.self, m.elem)
	(*(*map[string]unsafe.Pointer)(p))[key] = copied(t, v)
	reflect.NewAt(t, v).Elem().SetZero()
}
