// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"
)

// The texts of this file are AWS's, from public issue reports and recorded answers, e.g. boto3 issue 2601 (map keys,
// 2020-09-24), the tests of the emulators dynalite (null, length, paths with ".member") and LocalStack (Lambda's lists
// and maps with "Member must not be null"). Older services leave that last clause out.

// ValidationError is what values that break the model's constraints are answered with.
type ValidationError struct {
	Violations []Violation // at least one
}

// Violation is one broken constraint.
type Violation struct {
	Path       string // "globalSecondaryIndexes.1.member.indexName"
	Value      string // as text
	Null       bool   // there is no value
	Sensitive  bool   // the value must not be shown
	Constraint string // "Member must not be null"
}

// Error is the message as AWS words it.
func (e *ValidationError) Error() string {
	var b strings.Builder
	b.WriteString(strconv.Itoa(len(e.Violations)))
	b.WriteString(" validation error")
	if len(e.Violations) != 1 {
		b.WriteByte('s')
	}
	b.WriteString(" detected: ")
	for i, v := range e.Violations {
		if i > 0 {
			b.WriteString("; ")
		}
		switch {
		case v.Null:
			b.WriteString("Value null at '")
		case v.Sensitive:
			b.WriteString("Value at '")
		default:
			b.WriteString("Value '" + v.Value + "' at '")
		}
		b.WriteString(v.Path + "' failed to satisfy constraint: " + v.Constraint)
	}
	return b.String()
}

const notNull = "Member must not be null"

// Validate checks in, a pointer to the structure ref, as decoding does: for callers that hold typed values. A required
// scalar that is a Go value counts as present.
func Validate(s *Schema, ref Ref, in any) error {
	t := s.prepared().types[ref]
	p, ok := t.st.unbox(in)
	if !ok {
		return serialization("input is a %T", in)
	}
	return validate(s, t, p, nil)
}

// validate returns nil or a *ValidationError. missing are the paths that the decoder found to be absent.
func validate(s *Schema, t *typePlan, p unsafe.Pointer, missing []string) error {
	if s.ValidationCode == "" || !t.checks && len(missing) == 0 {
		return nil
	}
	v := validator{trail: trail{missing: missing}}
	v.structure(t, p)
	if len(v.found) == 0 {
		return nil
	}
	return &ValidationError{Violations: v.found}
}

type validator struct {
	trail
	found []Violation
}

// look tells whether values of t must be looked at.
func (v *validator) look(t *typePlan) bool { return t.checks || len(v.missing) > 0 }

// isMissing tells whether the decoder found the value at the trail to be absent.
func (v *validator) isMissing() bool {
	return len(v.missing) > 0 && slices.Contains(v.missing, v.path())
}

// Limits of the message that bad input can cause; AWS's own are not known.
const (
	maxViolations = 100
	maxShown      = 16 << 10 // bytes of a value
)

func (v *validator) null() {
	if len(v.found) < maxViolations {
		v.found = append(v.found, Violation{Path: v.path(), Null: true, Constraint: notNull})
	}
}

func (v *validator) structure(t *typePlan, p unsafe.Pointer) {
	for i := range t.fields {
		f := &t.fields[i]
		if f.typ.Kind == KindStream || f.typ.Kind == KindEvents || f.Flags&Required == 0 && !v.look(f.typ) {
			continue
		}
		v.pushMember(f.Name)
		at, ok := f.member(p, false)
		switch {
		case !ok && f.Flags&Required != 0, ok && f.track != 0 && v.isMissing():
			v.null()
		case ok && v.look(f.typ):
			v.value(f.typ, at, f.Flags)
		}
		v.pop()
	}
}

// value checks the value at p and what stands below it.
func (v *validator) value(t *typePlan, p unsafe.Pointer, flags FieldFlags) {
	if t.rules.some {
		for _, broken := range t.broken(p) {
			v.report(t, p, flags, broken)
		}
	}
	v.below(t, p, flags)
}

