// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"iter"
	"reflect"
	"slices"
	"unsafe"
)

// What StructOf, SliceOf and MapOf do is compiled anew for each type, under a name that spells the whole structure: for all of AWS
// that would be tens of megabytes. Generated tables therefore name structures by a nil pointer, and these types do the same
// with what the runtime knows of the type. Reading and writing stays free of reflection; making a value costs a few
// nanoseconds more.

// structOf is the GoType of a structure that is known at run time only.
type structOf struct{ typ, ptr reflect.Type }

var _ structType = (*structOf)(nil)

func structOfType(t reflect.Type) *structOf { return &structOf{typ: t, ptr: reflect.PointerTo(t)} }

func (s *structOf) String() string { return s.typ.String() }

func (s *structOf) size() uintptr { return s.typ.Size() }

func (s *structOf) alloc() unsafe.Pointer { return reflect.New(s.typ).UnsafePointer() }

func (s *structOf) clone(p unsafe.Pointer) unsafe.Pointer {
	v := reflect.New(s.typ)
	v.Elem().Set(reflect.NewAt(s.typ, p).Elem())
	return v.UnsafePointer()
}

func (s *structOf) box(p unsafe.Pointer) any { return reflect.NewAt(s.typ, p).Interface() }

func (s *structOf) unbox(v any) (unsafe.Pointer, bool) {
	if reflect.TypeOf(v) != s.ptr {
		return nil, false
	}
	p := reflect.ValueOf(v).UnsafePointer()
	return p, p != nil
}

// sliceOf is the GoType of a slice that is known at run time only.
type sliceOf struct {
	typ    reflect.Type
	stride uintptr
}

var _ sliceType = (*sliceOf)(nil)

// sliceHeader is the memory of a slice.
type sliceHeader struct {
	data     unsafe.Pointer
	len, cap int
}

func sliceOfType(t reflect.Type) *sliceOf { return &sliceOf{typ: t, stride: t.Elem().Size()} }

func (s *sliceOf) String() string { return s.typ.String() }

func (s *sliceOf) size() uintptr { return s.stride }

func (s *sliceOf) alloc() unsafe.Pointer { return reflect.New(s.typ).UnsafePointer() }

func (*sliceOf) length(p unsafe.Pointer) int { return (*sliceHeader)(p).len }

func (*sliceOf) absent(p unsafe.Pointer) bool { return (*sliceHeader)(p).data == nil }

func (s *sliceOf) empty(p unsafe.Pointer) {
	*(*sliceHeader)(p) = sliceHeader{data: reflect.MakeSlice(s.typ, 0, 0).UnsafePointer()}
}

func (s *sliceOf) at(p unsafe.Pointer, i int) unsafe.Pointer {
	h := (*sliceHeader)(p)
	if uint(i) >= uint(h.len) {
		panic("wire: index out of range")
	}
	return unsafe.Add(h.data, uintptr(i)*s.stride)
}

func (s *sliceOf) extend(p unsafe.Pointer) unsafe.Pointer {
	h := (*sliceHeader)(p)
	if h.len == h.cap {
		grown := reflect.MakeSlice(s.typ, h.len, max(1, 2*h.cap)) // zero beyond its length, as extend promises
		reflect.Copy(grown, reflect.NewAt(s.typ, p).Elem())
		h.data, h.cap = grown.UnsafePointer(), grown.Cap()
	}
	h.len++
	return unsafe.Add(h.data, uintptr(h.len-1)*s.stride)
}

// mapOf is the GoType of a map with string keys that is known at run time only.
type mapOf struct{ typ, elem reflect.Type }

var _ mapType = (*mapOf)(nil)

func mapOfType(t reflect.Type) *mapOf { return &mapOf{typ: t, elem: t.Elem()} }

func (m *mapOf) String() string { return m.typ.String() }

func (m *mapOf) size() uintptr { return m.elem.Size() }

func (m *mapOf) alloc() unsafe.Pointer { return reflect.New(m.typ).UnsafePointer() }

func (m *mapOf) at(p unsafe.Pointer) reflect.Value { return reflect.NewAt(m.typ, p).Elem() }

func (m *mapOf) length(p unsafe.Pointer) int { return m.at(p).Len() }

func (m *mapOf) absent(p unsafe.Pointer) bool { return m.at(p).IsNil() }

func (m *mapOf) empty(p unsafe.Pointer) { m.at(p).Set(reflect.MakeMap(m.typ)) }

// names yields the keys in any order.
func (m *mapOf) names(p unsafe.Pointer) iter.Seq[string] {
	return func(yield func(string) bool) {
		var name string
		key := reflect.ValueOf(&name).Elem()
		for i := m.at(p).MapRange(); i.Next(); {
			if key.SetIterKey(i); !yield(name) {
				return
			}
		}
	}
}

func (m *mapOf) keys(p unsafe.Pointer) []string { return slices.Sorted(m.names(p)) }

func (m *mapOf) breaks(p unsafe.Pointer, key *typePlan) bool {
	for name := range m.names(p) {
		if key.breaksText(name) {
			return true
		}
	}
	return false
}

func (m *mapOf) scratch() unsafe.Pointer { return reflect.New(m.elem).UnsafePointer() }

func (m *mapOf) load(p unsafe.Pointer, key string, v unsafe.Pointer) {
	to := reflect.NewAt(m.elem, v).Elem()
	if e := m.at(p).MapIndex(reflect.ValueOf(key)); e.IsValid() {
		to.Set(e)
		return
	}
	to.SetZero()
}

func (m *mapOf) store(p unsafe.Pointer, key string, v unsafe.Pointer) {
	from := reflect.NewAt(m.elem, v).Elem()
	m.at(p).SetMapIndex(reflect.ValueOf(key), from)
	from.SetZero()
}
