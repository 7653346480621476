// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// xmlScanner reads XML 1.0 text with namespaces, in UTF-8. A document type declaration is refused, so there are no entities
// but the five that XML predefines. Strings without references alias data unless clone is set.
type xmlScanner struct {
	data  []byte
	pos   int
	clone bool

	tag   xmlTag   // the start tag that was read last
	open  [][]byte // qualified names of the open elements
	scope []xmlPrefix
}

// xmlTag is a start tag. Its attributes are valid until the next one is read.
type xmlTag struct {
	local string // the name without prefix
	empty bool   // <name/>: its end tag is implied
	attrs []xmlAttribute
}

// xmlAttribute is an attribute that declares no namespace.
type xmlAttribute struct {
	local, uri string // uri is that of the prefix, "" without one
	qualified  []byte
	value      string
}

// xmlPrefix is a declared prefix and the number of elements that were open before the one that declares it.
type xmlPrefix struct {
	prefix []byte
	uri    string
	level  int
}

// Limits of what costs more than its bytes: looking for duplicates among attributes, looking for a prefix. Real requests
// have at most two of either.
const (
	maxXMLAttributes = 64
	maxXMLPrefixes   = 64
)

// errXML is the answer to text that is not XML, or not the XML that the operation takes (wording unverified).
func errXML(format string, args ...any) error {
	return serialization("The request body is not valid XML: "+format+".", args...)
}

// start readies s, a zero scanner, for data: it checks the characters, once, and skips what stands before the root.
func (s *xmlScanner) start(data []byte) error {
	if !validXMLChars(data) {
		return errXML("a character is not allowed")
	}
	s.data, s.clone = bytes.TrimPrefix(data, []byte("\ufeff")), len(data) > cloneAbove
	if rest := s.data; len(rest) > 5 && string(rest[:5]) == "<?xml" && isXMLSpace(rest[5]) {
		return s.declaration()
	}
	return nil
}

// validXMLChars checks that data is UTF-8 of characters that XML 1.0 has.
func validXMLChars(data []byte) bool {
	for i, c := range data {
		switch {
		case c < ' ' && c != '\t' && c != '\n' && c != '\r':
			return false
		case c == 0xef && i+2 < len(data) && data[i+1] == 0xbf && data[i+2] >= 0xbe: // U+FFFE, U+FFFF
			return false
		}
	}
	return utf8.Valid(data)
}

func isXMLSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// declaration reads <?xml version="1.0" encoding="UTF-8"?>.
func (s *xmlScanner) declaration() error {
	end := bytes.Index(s.data, []byte("?>"))
	if end < 0 {
		return errXML("it ends too early")
	}
	text := s.data[len("<?xml"):end]
	s.pos = end + len("?>")
	for i, want := range []string{"version", "encoding", "standalone"} {
		trimmed := bytes.TrimLeft(text, " \t\r\n")
		if !bytes.HasPrefix(trimmed, []byte(want)) {
			if i == 0 {
				return errXML("the declaration names no version")
			}
			continue
		}
		_, rest, _ := bytes.Cut(trimmed, []byte("="))
		rest = bytes.TrimLeft(rest, " \t\r\n")
		if len(rest) == 0 || rest[0] != '"' && rest[0] != '\'' {
			return errXML("the declaration is malformed")
		}
		value, after, closed := bytes.Cut(rest[1:], rest[:1])
		if !closed {
			return errXML("the declaration is malformed")
		}
		switch v := string(value); {
		case want == "version" && v != "1.0":
			return errXML("its version is not supported")
		case want == "encoding" && !strings.EqualFold(v, "UTF-8") && !strings.EqualFold(v, "US-ASCII"):
			return errXML("its encoding is not UTF-8")
		}
		text = after
	}
	if len(bytes.TrimLeft(text, " \t\r\n")) > 0 {
		return errXML("the declaration is malformed")
	}
	return nil
}

// root reads the start tag of the root. found is false for text without any element.
func (s *xmlScanner) root() (found bool, err error) {
	for {
		s.spaces()
		switch {
		case s.pos == len(s.data):
			return false, nil
		case s.data[s.pos] != '<':
			return false, errXML("text stands outside of the root")
		}
		if skipped, err := s.markup(); err != nil {
			return false, err
		} else if !skipped {
			return true, s.startTag()
		}
	}
}

// end checks that nothing but comments follows the root.
func (s *xmlScanner) end() error {
	found, err := s.root()
	if err == nil && found {
		err = errXML("it has two roots")
	}
	return err
}

func (s *xmlScanner) spaces() {
	for s.pos < len(s.data) && isXMLSpace(s.data[s.pos]) {
		s.pos++
	}
}

// child moves to the next child of the open element and reads its start tag, or the end tag of the element: then more is
// false. The element must not hold text of its own.
func (s *xmlScanner) child() (more bool, err error) {
	if s.tag.empty {
		s.leave()
		return false, nil
	}
	for {
		s.spaces()
		switch {
		case s.pos >= len(s.data):
			return false, errXML("it ends too early")
		case s.data[s.pos] != '<':
			return false, errXML("text stands where an element is expected")
		case s.pos+1 < len(s.data) && s.data[s.pos+1] == '/':
			return false, s.endTag()
		}
		skipped, err := s.markup()
		switch {
		case err != nil:
			return false, err
		case !skipped:
			return true, s.startTag()
		}
	}
}

