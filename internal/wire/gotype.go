// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"iter"
	"reflect"
	"slices"
	"unsafe"
)

// GoType gives the codecs typed access to a Go structure, slice or map behind an unsafe pointer, which keeps allocation
// and garbage collection exact without reflection. It is implemented by StructOf, SliceOf, MapOf and EventsOf,
// and by what goTypeOf makes.
type GoType interface {
	alloc() unsafe.Pointer // a new zero value
	size() uintptr         // of a structure, of a list's element, of a map's value
}

// StructOf is the GoType of structure T.
type StructOf[T any] struct{}

// SliceOf is the GoType of []T.
type SliceOf[T any] struct{}

// MapOf is the GoType of map[string]V.
type MapOf[V any] struct{}

// EventsOf is the GoType of iter.Seq2[E, error], an event stream; E is a union of the events.
type EventsOf[E any] struct{}

type structType interface {
	GoType
	clone(p unsafe.Pointer) unsafe.Pointer   // a shallow copy
	box(p unsafe.Pointer) any                // p as *T
	unbox(v any) (p unsafe.Pointer, ok bool) // v must be a *T that is not nil
}

type sliceType interface {
	GoType
	length(p unsafe.Pointer) int
	absent(p unsafe.Pointer) bool
	empty(p unsafe.Pointer)                    // sets an empty, present slice
	at(p unsafe.Pointer, i int) unsafe.Pointer // i must be in range
	extend(p unsafe.Pointer) unsafe.Pointer    // appends a zero element; valid until the next extend
}

type mapType interface {
	GoType
	length(p unsafe.Pointer) int
	absent(p unsafe.Pointer) bool
	empty(p unsafe.Pointer)
	keys(p unsafe.Pointer) []string                       // sorted
	breaks(p unsafe.Pointer, key *typePlan) bool          // some key breaks a rule
	scratch() unsafe.Pointer                              // room for one value
	load(p unsafe.Pointer, key string, v unsafe.Pointer)  // copies the value at key to v
	store(p unsafe.Pointer, key string, v unsafe.Pointer) // copies v into the map and clears v
}

// eventsType gives the events of a stream in their order, each as a pointer to its E, which is valid until the next.
type eventsType interface {
	GoType
	absent(p unsafe.Pointer) bool
	each(p unsafe.Pointer) iter.Seq2[unsafe.Pointer, error]
	union() reflect.Type                                         // E
	event() unsafe.Pointer                                       // a new zero E
	set(p unsafe.Pointer, from iter.Seq2[unsafe.Pointer, error]) // from gives pointers to an E, or errors
}

var (
	_ eventsType = EventsOf[int]{}
	_ structType = StructOf[int]{}
	_ sliceType  = SliceOf[int]{}
	_ mapType    = MapOf[int]{}
)

func (StructOf[T]) size() uintptr { return unsafe.Sizeof(*new(T)) }

func (SliceOf[T]) size() uintptr { return unsafe.Sizeof(*new(T)) }

func (MapOf[V]) size() uintptr { return unsafe.Sizeof(*new(V)) }

func (StructOf[T]) alloc() unsafe.Pointer { return unsafe.Pointer(new(T)) }

func (StructOf[T]) clone(p unsafe.Pointer) unsafe.Pointer {
	v := *(*T)(p)
	return unsafe.Pointer(&v)
}

func (StructOf[T]) box(p unsafe.Pointer) any { return (*T)(p) }

func (StructOf[T]) unbox(v any) (unsafe.Pointer, bool) {
	p, ok := v.(*T)
	return unsafe.Pointer(p), ok && p != nil
}

func (SliceOf[T]) alloc() unsafe.Pointer { return unsafe.Pointer(new([]T)) }

func (SliceOf[T]) length(p unsafe.Pointer) int { return len(*(*[]T)(p)) }

func (SliceOf[T]) absent(p unsafe.Pointer) bool { return *(*[]T)(p) == nil }

func (SliceOf[T]) empty(p unsafe.Pointer) { *(*[]T)(p) = []T{} }

func (SliceOf[T]) at(p unsafe.Pointer, i int) unsafe.Pointer {
	return unsafe.Pointer(&(*(*[]T)(p))[i])
}

func (SliceOf[T]) extend(p unsafe.Pointer) unsafe.Pointer {
	s := (*[]T)(p)
	var zero T
	*s = append(*s, zero)
	return unsafe.Pointer(&(*s)[len(*s)-1])
}

func (MapOf[V]) alloc() unsafe.Pointer { return unsafe.Pointer(new(map[string]V)) }

func (MapOf[V]) length(p unsafe.Pointer) int { return len(*(*map[string]V)(p)) }

func (MapOf[V]) absent(p unsafe.Pointer) bool { return *(*map[string]V)(p) == nil }

func (MapOf[V]) empty(p unsafe.Pointer) { *(*map[string]V)(p) = make(map[string]V) }

func (MapOf[V]) keys(p unsafe.Pointer) []string {
	m := *(*map[string]V)(p)
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (MapOf[V]) breaks(p unsafe.Pointer, key *typePlan) bool {
	for k := range *(*map[string]V)(p) {
		if key.breaksText(k) {
			return true
		}
	}
	return false
}

func (MapOf[V]) scratch() unsafe.Pointer { return unsafe.Pointer(new(V)) }

func (MapOf[V]) load(p unsafe.Pointer, key string, v unsafe.Pointer) {
	*(*V)(v) = (*(*map[string]V)(p))[key]
}

func (MapOf[V]) store(p unsafe.Pointer, key string, v unsafe.Pointer) {
	(*(*map[string]V)(p))[key] = *(*V)(v)
	var zero V
	*(*V)(v) = zero
}

func (EventsOf[E]) size() uintptr { return unsafe.Sizeof(*new(E)) }

func (EventsOf[E]) alloc() unsafe.Pointer { return unsafe.Pointer(new(iter.Seq2[E, error])) }

func (EventsOf[E]) absent(p unsafe.Pointer) bool { return *(*iter.Seq2[E, error])(p) == nil }

func (EventsOf[E]) each(p unsafe.Pointer) iter.Seq2[unsafe.Pointer, error] {
	return func(yield func(unsafe.Pointer, error) bool) {
		for e, err := range *(*iter.Seq2[E, error])(p) {
			if !yield(unsafe.Pointer(&e), err) {
				return
			}
		}
	}
}

func (EventsOf[E]) union() reflect.Type { return reflect.TypeFor[E]() }

func (EventsOf[E]) event() unsafe.Pointer { return unsafe.Pointer(new(E)) }

func (EventsOf[E]) set(p unsafe.Pointer, from iter.Seq2[unsafe.Pointer, error]) {
	*(*iter.Seq2[E, error])(p) = func(yield func(E, error) bool) {
		for at, err := range from {
			var e E
			if err == nil {
				e = *(*E)(at)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}
