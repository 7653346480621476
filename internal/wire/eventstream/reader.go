// SPDX-License-Identifier: Apache-2.0

package eventstream

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"unicode/utf8"
)

// Reader reads messages from a stream. It reads no further than the message that it returns.
type Reader struct {
	// Grow, which may be nil, is asked before the reader holds so many bytes more than any message before had; its error is
	// returned.
	Grow func(bytes int64) error

	src  io.Reader
	held int // the largest size yet
}

// NewReader returns a reader of src.
func NewReader(src io.Reader) *Reader { return &Reader{src: src} }

// Next returns the next message, whose memory is the caller's. Errors: io.EOF when the stream ended between two messages,
// io.ErrUnexpectedEOF inside of one, ErrTooLarge, ErrChecksum, ErrMalformed, or what reading or Grow gave. After an error the
// stream has no meaning any more.
func (r *Reader) Next() (*Message, error) {
	var prelude [preludeLen]byte
	if _, err := io.ReadFull(r.src, prelude[:]); err != nil {
		return nil, err
	}
	if crc32.ChecksumIEEE(prelude[:8]) != binary.BigEndian.Uint32(prelude[8:]) {
		return nil, fmt.Errorf("%w of the prelude", ErrChecksum)
	}
	total, headers := int64(binary.BigEndian.Uint32(prelude[:])), int64(binary.BigEndian.Uint32(prelude[4:]))
	switch payload := total - preludeLen - sumLen - headers; {
	case payload < 0:
		return nil, fmt.Errorf("%w: its headers do not fit into it", ErrMalformed)
	case headers > MaxHeaders:
		return nil, fmt.Errorf("%w: headers of %d bytes", ErrTooLarge, headers)
	case payload > MaxPayload:
		return nil, fmt.Errorf("%w: payload of %d bytes", ErrTooLarge, payload)
	}
	rest, err := r.exactly(int(total - preludeLen))
	if err != nil {
		return nil, err
	}
	end := len(rest) - sumLen
	sum := crc32.Update(crc32.ChecksumIEEE(prelude[:]), crc32.IEEETable, rest[:end])
	if sum != binary.BigEndian.Uint32(rest[end:]) {
		return nil, ErrChecksum
	}
	m := &Message{Payload: rest[headers:end:end]}
	if m.Headers, err = parseHeaders(rest[:headers:headers]); err != nil {
		return nil, err
	}
	return m, nil
}

// exactly reads n bytes. They are allocated as they come, not as they were announced.
func (r *Reader) exactly(n int) ([]byte, error) {
	const ahead = 64 << 10
	if err := r.hold(min(n, ahead)); err != nil {
		return nil, err
	}
	b := make([]byte, 0, min(n, ahead))
	for {
		got, err := io.ReadFull(r.src, b[len(b):cap(b)])
		b = b[:len(b)+got]
		switch {
		case len(b) == n:
			return b, nil
		case errors.Is(err, io.EOF):
			return nil, io.ErrUnexpectedEOF
		case err != nil:
			return nil, err
		}
		if err := r.hold(min(n, 2*cap(b))); err != nil {
			return nil, err
		}
		grown := make([]byte, len(b), min(n, 2*cap(b)))
		copy(grown, b)
		b = grown
	}
}

// hold makes sure that Grow agreed to messages of n bytes.
func (r *Reader) hold(n int) error {
	if r.Grow == nil || n <= r.held {
		return nil
	}
	if err := r.Grow(int64(n - r.held)); err != nil {
		return err
	}
	r.held = n
	return nil
}

// parseHeaders reads a whole block of headers. The values alias it, texts do not.
func parseHeaders(b []byte) ([]Header, error) {
	var all []Header
	for len(b) > 0 {
		n := int(b[0])
		if n == 0 || len(b) < n+2 {
			return nil, fmt.Errorf("%w: a header's name", ErrMalformed)
		}
		h := Header{Name: string(b[1 : 1+n]), Type: Type(b[1+n])}
		if !utf8.ValidString(h.Name) {
			return nil, fmt.Errorf("%w: a header's name is not UTF-8", ErrMalformed)
		}
		b = b[n+2:]
		size, err := h.parse(b)
		if err != nil {
			return nil, fmt.Errorf("%w: header %q", err, h.Name)
		}
		all, b = append(all, h), b[size:]
	}
	if name, ok := repeated(all); ok {
		return nil, fmt.Errorf("%w: two headers %q", ErrMalformed, name)
	}
	return all, nil
}

// repeated returns a name that two headers have.
func repeated(all []Header) (name string, ok bool) {
	const few = 16 // up to which looking at all others is faster than a map
	if len(all) <= few {
		for i := range all {
			for j := range i {
				if all[i].Name == all[j].Name {
					return all[i].Name, true
				}
			}
		}
		return "", false
	}
	had := make(map[string]struct{}, len(all))
	for i := range all {
		if _, ok := had[all[i].Name]; ok {
			return all[i].Name, true
		}
		had[all[i].Name] = struct{}{}
	}
	return "", false
}

// parse reads the value that b starts with and returns its length.
func (h *Header) parse(b []byte) (size int, err error) {
	switch h.Type {
	case True, False:
		return 0, nil
	case Byte:
		size = 1
	case Short:
		size = 2
	case Integer:
		size = 4
	case Long, Timestamp:
		size = 8
	case UUID:
		size = uuidLen
	case Bytes, String:
		if len(b) < 2 {
			return 0, ErrMalformed
		}
		size = 2 + int(binary.BigEndian.Uint16(b))
		if size-2 > MaxValue {
			return 0, ErrTooLarge
		}
	default:
		return 0, ErrMalformed
	}
	if len(b) < size {
		return 0, ErrMalformed
	}
	switch h.Type {
	case Byte:
		h.Num = int64(int8(b[0]))
	case Short:
		h.Num = int64(int16(binary.BigEndian.Uint16(b)))
	case Integer:
		h.Num = int64(int32(binary.BigEndian.Uint32(b)))
	case Long, Timestamp:
		h.Num = int64(binary.BigEndian.Uint64(b))
	case UUID:
		h.Data = b[:size:size]
	case Bytes:
		h.Data = b[2:size:size]
	default:
		if !utf8.Valid(b[2:size]) {
			return 0, ErrMalformed
		}
		h.Text = string(b[2:size])
	}
	return size, nil
}
