// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"reflect"
	"unsafe"
)

// What StructOf and SliceOf do is compiled anew for each type, under a name that spells the whole structure: for all of AWS
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
