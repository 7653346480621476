// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"cmp"
	"slices"
	"strings"
	"unsafe"
)

// xmlDecoder decodes XML text into Go values. Elements that no member has are skipped; an element that stands twice where
// it may stand once is refused.
type xmlDecoder struct {
	xmlScanner
	trail
	allowance
}

// start readies d, a zero decoder, for data. It is no constructor so that decoders stay on the stack.
func (d *xmlDecoder) start(data []byte) error {
	d.allow(len(data))
	return d.xmlScanner.start(data)
}

// enter reads the start tag of the root, which must have one of the names. present is false for text without any element.
func (d *xmlDecoder) enter(names ...string) (present bool, err error) {
	found, err := d.root()
	if err != nil || !found {
		return false, err
	}
	if !slices.Contains(names, d.tag.local) {
		return false, errXML("the root is <%s>", shortName(d.tag.local))
	}
	return true, nil
}

// structure decodes the open element into the structure or union at p, to its end tag. bodyOnly leaves out members that
// the HTTP binding puts elsewhere.
func (d *xmlDecoder) structure(t *typePlan, p unsafe.Pointer, bodyOnly bool) (seen uint64, err error) {
	if len(d.tag.attrs) > 0 && len(t.names.attributes) > 0 {
		if seen, err = d.attributes(t, p); err != nil {
			return 0, err
		}
	}
	var met fieldSet
	for next, count := 0, 0; ; {
		more, err := d.child()
		if err != nil {
			return 0, err
		}
		if !more {
			if t.Kind == KindUnion && count != 1 {
				return 0, errUnion(t)
			}
			return seen, nil
		}
		i := t.xmlField(d.tag.local, next)
		if i < 0 || bodyOnly && t.fields[i].Loc != InBody {
			if err := d.skip(); err != nil {
				return 0, err
			}
			continue
		}
		next = i + 1
		f := &t.fields[i]
		again := met.add(i)
		if !again {
			count++
		}
		d.pushMember(f.Name)
		err = d.member(f, unsafe.Add(p, f.Off), p, again)
		d.pop()
		if err != nil {
			return 0, err
		}
		seen |= f.track
	}
}

// member decodes the open element as the member f of the structure at p, whose place is at slot. again tells that it is not
// the first such element.
func (d *xmlDecoder) member(f *fieldPlan, slot, p unsafe.Pointer, again bool) error {
	if f.flattened() {
		switch f.typ.Kind {
		case KindList:
			if !again {
				f.typ.sl.empty(slot)
			}
			return d.item(f.typ, slot)
		case KindMap:
			if !again {
				f.typ.mp.empty(slot)
			}
			return d.entry(f.typ, slot, f.typ.mp.scratch())
		default:
		}
	}
	if again {
		return errXML("the element <%s> stands twice", shortName(d.tag.local))
	}
	if err := d.spendMember(f.typ); err != nil {
		return err
	}
	return d.value(f.typ, f.enter(p), f.timeFormat(TimeISO8601))
}

// attributes decodes the attributes of the start tag that was just read.
func (d *xmlDecoder) attributes(t *typePlan, p unsafe.Pointer) (seen uint64, err error) {
	for _, i := range t.names.attributes {
		f := &t.fields[i]
		for _, a := range d.tag.attrs {
			if !t.isAttribute(f, &a) {
				continue
			}
			text := a.value
			if d.clone {
				text = strings.Clone(text)
			}
			d.pushMember(f.Name)
			err = setXMLText(f.typ, f.enter(p), text, f.timeFormat(TimeISO8601))
			d.pop()
			if err != nil {
				return 0, err
			}
			seen |= f.track
		}
	}
	return seen, nil
}

