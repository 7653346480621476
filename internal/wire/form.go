// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unsafe"
)

// This file decodes the form of the query protocol: names like "Tags.member.1.Key" spell a tree.

// FormAction finds Action and Version in a form without decoding the rest.
func FormAction(form string) (action, version string) {
	for form != "" && (action == "" || version == "") {
		var pair string
		pair, form, _ = strings.Cut(form, "&")
		switch key, value, _ := strings.Cut(pair, "="); key {
		case "Action":
			action, _ = url.QueryUnescape(value)
		case "Version":
			version, _ = url.QueryUnescape(value)
		}
	}
	return action, version
}

// formNode is one segment of a name. Children are found in time independent of their number.
type formNode struct {
	name     string
	value    string
	set      bool // the name ends here and has a value
	children []int32
	index    map[string]int32 // of children, for many of them
}

// formTree holds the nodes in one slice; 0 is the root.
type formTree struct {
	nodes []formNode
	allowance
}

// maxFormNodes bounds the segments of a form, which a name can hold many of.
const maxFormNodes = 1 << 17

// formNodeCost is what a segment takes: its node, with the room that nodes grows into, and its place among its siblings.
const formNodeCost = 2*unsafe.Sizeof(formNode{}) + 16

func parseForm(form string, clone bool, grow func(int64) error) (*formTree, error) {
	t := &formTree{nodes: make([]formNode, 1, 32), allowance: allowance{grow: grow}}
	t.allow(len(form))
	for form != "" {
		var pair string
		pair, form, _ = strings.Cut(form, "&")
		if pair == "" {
			continue
		}
		rawKey, rawValue, _ := strings.Cut(pair, "=")
		key, err := url.QueryUnescape(rawKey)
		if err != nil {
			return nil, serialization("The form is not properly encoded") // unverified
		}
		value, err := url.QueryUnescape(rawValue)
		if err != nil {
			return nil, serialization("The form is not properly encoded") // unverified
		}
		value = strings.ToValidUTF8(value, "\ufffd") // as Java decodes it: services hold UTF-8 only
		if clone {
			key, value = strings.Clone(key), strings.Clone(value)
		}
		if err := t.add(key, value); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *formTree) add(key, value string) error {
	at, depth := int32(0), 0
	for more := true; more; {
		var name string
		name, key, more = strings.Cut(key, ".")
		if depth++; depth > maxDepth {
			return serialization("The request is nested deeper than %d levels.", maxDepth)
		}
		child := t.child(at, name)
		if child < 0 {
			if len(t.nodes) >= maxFormNodes {
				return serialization("The request has too many parameters.")
			}
			if err := t.spend(formNodeCost); err != nil {
				return err
			}
			child = t.insert(at, name)
		}
		at = child
	}
	if n := &t.nodes[at]; !n.set { // the first of several values counts
		n.value, n.set = value, true
	}
	return nil
}

// child finds a child by name, or -1.
func (t *formTree) child(at int32, name string) int32 {
	n := &t.nodes[at]
	if n.index != nil {
		if c, ok := n.index[name]; ok {
			return c
		}
		return -1
	}
	for _, c := range n.children {
		if t.nodes[c].name == name {
			return c
		}
	}
	return -1
}

func (t *formTree) insert(at int32, name string) int32 {
	c := int32(len(t.nodes))
	if len(t.nodes) == cap(t.nodes) { // append would leave more behind
		t.nodes = slices.Grow(t.nodes, len(t.nodes))
	}
	t.nodes = append(t.nodes, formNode{name: name})
	n := &t.nodes[at]
	n.children = append(n.children, c)
	switch {
	case n.index != nil:
		n.index[name] = c
	case len(n.children) > fewFields:
		n.index = make(map[string]int32, 2*fewFields)
		for _, c := range n.children {
			n.index[t.nodes[c].name] = c
		}
	}
	return c
}

// numbered returns the children of at whose names are numbers, in that order.
func (t *formTree) numbered(at int32) []int32 {
	type entry struct {
		n  int
		at int32
	}
	var found []entry
	for _, c := range t.nodes[at].children {
		if n, err := strconv.Atoi(t.nodes[c].name); err == nil && n >= 0 {
			found = append(found, entry{n, c})
		}
	}
	slices.SortStableFunc(found, func(a, b entry) int { return cmp.Compare(a.n, b.n) })
	out := make([]int32, len(found))
	for i, e := range found {
		out[i] = e.at
	}
	return out
}

// formDecoder decodes a tree into Go values.
type formDecoder struct {
	*formTree
	trail
}

func (d *formDecoder) structure(t *typePlan, p unsafe.Pointer, at int32) (seen uint64, err error) {
	next, set := 0, 0
	for _, c := range d.nodes[at].children {
		name := d.nodes[c].name
		i := t.formField(name, next)
		if i < 0 {
			continue
		}
		next = i + 1
		set++
		f := &t.fields[i]
		if f.typ.Kind == KindStream || f.typ.Kind == KindEvents {
			continue
		}
		if err := d.spendMember(f.typ); err != nil {
			return 0, err
		}
		d.pushMember(f.Name)
		err := d.value(f.typ, f.enter(p), f.timeFormat(TimeISO8601), c)
		d.pop()
		if err != nil {
			return 0, err
		}
		seen |= f.track
	}
	if t.Kind == KindUnion && set != 1 {
		return 0, errUnion(t)
	}
	return seen, nil
}

func (d *formDecoder) value(t *typePlan, v unsafe.Pointer, tf TimeFormat, at int32) error {
	switch t.Kind {
	case KindStruct, KindUnion:
		seen, err := d.structure(t, v, at)
		if err != nil {
			return err
		}
		d.require(t, seen)
		return nil
	case KindList:
		return d.list(t, v, at)
	case KindMap:
		return d.mapping(t, v, at)
	case KindDocument:
		return serialization(msgFieldType)
	default:
		n := &d.nodes[at]
		if !n.set && len(n.children) > 0 {
			return serialization(msgStructure)
		}
		return setText(t, v, n.value, tf)
	}
}

// list accepts both forms, "Name.1" and "Name.member.1" (whatever stands in the place of member), since SDKs of different
// age disagree about which lists are flattened. An empty value is an empty list.
func (d *formDecoder) list(t *typePlan, v unsafe.Pointer, at int32) error {
	t.sl.empty(v)
	elements := d.numbered(at)
	for _, c := range d.nodes[at].children {
		if len(elements) == 0 {
			elements = d.numbered(c)
		}
	}
	for i, c := range elements {
		if err := d.spendElement(t); err != nil {
			return err
		}
		d.pushIndex(i + 1)
		err := d.value(t.elem, t.room(t.sl.extend(v)), elemTime(t.elem), c)
		d.pop()
		if err != nil {
			return err
		}
	}
	return nil
}

// elemTime is the format of timestamps that are elements, in forms and XML.
func elemTime(t *typePlan) TimeFormat {
	if t.Time != TimeDefault {
		return t.Time
	}
	return TimeISO8601
}

// mapping accepts "Name.1.key" and "Name.entry.1.key".
func (d *formDecoder) mapping(t *typePlan, v unsafe.Pointer, at int32) error {
	t.mp.empty(v)
	entries := d.numbered(at)
	for _, c := range d.nodes[at].children {
		if len(entries) == 0 {
			entries = d.numbered(c)
		}
	}
	keyName, valueName := cmp.Or(t.KeyName, "key"), cmp.Or(t.ElemName, "value")
	room := t.mp.scratch()
	for _, e := range entries {
		k, c := d.child(e, keyName), d.child(e, valueName)
		if k < 0 {
			continue
		}
		if err := d.spendEntry(&t.costs, t.mp.length(v)); err != nil {
			return err
		}
		if c >= 0 {
			key := d.nodes[k].value
			d.pushKey(key)
			err := d.value(t.elem, t.room(room), elemTime(t.elem), c)
			d.pop()
			if err != nil {
				return err
			}
		}
		t.mp.store(v, d.nodes[k].value, room)
	}
	return nil
}
