// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"cmp"
	"strings"
)

// names are the members of a structure by their names in forms and XML, for services that speak such a protocol.
type names struct {
	form, xml  map[string]int
	attributes []int // members that are XML attributes
}

// prepareNames names the members of all types for forms and XML.
func prepareNames(s *Schema, types []*typePlan) {
	ec2, other := s.speaks(ProtocolEC2), s.speaks(ProtocolQuery) || s.speaks(ProtocolRESTXML)
	if !ec2 && !other {
		return
	}
	for _, t := range types {
		if len(t.fields) > 0 {
			t.prepareNames(ec2)
		}
	}
}

func (s *Schema) speaks(id ProtocolID) bool {
	for _, have := range s.Protocols {
		if have == id {
			return true
		}
	}
	return false
}

func (t *typePlan) prepareNames(ec2 bool) {
	t.names = names{form: make(map[string]int, len(t.fields)), xml: make(map[string]int, len(t.fields))}
	for i := range t.fields {
		f := &t.fields[i]
		f.xml, f.form = f.xmlName(), f.wire
		if ec2 {
			f.form = f.ec2Name()
		}
		t.names.form[f.form] = i
		switch _, taken := t.names.xml[f.xml]; {
		case f.Flags&XMLAttribute != 0:
			t.names.attributes = append(t.names.attributes, i)
		case f.Loc == InBody || !taken:
			t.names.xml[f.xml] = i
		}
	}
	for i := range t.fields { // other names of a member, where no member has them as its own
		f := &t.fields[i]
		others := []string{f.AltWire, f.Name, f.xml}
		if f.typ.Kind == KindList && f.flattened() {
			others = append(others, f.typ.ElemName)
		}
		for _, name := range others {
			if _, taken := t.names.form[name]; !taken && name != "" {
				t.names.form[name] = i
			}
		}
	}
}

// xmlName is what the member's element is called. A list whose shape is flattened has the name of its elements where the
// member itself has none (SimpleDB's model: Attributes are Attribute elements).
func (f *fieldPlan) xmlName() string {
	if f.AltWire != "" {
		return f.AltWire
	}
	if f.typ.Kind == KindList && f.typ.Flattened && f.Flags&Flattened == 0 {
		return cmp.Or(f.Wire, f.typ.ElemName, f.wire)
	}
	return f.wire
}

// ec2Name is the member's name in EC2's forms: its queryName, else its own name with a capital.
func (f *fieldPlan) ec2Name() string {
	if f.QueryName != "" || f.wire == "" {
		return f.QueryName
	}
	return strings.ToUpper(f.wire[:1]) + f.wire[1:]
}

func (f *fieldPlan) flattened() bool { return f.Flags&Flattened != 0 || f.typ.Flattened }

// formField finds the member called name in a form. next is where it is expected.
func (t *typePlan) formField(name string, next int) int {
	if next < len(t.fields) && t.fields[next].form == name {
		return next
	}
	if i, ok := t.names.form[name]; ok {
		return i
	}
	return -1
}

// xmlField finds the member whose element is called name. next is where it is expected.
func (t *typePlan) xmlField(name string, next int) int {
	if next < len(t.fields) {
		if f := &t.fields[next]; f.xml == name && f.Loc == InBody && f.Flags&XMLAttribute == 0 {
			return next
		}
	}
	if i, ok := t.names.xml[name]; ok {
		return i
	}
	return -1
}
