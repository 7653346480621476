// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/gustcloud/gust/internal/base/av"
)

// jsonEncoder appends Go values as JSON text.
type jsonEncoder struct {
	buf     []byte
	inError bool // empty strings of structures are absent
	tree    bool // see EncodeJSON
}

// jsonBuffers are buffers of answers that were sent.
var jsonBuffers = buffers{sync.Pool{New: func() any { return new(make([]byte, 0, 1<<10)) }}}

type buffers struct{ pool sync.Pool }

func (b *buffers) take() *[]byte {
	buf, _ := b.pool.Get().(*[]byte)
	return buf
}

// give takes a buffer back after what was appended to it, used, is written. Large ones go to the garbage.
func (b *buffers) give(buf *[]byte, used []byte) {
	if cap(used) <= 64<<10 {
		*buf = used[:0]
		b.pool.Put(buf)
	}
}

// object appends the structure at p. bodyOnly leaves out members that the HTTP binding puts elsewhere.
func (e *jsonEncoder) object(t *typePlan, p unsafe.Pointer, bodyOnly bool) {
	e.buf = append(e.buf, '{')
	e.members(t, p, bodyOnly, false)
	e.buf = append(e.buf, '}')
}

// members appends the members without the braces. some tells that a member stands before them.
func (e *jsonEncoder) members(t *typePlan, p unsafe.Pointer, bodyOnly, some bool) {
	inError := e.inError && t.Error != nil
	for i := range t.fields {
		f := &t.fields[i]
		if bodyOnly && f.Loc != InBody {
			continue
		}
		v, ok := f.shown(p, inError)
		if !ok {
			continue
		}
		if some {
			e.buf = append(e.buf, ',')
		}
		some = true
		name := f.wire
		if e.tree {
			name = strings.ToUpper(f.Name[:1]) + f.Name[1:]
		}
		e.buf = append(appendJSONString(e.buf, name), ':')
		e.value(f.typ, v, f.timeFormat(TimeEpoch))
	}
}

func (e *jsonEncoder) value(t *typePlan, v unsafe.Pointer, tf TimeFormat) {
	switch t.Kind {
	case KindStruct, KindUnion:
		e.object(t, v, false)
	case KindList:
		e.list(t, v)
	case KindMap:
		e.mapping(t, v)
	case KindAttribute:
		e.attribute(*(*av.Value)(v))
	case KindString:
		e.buf = appendJSONString(e.buf, *(*string)(v))
	case KindInt32:
		e.buf = strconv.AppendInt(e.buf, int64(*(*int32)(v)), 10)
	case KindInt64:
		e.buf = strconv.AppendInt(e.buf, *(*int64)(v), 10)
	case KindFloat32:
		e.buf = appendJSONFloat(e.buf, float64(*(*float32)(v)), 32)
	case KindFloat64:
		e.buf = appendJSONFloat(e.buf, *(*float64)(v), 64)
	case KindBool:
		e.buf = strconv.AppendBool(e.buf, *(*bool)(v))
	case KindBlob:
		e.buf = append(e.buf, '"')
		e.buf = base64.StdEncoding.AppendEncode(e.buf, *(*[]byte)(v))
		e.buf = append(e.buf, '"')
	case KindTime:
		if e.tree {
			tf = TimeISO8601
		}
		if tf == TimeDefault || tf == TimeEpoch {
			e.buf = appendTime(e.buf, *(*time.Time)(v), TimeEpoch)
			return
		}
		e.buf = append(e.buf, '"')
		e.buf = appendTime(e.buf, *(*time.Time)(v), tf)
		e.buf = append(e.buf, '"')
	case KindDocument:
		if raw := *(*[]byte)(v); len(raw) > 0 {
			e.buf = append(e.buf, raw...)
			return
		}
		fallthrough
	default:
		e.buf = append(e.buf, "null"...)
	}
}

func (e *jsonEncoder) list(t *typePlan, v unsafe.Pointer) {
	e.buf = append(e.buf, '[')
	for i, n := 0, t.sl.length(v); i < n; i++ {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		e.element(t, t.sl.at(v, i))
	}
	e.buf = append(e.buf, ']')
}

func (e *jsonEncoder) element(t *typePlan, slot unsafe.Pointer) {
	if v, ok := t.held(slot); ok {
		e.value(t.elem, v, t.elem.Time)
		return
	}
	e.buf = append(e.buf, "null"...)
}

// mapping writes keys in sorted order, so equal answers are equal bytes.
func (e *jsonEncoder) mapping(t *typePlan, v unsafe.Pointer) {
	e.buf = append(e.buf, '{')
	room := t.mp.scratch()
	for i, key := range t.mp.keys(v) {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		e.buf = append(appendJSONString(e.buf, key), ':')
		t.mp.load(v, key, room)
		e.element(t, room)
	}
	e.buf = append(e.buf, '}')
}

// appendJSONFloat writes plain decimals where they are short, and an exponent otherwise.
func appendJSONFloat(b []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(b, `"-Infinity"`...)
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(b, f, format, -1, bits)
}

const hexDigits = "0123456789abcdef"

// appendJSONString appends s in quotes. Bytes that are not UTF-8 become the replacement character.
func appendJSONString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				b = append(append(b, s[start:i]...), "\ufffd"...)
				start = i + 1
			}
			i += n
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	return append(append(b, s[start:]...), '"')
}
