// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"cmp"
	"unicode/utf8"
	"unsafe"
)

// xmlEncoder appends Go values as XML elements.
type xmlEncoder struct{ buf []byte }

// declaration starts a document. Query's answers have none.
func (e *xmlEncoder) declaration() {
	e.buf = append(e.buf, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"...)
}

func (e *xmlEncoder) open(name string, ns *XMLNamespace) {
	e.buf = append(append(e.buf, '<'), name...)
	e.namespace(ns)
	e.buf = append(e.buf, '>')
}

func (e *xmlEncoder) namespace(ns *XMLNamespace) {
	if ns == nil || ns.URI == "" {
		return
	}
	e.buf = append(e.buf, " xmlns"...)
	if ns.Prefix != "" {
		e.buf = append(append(e.buf, ':'), ns.Prefix...)
	}
	e.buf = append(e.buf, `="`...)
	e.buf = append(appendXMLText(e.buf, ns.URI), '"')
}

func (e *xmlEncoder) close(name string) {
	e.buf = append(append(append(e.buf, "</"...), name...), '>')
}

// text appends an element that holds only text.
func (e *xmlEncoder) text(name, text string) {
	e.open(name, nil)
	e.buf = appendXMLText(e.buf, text)
	e.close(name)
}

// members appends the members of the structure at p that are elements.
func (e *xmlEncoder) members(t *typePlan, p unsafe.Pointer) {
	for i := range t.fields {
		f := &t.fields[i]
		if !f.inAnswerBody() || f.Flags&XMLAttribute != 0 {
			continue
		}
		if v, ok := f.shown(p, false); ok {
			e.member(f, v)
		}
	}
}

func (e *xmlEncoder) member(f *fieldPlan, v unsafe.Pointer) {
	if f.flattened() {
		switch f.typ.Kind {
		case KindList:
			ns := f.typ.ElemNamespace
			if ns == nil {
				ns = f.Namespace
			}
			e.elements(f.typ, v, f.xml, ns)
			return
		case KindMap:
			e.entries(f.typ, v, f.xml, f.Namespace)
			return
		default:
		}
	}
	e.element(f.typ, v, f.xml, f.Namespace, f.timeFormat(TimeISO8601))
}

// element appends the value at v as an element called name.
func (e *xmlEncoder) element(t *typePlan, v unsafe.Pointer, name string, ns *XMLNamespace, tf TimeFormat) {
	e.buf = append(append(e.buf, '<'), name...)
	e.namespace(ns)
	if t.Kind == KindStruct || t.Kind == KindUnion {
		// A default namespace of the type counts for the root only, but a prefix must be declared where it is used.
		if own := t.Namespace; own != nil && own.Prefix != "" && own != ns {
			e.namespace(own)
		}
		e.attributes(t, v)
	}
	e.buf = append(e.buf, '>')
	switch t.Kind {
	case KindStruct, KindUnion:
		e.members(t, v)
	case KindList:
		e.elements(t, v, cmp.Or(t.ElemName, "member"), t.ElemNamespace)
	case KindMap:
		e.entries(t, v, "entry", nil)
	case KindString:
		e.buf = appendXMLText(e.buf, *(*string)(v))
	default:
		e.buf = appendScalar(e.buf, t, v, tf)
	}
	e.close(name)
}

func (e *xmlEncoder) attributes(t *typePlan, p unsafe.Pointer) {
	for i := range t.fields {
		f := &t.fields[i]
		if f.Flags&XMLAttribute == 0 {
			continue
		}
		v, ok := f.shown(p, false)
		if !ok {
			continue
		}
		e.buf = append(append(append(e.buf, ' '), f.xml...), `="`...)
		e.buf = appendXMLText(e.buf, string(appendScalar(nil, f.typ, v, f.timeFormat(TimeISO8601))))
		e.buf = append(e.buf, '"')
	}
}

// elements appends each element of the list at v. XML has no null: such elements are left out, as are such entries of a map.
func (e *xmlEncoder) elements(t *typePlan, v unsafe.Pointer, name string, ns *XMLNamespace) {
	for i, n := 0, t.sl.length(v); i < n; i++ {
		if v, ok := t.held(t.sl.at(v, i)); ok {
			e.element(t.elem, v, name, ns, elemTime(t.elem))
		}
	}
}

// entries appends each entry of the map at v, in the order of the keys.
func (e *xmlEncoder) entries(t *typePlan, v unsafe.Pointer, name string, ns *XMLNamespace) {
	keyName, valueName := cmp.Or(t.KeyName, "key"), cmp.Or(t.ElemName, "value")
	room := t.mp.scratch()
	for _, key := range t.mp.keys(v) {
		t.mp.load(v, key, room)
		value, ok := t.held(room)
		if !ok {
			continue
		}
		e.open(name, ns)
		e.open(keyName, t.KeyNamespace)
		e.buf = appendXMLText(e.buf, key)
		e.close(keyName)
		e.element(t.elem, value, valueName, t.ElemNamespace, elemTime(t.elem))
		e.close(name)
	}
}

// appendXMLText escapes s for text and attributes. What XML 1.0 cannot hold becomes the replacement character.
func appendXMLText(b []byte, s string) []byte {
	start := 0
	for i := 0; i < len(s); {
		r, n := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(s[i:])
		}
		esc := ""
		switch {
		case r == '&':
			esc = "&amp;"
		case r == '<':
			esc = "&lt;"
		case r == '>':
			esc = "&gt;"
		case r == '"':
			esc = "&quot;"
		case r == '\r':
			esc = "&#xD;"
		case r == '\u0085':
			esc = "&#x85;"
		case r == '\u2028':
			esc = "&#x2028;"
		case r < ' ' && r != '\t' && r != '\n', r == '\ufffe', r == '\uffff', r == utf8.RuneError && n == 1:
			esc = "\ufffd"
		}
		if esc != "" {
			b = append(append(b, s[start:i]...), esc...)
			start = i + n
		}
		i += n
	}
	return append(b, s[start:]...)
}
