// SPDX-License-Identifier: Apache-2.0

// Package av is DynamoDB's attribute value in a compact form: 32 bytes and, for what is not a collection, no allocation,
// where the model's structure of ten pointers takes more than 100 bytes and an allocation for each value.
//
// It holds values and compares them. It does not check numbers, key types or empty sets and does not count sizes: those
// are rules of the service, with its messages. Its JSON form is internal/wire's.
package av

import (
	"maps"
	"slices"
	"strings"
)

// Kind is the data type of a value.
type Kind uint8

// The kinds, named as in DynamoDB's JSON. None is an empty object; Several an object with more than one data type, which the
// service refuses: its value is not kept.
const (
	None Kind = iota
	S
	N
	B
	BOOL
	NULL
	M
	L
	SS
	NS
	BS
	Several
)

// names in the order of the kinds.
var names = [...]string{"", "S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS", ""}

// String is the kind's name in DynamoDB's JSON; "" for None and Several.
func (k Kind) String() string {
	if int(k) < len(names) {
		return names[k]
	}
	return ""
}

// KindOf is the reverse of String: None for a name that is no data type.
func KindOf(name string) Kind {
	for k := S; k < Several; k++ {
		if names[k] == name {
			return k
		}
	}
	return None
}

// Value is an attribute value. The zero Value is None. Values are read-only once made: copies share what they hold, and
// Clone makes one that shares nothing.
type Value struct {
	_     [0]func() // not comparable with ==
	kind  Kind
	truth bool
	text  string // S, N, and the bytes of B
	parts *parts // of collections
}

// parts are the contents of a collection; one of the fields is set.
type parts struct {
	attributes map[string]Value // M
	elements   []Value          // L
	set        []string         // SS, NS, and BS as bytes
}

// String returns an S.
func String(s string) Value { return Value{kind: S, text: s} }

// Number returns an N. Its text is taken as it is.
func Number(text string) Value { return Value{kind: N, text: text} }

// Binary returns a B. data is its bytes.
func Binary(data string) Value { return Value{kind: B, text: data} }

// Bool returns a BOOL.
func Bool(truth bool) Value { return Value{kind: BOOL, truth: truth} }

// Null returns a NULL; its truth is the JSON value, which must be true in requests.
func Null(truth bool) Value { return Value{kind: NULL, truth: truth} }

// Map returns an M, which keeps attributes.
func Map(attributes map[string]Value) Value {
	return Value{kind: M, parts: &parts{attributes: attributes}}
}

// List returns an L, which keeps elements.
func List(elements []Value) Value { return Value{kind: L, parts: &parts{elements: elements}} }

// Set returns a set of kind SS, NS or BS, which keeps members. A BS has the bytes of its members.
func Set(kind Kind, members []string) Value { return Value{kind: kind, parts: &parts{set: members}} }

// Ambiguous returns a value of kind Several.
func Ambiguous() Value { return Value{kind: Several} }

// Kind returns the data type.
func (v Value) Kind() Kind { return v.kind }

// Text returns the string of an S, the number of an N as it was given, the bytes of a B; "" for others.
func (v Value) Text() string { return v.text }

// Truth returns the value of a BOOL or NULL.
func (v Value) Truth() bool { return v.truth }

// Map returns the attributes of an M, nil for others. They must not be changed.
func (v Value) Map() map[string]Value {
	if v.parts == nil {
		return nil
	}
	return v.parts.attributes
}

// List returns the elements of an L, nil for others. They must not be changed.
func (v Value) List() []Value {
	if v.parts == nil {
		return nil
	}
	return v.parts.elements
}

// Set returns the members of a set in their order, nil for others. They must not be changed.
func (v Value) Set() []string {
	if v.parts == nil {
		return nil
	}
	return v.parts.set
}

// Clone returns a copy that shares no memory with v, nor with the request that v came with.
func (v Value) Clone() Value {
	v.text = strings.Clone(v.text)
	if v.parts == nil {
		return v
	}
	p := *v.parts
	if p.attributes != nil {
		p.attributes = CloneMap(p.attributes)
	}
	if p.elements != nil {
		p.elements = slices.Clone(p.elements)
		for i := range p.elements {
			p.elements[i] = p.elements[i].Clone()
		}
	}
	if p.set != nil {
		p.set = slices.Clone(p.set)
		for i := range p.set {
			p.set[i] = strings.Clone(p.set[i])
		}
	}
	v.parts = &p
	return v
}

// CloneMap clones an item: its names and values share no memory with m.
func CloneMap(m map[string]Value) map[string]Value {
	c := make(map[string]Value, len(m))
	for name, v := range m {
		c[strings.Clone(name)] = v.Clone()
	}
	return c
}

// Equal tells whether v and w are the same value. The order of a set's members does not matter. Numbers are compared by their
// text: whoever compares numbers by value normalizes them before.
func (v Value) Equal(w Value) bool {
	if v.kind != w.kind || v.truth != w.truth || v.text != w.text {
		return false
	}
	switch v.kind {
	case M:
		return maps.EqualFunc(v.Map(), w.Map(), Value.Equal)
	case L:
		return slices.EqualFunc(v.List(), w.List(), Value.Equal)
	case SS, NS, BS:
		return len(v.Set()) == len(w.Set()) && slices.Equal(sorted(v.Set()), sorted(w.Set()))
	default:
		return true
	}
}

func sorted(members []string) []string { return slices.Sorted(slices.Values(members)) }
