// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// This file reads names, start tags and references; xmlscan.go the rest.

// startTag reads the start tag that stands here and opens its element.
func (s *xmlScanner) startTag() error {
	if len(s.open) >= maxDepth {
		return serialization("The request is nested deeper than %d levels.", maxDepth)
	}
	s.pos++
	name := s.name()
	if name == nil {
		return errXML("a tag has no valid name")
	}
	s.tag.attrs, s.tag.empty = s.tag.attrs[:0], false
	for {
		before := s.pos
		s.spaces()
		switch {
		case s.pos >= len(s.data):
			return errXML("it ends too early")
		case s.data[s.pos] == '>':
			s.pos++
			return s.opened(name)
		case bytes.HasPrefix(s.data[s.pos:], []byte("/>")):
			s.pos += 2
			s.tag.empty = true
			return s.opened(name)
		case s.pos == before:
			return errXML("the tag <%s> is malformed", shortName(name))
		}
		if err := s.attribute(); err != nil {
			return err
		}
	}
}

// attribute reads one attribute; a namespace declaration goes into the scope.
func (s *xmlScanner) attribute() error {
	name := s.name()
	s.spaces()
	if name == nil || s.pos >= len(s.data) || s.data[s.pos] != '=' {
		return errXML("an attribute is malformed")
	}
	s.pos++
	s.spaces()
	rest := s.data[s.pos:]
	if len(rest) == 0 || rest[0] != '"' && rest[0] != '\'' {
		return errXML("an attribute is malformed")
	}
	n := bytes.IndexByte(rest[1:], rest[0])
	if n < 0 {
		return errXML("it ends too early")
	}
	raw := rest[1 : 1+n]
	s.pos += n + 2
	value, err := expandXML(raw, true)
	if err != nil {
		return err
	}
	for i := range s.tag.attrs {
		if bytes.Equal(s.tag.attrs[i].qualified, name) {
			return errXML("an attribute stands twice")
		}
	}
	if len(s.tag.attrs) >= maxXMLAttributes {
		return errXML("a tag has more than %d attributes", maxXMLAttributes)
	}
	s.tag.attrs = append(s.tag.attrs, xmlAttribute{qualified: name, value: value})
	if prefix, ok := bytes.CutPrefix(name, []byte("xmlns:")); ok {
		return s.declare(prefix, value)
	}
	return nil
}

// declare takes a prefix into the scope of the element whose start tag is being read.
func (s *xmlScanner) declare(prefix []byte, uri string) error {
	switch {
	case string(prefix) == "xmlns" || uri == "":
		return errXML("a namespace is declared wrongly")
	case len(s.scope) >= maxXMLPrefixes:
		return errXML("more than %d namespaces are declared", maxXMLPrefixes)
	}
	s.scope = append(s.scope, xmlPrefix{prefix: prefix, uri: uri, level: len(s.open)})
	return nil
}

// opened resolves the prefixes of the start tag that was read, now that all its declarations are known.
func (s *xmlScanner) opened(name []byte) error {
	local, _, err := s.resolve(name)
	if err != nil {
		return err
	}
	s.tag.local = local
	kept := s.tag.attrs[:0]
	for _, a := range s.tag.attrs {
		if string(a.qualified) == "xmlns" || bytes.HasPrefix(a.qualified, []byte("xmlns:")) {
			continue
		}
		if a.local, a.uri, err = s.resolve(a.qualified); err != nil {
			return err
		}
		for _, b := range kept {
			if a.uri != "" && a.uri == b.uri && a.local == b.local {
				return errXML("an attribute stands twice")
			}
		}
		kept = append(kept, a)
	}
	s.tag.attrs = kept
	s.open = append(s.open, name)
	return nil
}

// resolve splits a qualified name and finds the namespace of its prefix.
func (s *xmlScanner) resolve(name []byte) (local, uri string, err error) {
	i := bytes.IndexByte(name, ':')
	if i < 0 {
		return aliased(name), "", nil
	}
	prefix, rest := name[:i], name[i+1:]
	if len(prefix) == 0 || xmlNameLen(rest) != len(rest) || len(rest) == 0 || bytes.IndexByte(rest, ':') >= 0 {
		return "", "", errXML("the name %s is malformed", shortName(name))
	}
	if string(prefix) == "xml" {
		return aliased(rest), "http://www.w3.org/XML/1998/namespace", nil
	}
	for j := len(s.scope) - 1; j >= 0; j-- {
		if bytes.Equal(s.scope[j].prefix, prefix) {
			return aliased(rest), s.scope[j].uri, nil
		}
	}
	return "", "", errXML("the prefix %s is not declared", shortName(prefix))
}