// isAttribute tells whether a is the member f of t. "xsi:type" is type in the namespace that t declares as xsi, whatever
// prefix the request has for it.
func (t *typePlan) isAttribute(f *fieldPlan, a *xmlAttribute) bool {
	prefix, local, prefixed := strings.Cut(f.xml, ":")
	switch {
	case !prefixed:
		return a.uri == "" && a.local == f.xml
	case t.Namespace != nil && t.Namespace.Prefix == prefix:
		return a.uri == t.Namespace.URI && a.local == local
	default:
		return string(a.qualified) == f.xml
	}
}

// value decodes the open element to v, in value position.
func (d *xmlDecoder) value(t *typePlan, v unsafe.Pointer, tf TimeFormat) error {
	switch t.Kind {
	case KindStruct, KindUnion:
		seen, err := d.structure(t, v, false)
		if err != nil {
			return err
		}
		d.require(t, seen)
		return nil
	case KindList:
		return d.list(t, v)
	case KindMap:
		return d.mapping(t, v)
	case KindDocument, KindStream, KindEvents, KindNone:
		return serialization(msgFieldType)
	default:
		text, err := d.text()
		if err != nil {
			return err
		}
		return setXMLText(t, v, text, tf)
	}
}

// setXMLText is setText without the white space around anything but a string.
func setXMLText(t *typePlan, v unsafe.Pointer, text string, tf TimeFormat) error {
	if t.Kind != KindString {
		text = strings.Trim(text, " \t\r\n")
	}
	return setText(t, v, text, tf)
}

func (d *xmlDecoder) list(t *typePlan, v unsafe.Pointer) error {
	t.sl.empty(v)
	name := cmp.Or(t.ElemName, "member")
	for {
		more, err := d.child()
		if err != nil || !more {
			return err
		}
		if d.tag.local != name {
			return errXML("<%s> stands where <%s> is expected", shortName(d.tag.local), name)
		}
		if err := d.item(t, v); err != nil {
			return err
		}
	}
}

// item decodes the open element as one more element of the list at v.
func (d *xmlDecoder) item(t *typePlan, v unsafe.Pointer) error {
	if err := d.spendElement(t); err != nil {
		return err
	}
	d.pushIndex(t.sl.length(v) + 1)
	err := d.value(t.elem, t.room(t.sl.extend(v)), elemTime(t.elem))
	d.pop()
	return err
}

func (d *xmlDecoder) mapping(t *typePlan, v unsafe.Pointer) error {
	t.mp.empty(v)
	room := t.mp.scratch()
	for {
		more, err := d.child()
		if err != nil || !more {
			return err
		}
		if d.tag.local != "entry" {
			return errXML("<%s> stands where <entry> is expected", shortName(d.tag.local))
		}
		if err := d.entry(t, v, room); err != nil {
			return err
		}
	}
}

// entry decodes the open element as an entry of the map at v. room is a zero value, and is one again afterwards.
func (d *xmlDecoder) entry(t *typePlan, v, room unsafe.Pointer) error {
	if err := d.spendEntry(&t.costs, t.mp.length(v)); err != nil {
		return err
	}
	keyName, valueName := cmp.Or(t.KeyName, "key"), cmp.Or(t.ElemName, "value")
	key, hasKey, hasValue := "", false, false
	for {
		more, err := d.child()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		switch {
		case d.tag.local == keyName && !hasKey:
			hasKey = true
			key, err = d.text()
		case d.tag.local == valueName && !hasValue:
			hasValue = true
			d.pushKey(key)
			err = d.value(t.elem, t.room(room), elemTime(t.elem))
			d.pop()
		case d.tag.local == keyName || d.tag.local == valueName:
			err = errXML("the element <%s> stands twice", shortName(d.tag.local))
		default:
			err = d.skip()
		}
		if err != nil {
			return err
		}
	}
	if !hasKey || !hasValue {
		return errXML("an entry of a map lacks its <%s> or <%s>", keyName, valueName)
	}
	size := t.mp.length(v)
	if t.mp.store(v, key, room); t.mp.length(v) == size {
		return errXML("a map has the key %q twice", shortName(key))
	}
	return nil
}
