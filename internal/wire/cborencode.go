// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/binary"
	"math"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"
)

// cborEncoder appends Go values as CBOR: structures without a length, lists and maps with theirs, integers in their
// shortest form, floating point numbers in the width of their type.
type cborEncoder struct {
	buf     []byte
	inError bool // empty strings of structures are absent
	millis  bool // timestamps are milliseconds: see amzCBOR
}

// object appends the structure at p. bodyOnly leaves out members that stand elsewhere.
func (e *cborEncoder) object(t *typePlan, p unsafe.Pointer, bodyOnly bool) {
	e.buf = append(e.buf, cborMap<<5|cborOpen)
	e.members(t, p, bodyOnly)
	e.buf = append(e.buf, cborBreak)
}

// members appends the entries of a structure's map.
func (e *cborEncoder) members(t *typePlan, p unsafe.Pointer, bodyOnly bool) {
	inError := e.inError && t.Error != nil
	for i := range t.fields {
		f := &t.fields[i]
		if bodyOnly && f.Loc != InBody || f.typ.Kind == KindDocument { // the protocol has no documents
			continue
		}
		if v, ok := f.shown(p, inError); ok {
			e.text(f.wire)
			e.value(f.typ, v)
		}
	}
}

func (e *cborEncoder) value(t *typePlan, v unsafe.Pointer) {
	switch t.Kind {
	case KindStruct, KindUnion:
		e.object(t, v, false)
	case KindList:
		e.list(t, v)
	case KindMap:
		e.mapping(t, v)
	case KindString:
		e.text(*(*string)(v))
	case KindInt32:
		e.integer(int64(*(*int32)(v)))
	case KindInt64:
		e.integer(*(*int64)(v))
	case KindFloat32:
		e.buf = append(e.buf, cborSimple<<5|cborSingle)
		e.buf = binary.BigEndian.AppendUint32(e.buf, math.Float32bits(*(*float32)(v)))
	case KindFloat64:
		e.double(*(*float64)(v))
	case KindBool:
		c := cborSimple<<5 | byte(cborFalse)
		if *(*bool)(v) {
			c++
		}
		e.buf = append(e.buf, c)
	case KindBlob:
		b := *(*[]byte)(v)
		e.head(cborBytes, uint64(len(b)))
		e.buf = append(e.buf, b...)
	case KindTime:
		e.head(cborTag, tagEpoch)
		ms := (*(*time.Time)(v)).UnixMilli()
		if e.millis {
			e.integer(ms)
			return
		}
		e.double(float64(ms) / 1000)
	default:
		e.buf = append(e.buf, cborSimple<<5|cborNull)
	}
}

func (e *cborEncoder) list(t *typePlan, v unsafe.Pointer) {
	n := t.sl.length(v)
	e.head(cborList, uint64(n))
	for i := range n {
		e.element(t, t.sl.at(v, i))
	}
}

func (e *cborEncoder) element(t *typePlan, slot unsafe.Pointer) {
	if v, ok := t.held(slot); ok {
		e.value(t.elem, v)
		return
	}
	e.buf = append(e.buf, cborSimple<<5|cborNull)
}

// mapping writes keys in sorted order, so equal answers are equal bytes.
func (e *cborEncoder) mapping(t *typePlan, v unsafe.Pointer) {
	keys := t.mp.keys(v)
	e.head(cborMap, uint64(len(keys)))
	room := t.mp.scratch()
	for _, key := range keys {
		e.text(key)
		t.mp.load(v, key, room)
		e.element(t, room)
	}
}

// head appends the head of an item in its shortest form.
func (e *cborEncoder) head(major byte, arg uint64) {
	c := major << 5
	switch {
	case arg < 24:
		e.buf = append(e.buf, c|byte(arg))
	case arg <= math.MaxUint8:
		e.buf = append(e.buf, c|24, byte(arg))
	case arg <= math.MaxUint16:
		e.buf = binary.BigEndian.AppendUint16(append(e.buf, c|25), uint16(arg))
	case arg <= math.MaxUint32:
		e.buf = binary.BigEndian.AppendUint32(append(e.buf, c|26), uint32(arg))
	default:
		e.buf = binary.BigEndian.AppendUint64(append(e.buf, c|27), arg)
	}
}

func (e *cborEncoder) integer(n int64) {
	if n < 0 {
		e.head(cborNegative, uint64(-1-n))
		return
	}
	e.head(cborUint, uint64(n))
}

func (e *cborEncoder) double(f float64) {
	e.buf = append(e.buf, cborSimple<<5|cborDouble)
	e.buf = binary.BigEndian.AppendUint64(e.buf, math.Float64bits(f))
}

// text appends s. Bytes that are not UTF-8 become the replacement character.
func (e *cborEncoder) text(s string) {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\ufffd")
	}
	e.head(cborText, uint64(len(s)))
	e.buf = append(e.buf, s...)
}
