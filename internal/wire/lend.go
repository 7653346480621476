// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/json"
	"fmt"
	"time"
	"unsafe"

	"github.com/gustcloud/gust/internal/base/av"
)

// Lend returns a copy of v, a pointer to the structure ref of s, that shares no memory with it (streams apart), and take,
// which overwrites all memory of the copy: every byte of a string or blob becomes '#', numbers and truths change. It is for
// tests of the rule that a service clones what it keeps of its input: package wiretest.
func Lend(s *Schema, ref Ref, v any) (lent any, take func(), err error) {
	t := s.prepared().types[ref]
	p, ok := t.st.unbox(v)
	if !ok {
		return nil, nil, fmt.Errorf("lend %s %s: value is a %T", s.ID, t.Name, v)
	}
	var l lender
	to := t.st.clone(p)
	l.members(t, p, to)
	return t.st.box(to), func() {
		l.spoilMembers(t, to)
		for _, b := range l.texts {
			for i := range b {
				b[i] = '#'
			}
		}
	}, nil
}

// lender remembers the memory of the texts that it made.
type lender struct{ texts [][]byte }

func (l *lender) bytes(b []byte) []byte {
	c := append([]byte{}, b...) // present, even when empty
	l.texts = append(l.texts, c)
	return c
}

func (l *lender) text(s string) string {
	b := l.bytes([]byte(s))
	return unsafe.String(unsafe.SliceData(b), len(b))
}

func (l *lender) members(t *typePlan, from, to unsafe.Pointer) {
	for i := range t.fields {
		f := &t.fields[i]
		if v, ok := f.member(from, false); ok {
			l.value(f.typ, v, f.enter(to))
		}
	}
}

func (l *lender) value(t *typePlan, from, to unsafe.Pointer) {
	switch t.Kind {
	case KindStruct, KindUnion:
		l.members(t, from, to)
	case KindList:
		t.sl.empty(to)
		for i := range t.sl.length(from) {
			slot := t.sl.extend(to)
			if e, ok := t.held(t.sl.at(from, i)); ok {
				l.value(t.elem, e, t.room(slot))
			}
		}
	case KindMap:
		t.mp.empty(to)
		room, copied := t.mp.scratch(), t.mp.scratch()
		for _, key := range t.mp.keys(from) {
			t.mp.load(from, key, room)
			if e, ok := t.held(room); ok {
				l.value(t.elem, e, t.room(copied))
			}
			t.mp.store(to, l.text(key), copied)
		}
	case KindAttribute:
		*(*av.Value)(to) = l.attribute(*(*av.Value)(from))
	case KindString:
		*(*string)(to) = l.text(*(*string)(from))
	case KindBlob:
		*(*[]byte)(to) = l.bytes(*(*[]byte)(from))
	case KindDocument:
		*(*json.RawMessage)(to) = l.bytes(*(*json.RawMessage)(from))
	case KindInt32, KindFloat32:
		*(*uint32)(to) = *(*uint32)(from)
	case KindInt64, KindFloat64:
		*(*uint64)(to) = *(*uint64)(from)
	case KindBool:
		*(*bool)(to) = *(*bool)(from)
	case KindTime:
		*(*time.Time)(to) = *(*time.Time)(from)
	default:
	}
}

func (l *lender) attribute(v av.Value) av.Value {
	switch v.Kind() {
	case av.S:
		return av.String(l.text(v.Text()))
	case av.N:
		return av.Number(l.text(v.Text()))
	case av.B:
		return av.Binary(l.text(v.Text()))
	case av.M:
		m := make(map[string]av.Value, len(v.Map()))
		for name, e := range v.Map() {
			m[l.text(name)] = l.attribute(e)
		}
		return av.Map(m)
	case av.L:
		list := make([]av.Value, 0, len(v.List()))
		for _, e := range v.List() {
			list = append(list, l.attribute(e))
		}
		return av.List(list)
	case av.SS, av.NS, av.BS:
		set := make([]string, 0, len(v.Set()))
		for _, member := range v.Set() {
			set = append(set, l.text(member))
		}
		return av.Set(v.Kind(), set)
	default:
		return v
	}
}

// spoilMembers changes what is not text.
func (l *lender) spoilMembers(t *typePlan, p unsafe.Pointer) {
	for i := range t.fields {
		f := &t.fields[i]
		if v, ok := f.member(p, false); ok {
			l.spoil(f.typ, v)
		}
	}
}

func (l *lender) spoil(t *typePlan, v unsafe.Pointer) {
	switch t.Kind {
	case KindStruct, KindUnion:
		l.spoilMembers(t, v)
	case KindList:
		for i := range t.sl.length(v) {
			if e, ok := t.held(t.sl.at(v, i)); ok {
				l.spoil(t.elem, e)
			}
		}
	case KindMap:
		room := t.mp.scratch()
		for _, key := range t.mp.keys(v) {
			t.mp.load(v, key, room)
			if e, ok := t.held(room); ok {
				l.spoil(t.elem, e)
			}
			t.mp.store(v, key, room)
		}
	case KindInt32, KindFloat32:
		*(*uint32)(v) ^= 0x23232323
	case KindInt64, KindFloat64:
		*(*uint64)(v) ^= 0x2323232323232323
	case KindBool:
		*(*bool)(v) = !*(*bool)(v)
	case KindTime:
		*(*time.Time)(v) = time.Time{}
	default:
	}
}
