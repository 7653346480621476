// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"time"
	"unsafe"
)

// put stores v at p, which is a T, or with Pointer among the flags a *T.
func put[T any](flags FieldFlags, p unsafe.Pointer, v T) {
	if flags&Pointer != 0 {
		*(**T)(p) = &v
		return
	}
	*(*T)(p) = v
}

// member returns where the value of f stands inside the structure at p, for encoding: pointers of scalars and structures
// are followed. ok is false when the member is absent. inError hides empty strings.
func (f *fieldPlan) member(p unsafe.Pointer, inError bool) (v unsafe.Pointer, ok bool) {
	v = unsafe.Add(p, f.Off)
	switch f.typ.Kind {
	case KindStruct, KindUnion, KindAttribute:
		v = *(*unsafe.Pointer)(v)
		return v, v != nil
	case KindList:
		return v, !f.typ.sl.absent(v)
	case KindMap:
		return v, !f.typ.mp.absent(v)
	case KindBlob, KindDocument:
		return v, *(*[]byte)(v) != nil
	case KindTime:
		return v, !(*time.Time)(v).IsZero()
	case KindString, KindInt32, KindInt64, KindFloat32, KindFloat64, KindBool:
		if f.Flags&Pointer != 0 {
			v = *(*unsafe.Pointer)(v)
			return v, v != nil
		}
		if inError && f.typ.Kind == KindString {
			return v, *(*string)(v) != ""
		}
		return v, true
	default: // streams have no place in a document
		return v, false
	}
}

// enter returns where to decode the value of f inside the structure at p, allocating the structure or scalar that the
// member points to.
func (f *fieldPlan) enter(p unsafe.Pointer) unsafe.Pointer {
	v := unsafe.Add(p, f.Off)
	var target unsafe.Pointer
	switch f.typ.Kind {
	case KindStruct, KindUnion, KindAttribute:
		target = f.typ.st.alloc()
	case KindString, KindInt32, KindInt64, KindFloat32, KindFloat64, KindBool:
		if f.Flags&Pointer == 0 {
			return v
		}
		target = newScalar(f.typ.Kind)
	default:
		return v
	}
	*(*unsafe.Pointer)(v) = target
	return target
}

// room returns where to decode an element of the list or map t: slot is its place, which holds a pointer if t is sparse.
func (t *typePlan) room(slot unsafe.Pointer) unsafe.Pointer {
	if !t.Sparse {
		return slot
	}
	v := t.elem.alloc()
	*(*unsafe.Pointer)(slot) = v
	return v
}

// held returns the element of the list or map t whose place is slot; ok is false for null.
func (t *typePlan) held(slot unsafe.Pointer) (v unsafe.Pointer, ok bool) {
	if !t.Sparse {
		return slot, true
	}
	v = *(*unsafe.Pointer)(slot)
	return v, v != nil
}

// alloc returns a new zero value of t.
func (t *typePlan) alloc() unsafe.Pointer {
	switch t.Kind {
	case KindStruct, KindUnion, KindAttribute:
		return t.st.alloc()
	case KindList:
		return t.sl.alloc()
	case KindMap:
		return t.mp.alloc()
	case KindTime:
		return unsafe.Pointer(new(time.Time))
	case KindBlob, KindDocument:
		return unsafe.Pointer(new([]byte))
	default:
		return newScalar(t.Kind)
	}
}

func newScalar(k Kind) unsafe.Pointer {
	switch k {
	case KindString:
		return unsafe.Pointer(new(string))
	case KindInt32:
		return unsafe.Pointer(new(int32))
	case KindInt64:
		return unsafe.Pointer(new(int64))
	case KindFloat32:
		return unsafe.Pointer(new(float32))
	case KindFloat64:
		return unsafe.Pointer(new(float64))
	default:
		return unsafe.Pointer(new(bool))
	}
}
