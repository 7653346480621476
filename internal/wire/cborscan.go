// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/binary"
	"math"
	"unicode/utf8"
	"unsafe"
)

// The major types of CBOR (RFC 8949, section 3.1): the upper 3 bits of an item's first byte.
const (
	cborUint byte = iota
	cborNegative
	cborBytes
	cborText
	cborList
	cborMap
	cborTag
	cborSimple // false, true, null, floating point, and the break that ends what has no length
)

// The values of the lower 5 bits that mean something by themselves.
const (
	cborFalse     = 20
	cborTrue      = 21
	cborNull      = 22
	cborUndefined = 23
	cborHalf      = 25
	cborSingle    = 26
	cborDouble    = 27
	cborOpen      = 31 // no length: the item ends at a break
	cborBreak     = cborSimple<<5 | cborOpen
)

// The tags that the AWS protocols use.
const (
	tagEpoch          = 1 // a timestamp in seconds (in milliseconds in the older form of Kinesis)
	tagBignum         = 2
	tagNegativeBignum = 3
	tagDecimal        = 4 // [exponent, mantissa]
)

// cborScanner reads CBOR items. Lengths that the data claims are compared with what is left of it and never allocated.
// Texts and bytes in one piece alias data unless clone is set.
type cborScanner struct {
	data  []byte
	pos   int
	level int
	clone bool
}

func errCBOR() error { return serialization("The request body is not well-formed CBOR.") } // unverified

// head is the start of an item.
type head struct {
	major byte
	info  byte   // the lower 5 bits of the first byte
	arg   uint64 // value, length, count, tag number or floating point bits
	open  bool   // bytes, text, list or map without a length
}

// left tells whether there is data left.
func (s *cborScanner) left() bool { return s.pos < len(s.data) }

// isBreak tells whether the next byte is a break.
func (s *cborScanner) isBreak() bool { return s.left() && s.data[s.pos] == cborBreak }

// head reads an item's head. A break is no item.
func (s *cborScanner) head() (head, error) {
	if !s.left() {
		return head{}, errCBOR()
	}
	c := s.data[s.pos]
	h := head{major: c >> 5, info: c & 31}
	s.pos++
	rest := s.data[s.pos:]
	switch {
	case h.info < 24:
		h.arg = uint64(h.info)
		return h, nil
	case h.info <= cborDouble:
		size := 1 << (h.info - 24)
		if len(rest) < size {
			return head{}, errCBOR()
		}
		s.pos += size
		switch size {
		case 1:
			h.arg = uint64(rest[0])
		case 2:
			h.arg = uint64(binary.BigEndian.Uint16(rest))
		case 4:
			h.arg = uint64(binary.BigEndian.Uint32(rest))
		default:
			h.arg = binary.BigEndian.Uint64(rest)
		}
		if h.major == cborSimple && size == 1 && h.arg < 32 { // RFC 8949, 3.3: these have the short form only
			return head{}, errCBOR()
		}
		return h, nil
	case h.info == cborOpen && cborBytes <= h.major && h.major <= cborMap:
		h.open = true
		return h, nil
	}
	return head{}, errCBOR()
}

// enter and leave count how deep lists, maps and tags nest.
func (s *cborScanner) enter() error {
	if s.level++; s.level > maxDepth {
		return serialization("The request is nested deeper than %d levels.", maxDepth)
	}
	return nil
}

func (s *cborScanner) leave() { s.level-- }

// fits tells whether count items of at least one byte each can still follow.
func (s *cborScanner) fits(count uint64) bool { return count <= uint64(len(s.data)-s.pos) }

// more tells whether a list or map has another element. n is how many there were.
func (s *cborScanner) more(h head, n uint64) (bool, error) {
	if !h.open {
		return n < h.arg, nil
	}
	if s.isBreak() {
		s.pos++
		return false, nil
	}
	if !s.left() {
		return false, errCBOR()
	}
	return true, nil
}

// bytes reads the content of a byte or text string whose head is h. It aliases the data unless it came in pieces.
func (s *cborScanner) bytes(h head) ([]byte, error) {
	if !h.open {
		if !s.fits(h.arg) {
			return nil, errCBOR()
		}
		b := s.data[s.pos : s.pos+int(h.arg) : s.pos+int(h.arg)]
		s.pos += int(h.arg)
		if h.major == cborText && !utf8.Valid(b) {
			return nil, errCBOR()
		}
		return b, nil
	}
	joined := []byte{}
	for {
		if s.isBreak() {
			s.pos++
			return joined, nil
		}
		piece, err := s.head()
		if err != nil || piece.major != h.major || piece.open {
			return nil, errCBOR()
		}
		b, err := s.bytes(piece)
		if err != nil {
			return nil, err
		}
		joined = append(joined, b...)
	}
}

// text reads the text string whose head is h.
func (s *cborScanner) text(h head, clone bool) (string, error) {
	b, err := s.bytes(h)
	if err != nil || len(b) == 0 {
		return "", err
	}
	if clone && !h.open {
		return string(b), nil
	}
	return unsafe.String(unsafe.SliceData(b), len(b)), nil
}

// key reads the key of a map's entry. It may alias the data: keep it no longer than the scan.
func (s *cborScanner) key() (string, error) {
	h, err := s.head()
	if err != nil {
		return "", err
	}
	if h.major != cborText {
		return "", serialization("Map keys must be text.") // unverified
	}
	return s.text(h, false)
}

// null consumes a null or undefined.
func (s *cborScanner) null() bool {
	if s.left() && (s.data[s.pos] == cborSimple<<5|cborNull || s.data[s.pos] == cborSimple<<5|cborUndefined) {
		s.pos++
		return true
	}
	return false
}

// skip consumes one item.
func (s *cborScanner) skip() error {
	h, err := s.head()
	if err != nil {
		return err
	}
	switch h.major {
	case cborBytes, cborText:
		_, err = s.bytes(h)
		return err
	case cborTag:
		if err := s.enter(); err != nil {
			return err
		}
		defer s.leave()
		return s.skip()
	case cborList, cborMap:
		return s.skipAll(h)
	}
	return nil
}

func (s *cborScanner) skipAll(h head) error {
	if !s.fits(h.arg) {
		return errCBOR()
	}
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	for n := uint64(0); ; n++ {
		if more, err := s.more(h, n); err != nil || !more {
			return err
		}
		if err := s.skip(); err != nil {
			return err
		}
		if h.major == cborMap {
			if err := s.skip(); err != nil {
				return err
			}
		}
	}
}

// halfFloat widens the IEEE 754 half-precision number with these bits.
func halfFloat(bits uint16) float64 {
	exponent, fraction := int(bits>>10&31), float64(bits&1023)
	var f float64
	switch exponent {
	case 0:
		f = math.Ldexp(fraction, -24)
	case 31:
		if f = math.Inf(1); fraction != 0 {
			f = math.NaN()
		}
	default:
		f = math.Ldexp(fraction+1024, exponent-25)
	}
	if bits>>15 != 0 {
		return -f
	}
	return f
}
