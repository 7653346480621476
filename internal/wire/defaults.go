// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"unsafe"
)

// Defaults of absent members (Field.Default). A decoder sets them in the input that a service sees; an encoder writes them
// in place of what a service left out.

func defaultsBelow(t *typePlan) bool {
	if t.elem != nil && t.elem.defaults {
		return true
	}
	for i := range t.fields {
		if t.fields[i].Default != "" || t.fields[i].typ.defaults {
			return true
		}
	}
	return false
}

// prepareDefaults reads the values of defaults. A table whose default is not of the member's type is a mistake of the program.
func prepareDefaults(s *Schema, types []*typePlan) {
	for _, t := range types {
		for i := range t.fields {
			f := &t.fields[i]
			if f.Default == "" || f.typ.Kind == KindStream || f.typ.Kind == KindEvents { // a stream is never absent
				continue
			}
			f.fallback = f.typ.alloc()
			if err := f.decodeDefault(s, f.fallback); err != nil {
				panic(fmt.Sprintf("wire: %s: default of %s.%s: %v", s.ID, t.Name, f.Name, err))
			}
		}
	}
}

func (f *fieldPlan) decodeDefault(s *Schema, v unsafe.Pointer) error {
	var d jsonDecoder
	if err := d.start(s, []byte(f.Default)); err != nil {
		return err
	}
	if err := d.value(f.typ, v, f.timeFormat(TimeEpoch), msgFieldType); err != nil {
		return err
	}
	return d.end()
}

// shown is member for encoders: an absent member is its default. Errors have none.
func (f *fieldPlan) shown(p unsafe.Pointer, inError bool) (v unsafe.Pointer, ok bool) {
	if v, ok = f.member(p, inError); ok || f.fallback == nil || inError {
		return v, ok
	}
	return f.fallback, true
}

// setDefaults sets the absent members that have a default, here and below.
func (t *typePlan) setDefaults(s *Schema, p unsafe.Pointer) {
	if !t.defaults {
		return
	}
	switch t.Kind {
	case KindStruct, KindUnion:
		for i := range t.fields {
			f := &t.fields[i]
			v, ok := f.member(p, false)
			if !ok && f.fallback != nil {
				_ = f.decodeDefault(s, f.enter(p)) // prepareDefaults read it before
				continue
			}
			if ok {
				f.typ.setDefaults(s, v)
			}
		}
	case KindList:
		for i := range t.sl.length(p) {
			if e, ok := t.held(t.sl.at(p, i)); ok {
				t.elem.setDefaults(s, e)
			}
		}
	case KindMap:
		room := t.mp.scratch()
		for _, key := range t.mp.keys(p) {
			t.mp.load(p, key, room)
			if e, ok := t.held(room); ok {
				t.elem.setDefaults(s, e)
			}
			t.mp.store(p, key, room)
		}
	default:
	}
}
