// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"strconv"
	"strings"
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
	return check(s, t, p, nil)
}

// validate ends the decoding of the structure at p: it sets the defaults of absent members and checks the constraints. It
// returns nil or a *ValidationError. missing are the positions that the decoder found to be absent.
func validate(s *Schema, t *typePlan, p unsafe.Pointer, missing [][]segment) error {
	t.setDefaults(s, p)
	return check(s, t, p, missing)
}

func check(s *Schema, t *typePlan, p unsafe.Pointer, missing [][]segment) error {
	if s.ValidationCode == "" || !t.checks && len(missing) == 0 {
		return nil
	}
	v := validator{gap: newGap(missing)}
	v.structure(t, p)
	if len(v.found) == 0 {
		return nil
	}
	return &ValidationError{Violations: v.found}
}

type validator struct {
	trail
	gap   *gap // of the trail's position
	found []Violation
}

// look tells whether values of t at the trail must be looked at.
func (v *validator) look(t *typePlan) bool { return t.checks || v.gap != nil }

// isMissing tells whether the decoder found the value at the trail to be absent.
func (v *validator) isMissing() bool { return v.gap != nil && v.gap.here }

// enter moves to s below the trail; leave takes what it returns.
func (v *validator) enter(s segment) (outer *gap) {
	outer = v.gap
	v.push(s)
	v.gap = outer.below(s)
	return outer
}

func (v *validator) leave(outer *gap) {
	v.pop()
	v.gap = outer
}

// Limits of the message that bad input can cause; AWS's own are not known.
const (
	maxViolations = 100
	maxShown      = 16 << 10 // bytes of a value
)

// full tells that nothing more is reported, so that there is nothing left to look for.
func (v *validator) full() bool { return len(v.found) >= maxViolations }

func (v *validator) null() {
	if !v.full() {
		v.found = append(v.found, Violation{Path: v.path(), Null: true, Constraint: notNull})
	}
}

func (v *validator) structure(t *typePlan, p unsafe.Pointer) {
	for i := range t.fields {
		if v.full() {
			return
		}
		f := &t.fields[i]
		if f.typ.Kind == KindStream || f.typ.Kind == KindEvents || f.Flags&Required == 0 && !v.look(f.typ) {
			continue
		}
		outer := v.enter(segment{name: f.Name})
		at, ok := f.member(p, false)
		switch {
		case !ok && f.Flags&Required != 0, ok && f.track != 0 && v.isMissing():
			v.null()
		case ok && v.look(f.typ):
			v.value(f.typ, at, f.Flags)
		}
		v.leave(outer)
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
	if v.full() {
		return
	}
	n := Violation{Path: v.path(), Constraint: constraint, Sensitive: flags&Sensitive != 0}
	if !n.Sensitive {
		text := t.appendText(nil, p)
		n.Value = strings.ToValidUTF8(string(text[:min(len(text), maxShown)]), "")
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
		if v.full() {
			return
		}
		outer := v.enter(segment{index: i + 1})
		e, ok := t.held(t.sl.at(p, i))
		switch null := v.isMissing(); {
		case null && t.elem.rules.some:
			broken = true
		case null:
			v.null()
		default:
			broken = broken || ok && t.elem.rules.some && len(t.elem.broken(e)) > 0
		}
		v.leave(outer)
	}
	if broken {
		v.report(t, p, flags, "Member must satisfy constraint: "+t.elem.allRules())
	}
	for i := range n {
		if v.full() {
			return
		}
		outer := v.enter(segment{index: i + 1})
		if e, ok := t.held(t.sl.at(p, i)); ok && v.look(t.elem) && !v.isMissing() {
			v.below(t.elem, e, flags)
		}
		v.leave(outer)
	}
}

func (v *validator) mapping(t *typePlan, p unsafe.Pointer, flags FieldFlags) {
	if t.key != nil && t.key.rules.some && t.mp.breaks(p, t.key) {
		v.report(t, p, flags, "Map keys must satisfy constraint: "+t.key.allRules())
	}
	if !v.look(t.elem) {
		return
	}
	keys := t.mp.keys(p)
	room := t.mp.scratch()
	if t.elem.rules.some {
		for _, key := range keys {
			t.mp.load(p, key, room)
			if e, ok := t.held(room); ok && len(t.elem.broken(e)) > 0 {
				v.report(t, p, flags, "Map value must satisfy constraint: "+t.elem.allRules())
				break
			}
		}
	}
	for _, key := range keys {
		if v.full() {
			return
		}
		outer := v.enter(segment{name: key, key: true})
		if v.look(t.elem) {
			t.mp.load(p, key, room)
			if e, ok := t.held(room); ok {
				v.below(t.elem, e, flags)
			}
		}
		v.leave(outer)
	}
}