// name reads a name, nil if none stands here.
func (s *xmlScanner) name() []byte {
	n := xmlNameLen(s.data[s.pos:])
	if n == 0 {
		return nil
	}
	s.pos += n
	return s.data[s.pos-n : s.pos]
}

// xmlNameLen is the length of the Name that b starts with, 0 for none.
func xmlNameLen(b []byte) int {
	for n := 0; n < len(b); {
		c := b[n]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '_', c == ':':
			n++
		case n > 0 && ('0' <= c && c <= '9' || c == '-' || c == '.'):
			n++
		case c < utf8.RuneSelf:
			return n
		default:
			r, size := utf8.DecodeRune(b[n:])
			if !xmlNameRune(r, n == 0) {
				return n
			}
			n += size
		}
	}
	return len(b)
}

// xmlNameRanges are the characters over U+007F that may start a name (XML 1.0, fifth edition, production 4), in pairs.
var xmlNameRanges = [...]rune{
	0xC0, 0xD6, 0xD8, 0xF6, 0xF8, 0x2FF, 0x370, 0x37D, 0x37F, 0x1FFF, 0x200C, 0x200D, 0x2070, 0x218F, 0x2C00, 0x2FEF,
	0x3001, 0xD7FF, 0xF900, 0xFDCF, 0xFDF0, 0xFFFD, 0x10000, 0xEFFFF,
}

func xmlNameRune(r rune, first bool) bool {
	if !first && (r == 0xB7 || 0x300 <= r && r <= 0x36F || r == 0x203F || r == 0x2040) { // production 4a
		return true
	}
	for i := 0; i < len(xmlNameRanges); i += 2 {
		if xmlNameRanges[i] <= r && r <= xmlNameRanges[i+1] {
			return true
		}
	}
	return false
}

// expandXML resolves the references of raw and normalizes line ends, or in an attribute all white space (XML 1.0, 2.11 and
// 3.3.3). Text without either aliases raw.
func expandXML(raw []byte, inAttribute bool) (string, error) {
	special := "&\r"
	if inAttribute {
		special = "&\r\n\t<"
	}
	i := bytes.IndexAny(raw, special)
	if i < 0 {
		return aliased(raw), nil
	}
	b := append(make([]byte, 0, len(raw)), raw[:i]...)
	for i < len(raw) {
		c := raw[i]
		i++
		switch {
		case c == '&':
			end := bytes.IndexByte(raw[i:min(len(raw), i+maxXMLReference)], ';')
			if end < 0 {
				return "", errXML("a reference is malformed")
			}
			r, ok := xmlReference(string(raw[i : i+end]))
			if !ok {
				return "", errXML("a reference is malformed")
			}
			b = utf8.AppendRune(b, r)
			i += end + 1
			continue
		case c == '<' && inAttribute:
			return "", errXML("an attribute holds <")
		case c == '\r':
			if i < len(raw) && raw[i] == '\n' {
				i++
			}
			c = '\n'
		}
		if inAttribute && (c == '\n' || c == '\t') {
			c = ' '
		}
		b = append(b, c)
	}
	return aliased(b), nil
}

// xmlLines normalizes the line ends of a CDATA section.
func xmlLines(raw []byte) string {
	if bytes.IndexByte(raw, '\r') < 0 {
		return aliased(raw)
	}
	return strings.ReplaceAll(strings.ReplaceAll(string(raw), "\r\n", "\n"), "\r", "\n")
}

// maxXMLReference is how long a reference may be, with leading zeros.
const maxXMLReference = 32

func xmlReference(name string) (r rune, ok bool) {
	switch name {
	case "amp":
		return '&', true
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	digits, ok := strings.CutPrefix(name, "#")
	if !ok {
		return 0, false
	}
	base := 10
	if hex, ok := strings.CutPrefix(digits, "x"); ok {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil || n > utf8.MaxRune {
		return 0, false
	}
	r = rune(n)
	allowed := r >= ' ' || r == '\t' || r == '\n' || r == '\r'
	return r, allowed && utf8.ValidRune(r) && r != 0xFFFE && r != 0xFFFF
}
