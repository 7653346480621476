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
