// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"
)

// This file checks one value against the rules of its type and words them; validate.go walks.

// broken returns the rules of t itself that the value at p breaks, in AWS's words.
func (t *typePlan) broken(p unsafe.Pointer) []string {
	var out []string
	r := &t.rules
	low, high := false, false
	if r.hasMin || r.hasMax {
		low, high = t.outside(p)
		if high {
			out = append(out, t.maxText())
		}
		if low {
			out = append(out, t.minText())
		}
	}
	if r.unique && t.repeats(p) {
		out = append(out, "Member must have unique values") // Smithy's words, unverified for AWS
	}
	if t.Kind == KindString {
		s := *(*string)(p)
		// A pattern costs up to some hundred ns a byte: a text that is refused anyway, and too long to be shown, is spared it.
		if re := r.compiled(t.Rules); re != nil && (!high || len(s) <= maxShown) && !re.MatchString(s) {
			out = append(out, t.patternText())
		}
		if r.enum != nil {
			if _, ok := r.enum[s]; !ok {
				out = append(out, t.enumText())
			}
		}
	}
	return out
}

// repeats tells whether two elements of the list at p are equal: whether they are the same JSON.
func (t *typePlan) repeats(p unsafe.Pointer) bool {
	seen := make(map[string]struct{})
	for i := range t.sl.length(p) {
		e := jsonEncoder{tree: true}
		e.element(t, t.sl.at(p, i))
		if _, again := seen[string(e.buf)]; again {
			return true
		}
		seen[string(e.buf)] = struct{}{}
	}
	return false
}

// breaksText tells whether s, a key of a map, breaks a rule of t, a string.
func (t *typePlan) breaksText(s string) bool {
	r := &t.rules
	if r.hasMin || r.hasMax {
		// Most texts are shorter in bytes than they may be in characters: then nothing is counted.
		if n := int64(len(s)); r.hasMax && n > r.max || r.hasMin && n < max(r.min, 1)*utf8.UTFMax {
			n = int64(utf8.RuneCountInString(s))
			if r.hasMax && n > r.max || r.hasMin && n < r.min {
				return true
			}
		}
	}
	if re := r.compiled(t.Rules); re != nil && !re.MatchString(s) {
		return true
	}
	if r.enum != nil {
		_, ok := r.enum[s]
		return !ok
	}
	return false
}

// outside compares the length or value at p with the bounds.
func (t *typePlan) outside(p unsafe.Pointer) (low, high bool) {
	r := &t.rules
	var n int64
	switch t.Kind {
	case KindString:
		n = int64(utf8.RuneCountInString(*(*string)(p)))
	case KindBlob:
		n = int64(len(*(*[]byte)(p)))
	case KindList:
		n = int64(t.sl.length(p))
	case KindMap:
		n = int64(t.mp.length(p))
	case KindInt32:
		n = int64(*(*int32)(p))
	case KindInt64:
		n = *(*int64)(p)
	case KindFloat32, KindFloat64:
		f := t.float(p)
		return r.hasMin && f < r.minF, r.hasMax && f > r.maxF
	default:
		return false, false
	}
	return r.hasMin && n < r.min, r.hasMax && n > r.max
}

func (t *typePlan) float(p unsafe.Pointer) float64 {
	if t.Kind == KindFloat32 {
		return float64(*(*float32)(p))
	}
	return *(*float64)(p)
}

// measure is what the bounds of t bound.
func (t *typePlan) measure() string {
	switch t.Kind {
	case KindInt32, KindInt64, KindFloat32, KindFloat64:
		return "value"
	default:
		return "length"
	}
}

func (t *typePlan) maxText() string {
	return "Member must have " + t.measure() + " less than or equal to " + t.Rules.Max
}

func (t *typePlan) minText() string {
	return "Member must have " + t.measure() + " greater than or equal to " + t.Rules.Min
}

func (t *typePlan) patternText() string {
	return "Member must satisfy regular expression pattern: " + t.Rules.Pattern
}

func (t *typePlan) enumText() string {
	return "Member must satisfy enum value set: [" + strings.Join(t.Rules.Enum, ", ") + "]"
}

// allRules lists every rule of an element's type, broken or not.
func (t *typePlan) allRules() string {
	var all []string
	if t.rules.hasMax {
		all = append(all, t.maxText())
	}
	if t.rules.hasMin {
		all = append(all, t.minText())
	}
	if t.Rules.Pattern != "" {
		all = append(all, t.patternText())
	}
	if len(t.Rules.Enum) > 0 {
		all = append(all, t.enumText())
	}
	return "[" + strings.Join(append(all, notNull), ", ") + "]"
}

// appendText appends the value at p as Java's toString does, which AWS's messages show. It stops soon after maxShown.
func (t *typePlan) appendText(b []byte, p unsafe.Pointer) []byte {
	switch t.Kind {
	case KindString:
		s := *(*string)(p)
		return append(b, s[:min(len(s), maxShown+1)]...)
	case KindInt32:
		return strconv.AppendInt(b, int64(*(*int32)(p)), 10)
	case KindInt64:
		return strconv.AppendInt(b, *(*int64)(p), 10)
	case KindFloat32, KindFloat64:
		bits := 64
		if t.Kind == KindFloat32 {
			bits = 32
		}
		text := strconv.FormatFloat(t.float(p), 'f', -1, bits)
		if !strings.ContainsAny(text, ".NI") {
			text += ".0"
		}
		return append(b, text...)
	case KindBool:
		return strconv.AppendBool(b, *(*bool)(p))
	case KindTime:
		return appendTime(b, *(*time.Time)(p), TimeISO8601)
	case KindBlob:
		n := strconv.Itoa(len(*(*[]byte)(p)))
		return append(b, "java.nio.HeapByteBuffer[pos=0 lim="+n+" cap="+n+"]"...)
	case KindList:
		b = append(b, '[')
		for i := range t.sl.length(p) {
			if i > 0 {
				b = append(b, ", "...)
			}
			if b = t.appendElement(b, t.sl.at(p, i)); len(b) > maxShown {
				break
			}
		}
		return append(b, ']')
	case KindMap:
		b = append(b, '{')
		room := t.mp.scratch()
		for i, key := range t.mp.keys(p) {
			if i > 0 {
				b = append(b, ", "...)
			}
			t.mp.load(p, key, room)
			b = append(append(b, key[:min(len(key), maxShown+1)]...), '=')
			if b = t.appendElement(b, room); len(b) > maxShown {
				break
			}
		}
		return append(b, '}')
	default: // Java shows a class and an address here
		return append(b, t.Name...)
	}
}

func (t *typePlan) appendElement(b []byte, slot unsafe.Pointer) []byte {
	if e, ok := t.held(slot); ok {
		return t.elem.appendText(b, e)
	}
	return append(b, "null"...)
}