func (v *validator) report(t *typePlan, p unsafe.Pointer, flags FieldFlags, constraint string) {
	if len(v.found) >= maxViolations {
		return
	}
	n := Violation{Path: v.path(), Constraint: constraint, Sensitive: flags&Sensitive != 0}
	if !n.Sensitive {
		text := t.appendText(nil, p)
		n.Value = string(text[:min(len(text), maxShown)])
	}
	v.found = append(v.found, n)
}

// below checks the members, elements, keys and values of a structure, list or map. Elements that break a rule of their
// own are one violation of the list.
func (v *validator) below(t *typePlan, p unsafe.Pointer, flags FieldFlags) {
	switch t.Kind {
	case KindStruct, KindUnion:
		if v.look(t) {
			v.structure(t, p)
		}
	case KindList:
		if v.look(t.elem) {
			v.list(t, p, flags)
		}
	case KindMap:
		if v.look(t.elem) || t.key != nil && t.key.rules.some {
			v.mapping(t, p, flags)
		}
	default:
	}
}

func (v *validator) list(t *typePlan, p unsafe.Pointer, flags FieldFlags) {
	broken := false
	n := t.sl.length(p)
	for i := range n {
		v.pushIndex(i + 1)
		switch null := v.isMissing(); {
		case null && t.elem.rules.some:
			broken = true
		case null:
			v.null()
		default:
			broken = broken || t.elem.rules.some && len(t.elem.broken(t.sl.at(p, i))) > 0
		}
		v.pop()
	}
	if broken {
		v.report(t, p, flags, "Member must satisfy constraint: "+t.elem.allRules())
	}
	for i := range n {
		v.pushIndex(i + 1)
		if !v.isMissing() {
			v.below(t.elem, t.sl.at(p, i), flags)
		}
		v.pop()
	}
}

func (v *validator) mapping(t *typePlan, p unsafe.Pointer, flags FieldFlags) {
	keys := t.mp.keys(p)
	if t.key != nil && t.key.rules.some {
		for i := range keys {
			if len(t.key.broken(unsafe.Pointer(&keys[i]))) > 0 {
				v.report(t, p, flags, "Map keys must satisfy constraint: "+t.key.allRules())
				break
			}
		}
	}
	if !v.look(t.elem) {
		return
	}
	room := t.mp.scratch()
	if t.elem.rules.some {
		for _, key := range keys {
			t.mp.load(p, key, room)
			if len(t.elem.broken(room)) > 0 {
				v.report(t, p, flags, "Map value must satisfy constraint: "+t.elem.allRules())
				break
			}
		}
	}
	for _, key := range keys {
		t.mp.load(p, key, room)
		v.pushKey(key)
		v.below(t.elem, room, flags)
		v.pop()
	}
}

// broken returns the rules of t itself that the value at p breaks, in AWS's words.
func (t *typePlan) broken(p unsafe.Pointer) []string {
	var out []string
	r := &t.rules
	if r.hasMin || r.hasMax {
		low, high := t.outside(p)
		if high {
			out = append(out, t.maxText())
		}
		if low {
			out = append(out, t.minText())
		}
	}
	if t.Kind == KindString {
		s := *(*string)(p)
		if re := r.compiled(t.Rules); re != nil && !re.MatchString(s) {
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

// appendText appends the value at p as Java's toString does, which AWS's messages show.
func (t *typePlan) appendText(b []byte, p unsafe.Pointer) []byte {
	switch t.Kind {
	case KindString:
		return append(b, *(*string)(p)...)
	case KindInt32:
		return strconv.AppendInt(b, int64(*(*int32)(p)), 10)
	case KindInt64:
		return strconv.AppendInt(b, *(*int64)(p), 10)
	case KindFloat32, KindFloat64:
		text := strconv.FormatFloat(t.float(p), 'f', -1, 64)
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
			b = t.elem.appendText(b, t.sl.at(p, i))
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
			b = t.elem.appendText(append(append(b, key...), '='), room)
		}
		return append(b, '}')
	default: // Java shows a class and an address here
		return append(b, t.Name...)
	}
}
