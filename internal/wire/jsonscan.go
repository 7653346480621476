// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// maxDepth bounds how deep values nest, in every format.
const maxDepth = 1000

// cloneAbove is the body size in bytes from which strings are copied out of it: a function's name must not pin the 50 MB
// of its package in memory.
const cloneAbove = 32 << 10

// scanner reads JSON text. Strings without escapes alias data unless clone is set. The text must be valid UTF-8.
type scanner struct {
	data  []byte
	pos   int
	level int
	clone bool
}

// errSyntax is the answer to text that is not JSON: AWS gives it without a message (DynamoDB, from public test suites).
func errSyntax() error { return serialization("") }

// peek skips white space and returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; c {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// open enters an object or a list.
func (s *scanner) open() error {
	s.pos++
	if s.level++; s.level > maxDepth {
		return serialization("The request is nested deeper than %d levels.", maxDepth) // unverified
	}
	return nil
}

// more moves to the next element: it is called before each, with first set for the first, and returns false after
// consuming the closing byte.
func (s *scanner) more(closing byte, first bool) (bool, error) {
	c := s.peek()
	if c == closing {
		s.pos++
		s.level--
		return false, nil
	}
	if first {
		return true, nil
	}
	if c != ',' {
		return false, errSyntax()
	}
	s.pos++
	if s.peek() == closing {
		return false, errSyntax()
	}
	return true, nil
}

// key reads a member's name and the colon. It always aliases the data: keep it no longer than the scan.
func (s *scanner) key() (string, error) {
	if s.peek() != '"' {
		return "", errSyntax()
	}
	k, err := s.text(false)
	if err != nil {
		return "", err
	}
	if s.peek() != ':' {
		return "", errSyntax()
	}
	s.pos++
	return k, nil
}

// string reads a string; the next byte is its quote.
func (s *scanner) string() (string, error) { return s.text(s.clone) }

func (s *scanner) text(clone bool) (string, error) {
	start := s.pos + 1
	for i := start; i < len(s.data); i++ {
		switch c := s.data[i]; {
		case c == '"':
			s.pos = i + 1
			if clone {
				return string(s.data[start:i]), nil
			}
			return unsafe.String(unsafe.SliceData(s.data[start:i]), i-start), nil
		case c == '\\':
			return s.escaped(start, i)
		case c < ' ':
			return "", errSyntax()
		}
	}
	return "", errSyntax()
}

// escaped reads the rest of a string that starts at start and has its first escape at i.
func (s *scanner) escaped(start, i int) (string, error) {
	var b strings.Builder
	b.Grow(s.rest(i) - start) // an escape is never shorter than what it stands for
	for {
		b.Write(s.data[start:i])
		if i+1 >= len(s.data) {
			return "", errSyntax()
		}
		c := s.data[i+1]
		i += 2
		switch c {
		case '"', '\\', '/':
			b.WriteByte(c)
		case 'b':
			b.WriteByte('\b')
		case 'f':
			b.WriteByte('\f')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 't':
			b.WriteByte('\t')
		case 'u':
			r, ok := hex4(s.data, i)
			if !ok {
				return "", errSyntax()
			}
			i += 4
			if utf16.IsSurrogate(r) { // a lone half becomes the replacement character
				low, pair := rune(0), false
				if i+1 < len(s.data) && s.data[i] == '\\' && s.data[i+1] == 'u' {
					low, pair = hex4(s.data, i+2)
				}
				if r = utf16.DecodeRune(r, low); pair && r != utf8.RuneError {
					i += 6
				}
			}
			b.WriteRune(r)
		default:
			return "", errSyntax()
		}
		start = i
		for i < len(s.data) && s.data[i] != '"' && s.data[i] != '\\' {
			if s.data[i] < ' ' {
				return "", errSyntax()
			}
			i++
		}
		if i >= len(s.data) {
			return "", errSyntax()
		}
		if s.data[i] == '"' {
			b.Write(s.data[start:i])
			s.pos = i + 1
			return b.String(), nil
		}
	}
}

// rest returns where the string that goes on at i ends, or the end of the data.
func (s *scanner) rest(i int) int {
	for ; i < len(s.data) && s.data[i] != '"'; i++ {
		if s.data[i] == '\\' {
			i++
		}
	}
	return min(i, len(s.data))
}

func hex4(data []byte, at int) (rune, bool) {
	if at+4 > len(data) {
		return 0, false
	}
	var r rune
	for _, c := range data[at : at+4] {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case 'A' <= c && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// number reads a number by JSON's grammar and tells whether it has neither fraction nor exponent.
func (s *scanner) number() (text string, whole bool, err error) {
	start, i := s.pos, s.pos
	digits := func() bool {
		from := i
		for i < len(s.data) && '0' <= s.data[i] && s.data[i] <= '9' {
			i++
		}
		return i > from
	}
	if i < len(s.data) && s.data[i] == '-' {
		i++
	}
	zero := i < len(s.data) && s.data[i] == '0'
	intStart := i
	if !digits() || zero && i > intStart+1 {
		return "", false, errSyntax()
	}
	whole = true
	if i < len(s.data) && s.data[i] == '.' {
		i++
		whole = false
		if !digits() {
			return "", false, errSyntax()
		}
	}
	if i < len(s.data) && (s.data[i] == 'e' || s.data[i] == 'E') {
		i++
		whole = false
		if i < len(s.data) && (s.data[i] == '+' || s.data[i] == '-') {
			i++
		}
		if !digits() {
			return "", false, errSyntax()
		}
	}
	s.pos = i
	return unsafe.String(unsafe.SliceData(s.data[start:i]), i-start), whole, nil
}

// literal reads true, false or null.
func (s *scanner) literal(word string) error {
	if len(s.data)-s.pos < len(word) || string(s.data[s.pos:s.pos+len(word)]) != word {
		return errSyntax()
	}
	s.pos += len(word)
	return nil
}

// null consumes null if it comes next.
func (s *scanner) null() (bool, error) {
	if s.peek() != 'n' {
		return false, nil
	}
	return true, s.literal("null")
}

// skip reads any value and checks its syntax.
func (s *scanner) skip() error {
	switch c := s.peek(); c {
	case '{', '[':
		return s.skipNested(c)
	case '"':
		_, err := s.text(false)
		return err
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	default:
		_, _, err := s.number()
		return err
	}
}

func (s *scanner) skipNested(opening byte) error {
	closing := opening + 2 // ']' and '}' in ASCII
	if err := s.open(); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := s.more(closing, first)
		if err != nil || !more {
			return err
		}
		if opening == '{' {
			if _, err := s.key(); err != nil {
				return err
			}
		}
		if err := s.skip(); err != nil {
			return err
		}
	}
}

// end checks that only white space is left.
func (s *scanner) end() error {
	if s.peek(); s.pos != len(s.data) {
		return errSyntax()
	}
	return nil
}