// markup skips the comment or processing instruction that starts here, if one does. A CDATA section is text.
func (s *xmlScanner) markup() (skipped bool, err error) {
	rest := s.data[s.pos:]
	var closing string
	start := 2
	switch {
	case bytes.HasPrefix(rest, []byte("<!--")):
		closing, start = "--", 4
	case bytes.HasPrefix(rest, []byte("<?")):
		if err := xmlTarget(rest[2:]); err != nil {
			return false, err
		}
		closing = "?>"
	case bytes.HasPrefix(rest, []byte("<![CDATA[")):
		return false, errXML("text stands where an element is expected")
	case bytes.HasPrefix(rest, []byte("<!")):
		return false, errXML("a document type declaration is not allowed")
	default:
		return false, nil
	}
	end := bytes.Index(rest[start:], []byte(closing))
	if end < 0 {
		return false, errXML("it ends too early")
	}
	end += start + 2
	if closing == "--" {
		if end >= len(rest) || rest[end] != '>' {
			return false, errXML("a comment holds --")
		}
		end++
	}
	s.pos += end
	return true, nil
}

// xmlTarget checks the name of the processing instruction that rest starts with.
func xmlTarget(rest []byte) error {
	n := xmlNameLen(rest)
	if n == 0 || strings.EqualFold(string(rest[:n]), "xml") {
		return errXML("a processing instruction has no valid name")
	}
	if after := rest[n:]; len(after) > 0 && !isXMLSpace(after[0]) && !bytes.HasPrefix(after, []byte("?>")) {
		return errXML("a processing instruction has no valid name")
	}
	return nil
}

// leave closes the open element.
func (s *xmlScanner) leave() {
	s.tag.empty = false
	level := len(s.open) - 1
	s.open = s.open[:level]
	for n := len(s.scope); n > 0 && s.scope[n-1].level == level; n-- {
		s.scope = s.scope[:n-1]
	}
}

func (s *xmlScanner) endTag() error {
	rest := s.data[s.pos+2:]
	name := s.open[len(s.open)-1]
	if !bytes.HasPrefix(rest, name) {
		return errXML("an end tag does not match <%s>", shortName(name))
	}
	rest = bytes.TrimLeft(rest[len(name):], " \t\r\n")
	if len(rest) == 0 || rest[0] != '>' {
		return errXML("an end tag does not match <%s>", shortName(name))
	}
	s.pos = len(s.data) - len(rest) + 1
	s.leave()
	return nil
}

// shortName keeps messages short, whatever was sent.
func shortName[T string | []byte](name T) string {
	const shown = 100
	return fmt.Sprintf("%.*s", shown, name)
}

// skip reads past the open element.
func (s *xmlScanner) skip() error {
	for outer := len(s.open) - 1; ; {
		if s.tag.empty {
			s.leave()
		} else if more, err := s.next(); err != nil {
			return err
		} else if more {
			continue
		}
		if len(s.open) == outer {
			return nil
		}
	}
}

// next is child for an element that may hold text.
func (s *xmlScanner) next() (more bool, err error) {
	for {
		raw, err := s.run()
		if err != nil {
			return false, err
		}
		if _, err := expandXML(raw, false); err != nil { // text that nobody wants must be well-formed too
			return false, err
		}
		switch {
		case bytes.HasPrefix(s.data[s.pos:], []byte("</")):
			return false, s.endTag()
		case bytes.HasPrefix(s.data[s.pos:], []byte("<![CDATA[")):
			if _, err := s.cdata(); err != nil {
				return false, err
			}
			continue
		}
		skipped, err := s.markup()
		switch {
		case err != nil:
			return false, err
		case !skipped:
			return true, s.startTag()
		}
	}
}

// text reads the open element, which must hold text only, to its end.
func (s *xmlScanner) text() (string, error) {
	if s.tag.empty {
		s.leave()
		return "", nil
	}
	first, whole := "", true // what was read, and whether it is one piece that may alias data
	var joined []byte
	add := func(piece string) {
		switch {
		case piece == "":
		case whole && first == "":
			first = piece
		default:
			if whole {
				joined, whole = append(joined, first...), false
			}
			joined = append(joined, piece...)
		}
	}
	for {
		raw, err := s.run()
		if err != nil {
			return "", err
		}
		piece, err := expandXML(raw, false)
		if err != nil {
			return "", err
		}
		add(piece)
		switch rest := s.data[s.pos:]; {
		case bytes.HasPrefix(rest, []byte("</")):
			if err := s.endTag(); err != nil {
				return "", err
			}
			if !whole {
				return string(joined), nil
			}
			if s.clone {
				return strings.Clone(first), nil
			}
			return first, nil
		case bytes.HasPrefix(rest, []byte("<![CDATA[")):
			raw, err := s.cdata()
			if err != nil {
				return "", err
			}
			add(xmlLines(raw))
			continue
		}
		if skipped, err := s.markup(); err != nil {
			return "", err
		} else if !skipped {
			return "", errXML("an element stands where text is expected")
		}
	}
}

// run reads character data up to the next markup.
func (s *xmlScanner) run() ([]byte, error) {
	n := bytes.IndexByte(s.data[s.pos:], '<')
	if n < 0 {
		return nil, errXML("it ends too early")
	}
	raw := s.data[s.pos : s.pos+n]
	if bytes.Contains(raw, []byte("]]>")) {
		return nil, errXML("text holds ]]>")
	}
	s.pos += n
	return raw, nil
}

// cdata reads the CDATA section that starts here.
func (s *xmlScanner) cdata() ([]byte, error) {
	start := s.pos + len("<![CDATA[")
	n := bytes.Index(s.data[start:], []byte("]]>"))
	if n < 0 {
		return nil, errXML("it ends too early")
	}
	s.pos = start + n + len("]]>")
	return s.data[start : start+n], nil
}

// aliased is b as a string that shares its memory.
func aliased(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
