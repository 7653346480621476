// SPDX-License-Identifier: Apache-2.0

// Package eventstream writes and reads the messages of application/vnd.amazon.eventstream: a prelude with lengths, typed
// headers, a payload, and two checksums. It knows no service and no protocol: what the headers mean is internal/wire's, and
// the signatures of frames are the signature layer's.
//
// Read message.go first, then reader.go.
//
// Source: https://smithy.io/2.0/aws/amazon-eventstream.html, limits included. Older SDKs read payloads of 16 MiB only, so
// that no service should send larger ones.
package eventstream

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
)

// Limits in bytes.
const (
	MaxPayload = 24 << 20
	MaxHeaders = 128 << 10
	MaxName    = 255       // of a header
	MaxValue   = 1<<15 - 1 // of a string or bytes
)

const (
	preludeLen = 12 // length of the message, length of the headers, checksum of both
	sumLen     = 4
)

// Type is the type of a header's value.
type Type byte

// The types, as they stand on the wire.
const (
	True Type = iota
	False
	Byte
	Short
	Integer
	Long
	Bytes
	String
	Timestamp
	UUID
)

// uuidLen is the length of a UUID in bytes.
const uuidLen = 16

// Header is one header of a message. Which field holds the value depends on Type.
type Header struct {
	Name string
	Type Type
	Num  int64  // Byte, Short, Integer, Long; Timestamp in milliseconds since 1970
	Text string // String
	Data []byte // Bytes; UUID, 16 of them
}

// Message is one message. No two of its headers have the same name.
type Message struct {
	Headers []Header
	Payload []byte
}

// Errors of messages. ErrTooLarge is about limits, ErrChecksum about bytes that were changed on the way, ErrMalformed about
// everything else.
var (
	ErrTooLarge  = errors.New("eventstream: message too large")
	ErrChecksum  = errors.New("eventstream: wrong checksum")
	ErrMalformed = errors.New("eventstream: malformed message")
)

// StringHeader returns a header that holds text.
func StringHeader(name, value string) Header { return Header{Name: name, Type: String, Text: value} }

// Get returns the header of that name.
func (m *Message) Get(name string) (Header, bool) {
	for i := range m.Headers {
		if m.Headers[i].Name == name {
			return m.Headers[i], true
		}
	}
	return Header{}, false
}

// Append appends the encoded message to b. On an error, which is ErrTooLarge or ErrMalformed, b is returned as it was.
func Append(b []byte, m *Message) ([]byte, error) {
	start := len(b)
	if len(m.Payload) > MaxPayload {
		return b, ErrTooLarge
	}
	b = append(b, make([]byte, preludeLen)...)
	for i := range m.Headers {
		var err error
		if b, err = appendHeader(b, &m.Headers[i]); err != nil {
			return b[:start], err
		}
	}
	headers := len(b) - start - preludeLen
	if headers > MaxHeaders {
		return b[:start], ErrTooLarge
	}
	b = append(b, m.Payload...)
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start+sumLen))
	binary.BigEndian.PutUint32(b[start+4:], uint32(headers))
	binary.BigEndian.PutUint32(b[start+8:], crc32.ChecksumIEEE(b[start:start+8]))
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[start:])), nil
}

func appendHeader(b []byte, h *Header) ([]byte, error) {
	if len(h.Name) == 0 || len(h.Name) > MaxName {
		return b, ErrMalformed
	}
	b = append(append(append(b, byte(len(h.Name))), h.Name...), byte(h.Type))
	switch h.Type {
	case True, False:
		return b, nil
	case Byte:
		if int64(int8(h.Num)) != h.Num {
			return b, ErrMalformed
		}
		return append(b, byte(h.Num)), nil
	case Short:
		if int64(int16(h.Num)) != h.Num {
			return b, ErrMalformed
		}
		return binary.BigEndian.AppendUint16(b, uint16(h.Num)), nil
	case Integer:
		if h.Num < math.MinInt32 || h.Num > math.MaxInt32 {
			return b, ErrMalformed
		}
		return binary.BigEndian.AppendUint32(b, uint32(h.Num)), nil
	case Long, Timestamp:
		return binary.BigEndian.AppendUint64(b, uint64(h.Num)), nil
	case Bytes:
		if len(h.Data) > MaxValue {
			return b, ErrTooLarge
		}
		return append(binary.BigEndian.AppendUint16(b, uint16(len(h.Data))), h.Data...), nil
	case String:
		if len(h.Text) > MaxValue {
			return b, ErrTooLarge
		}
		return append(binary.BigEndian.AppendUint16(b, uint16(len(h.Text))), h.Text...), nil
	case UUID:
		if len(h.Data) != uuidLen {
			return b, ErrMalformed
		}
		return append(b, h.Data...), nil
	}
	return b, ErrMalformed
}
