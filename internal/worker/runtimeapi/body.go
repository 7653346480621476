// SPDX-License-Identifier: Apache-2.0

package runtimeapi

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
)

// readBody reads the whole body, at most limit bytes. After errTooLarge the rest can be skipped with skipBody.
func (r *request) readBody(br *bufio.Reader, limit int64) ([]byte, error) {
	if r.length > limit {
		return nil, errTooLarge
	}
	size := r.length
	if size < 0 || size > bodyStep {
		size = bodyStep
	}
	if r.done {
		return []byte{}, nil
	}
	buf := make([]byte, 0, size)
	for {
		n, err := r.left(br)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return buf, nil
		}
		if int64(len(buf))+n > limit {
			return nil, errTooLarge
		}
		if buf, err = r.readPart(br, buf, n); err != nil {
			return nil, err
		}
	}
}

// readPart appends n bytes to buf. Memory grows with what arrives, not with what a header promises.
func (r *request) readPart(br *bufio.Reader, buf []byte, n int64) ([]byte, error) {
	for n > 0 {
		room := int64(cap(buf) - len(buf))
		if room == 0 {
			room = min(n, max(int64(len(buf)), bodyStep))
			buf = append(buf, make([]byte, room)...)[:len(buf)]
		}
		k, err := io.ReadFull(br, buf[len(buf):int64(len(buf))+min(n, room)])
		if err != nil {
			return nil, unexpected(err)
		}
		buf = buf[:len(buf)+k]
		n -= int64(k)
		r.consumed(int64(k))
	}
	return buf, nil
}

// maxSkip is how much of a body that nobody wants is read, in bytes, so that its sender sees the answer: ten times what a
// response may hold. A body without an end would keep a core busy.
const maxSkip = 10 * MaxPayload

// skipBody reads the rest of the body and drops it. Errors: errTooLarge.
func (r *request) skipBody(br *bufio.Reader) error {
	for skipped := int64(0); !r.done; {
		n, err := r.left(br)
		if err != nil || n == 0 {
			return err
		}
		if skipped += n; skipped > maxSkip {
			return errTooLarge
		}
		k, err := io.CopyN(io.Discard, br, n)
		r.consumed(k)
		if err != nil {
			return unexpected(err)
		}
	}
	return nil
}

// left returns how many bytes come before the next piece of framing, which it reads when it is due; 0 at the end.
func (r *request) left(br *bufio.Reader) (int64, error) {
	if r.done {
		return 0, nil
	}
	if !r.chunked {
		return r.length, nil
	}
	if r.chunk > 0 {
		return r.chunk, nil
	}
	budget := maxTrailer
	if r.inChunk { // the CRLF that ends a chunk's data
		if line, err := readLine(br, &budget); err != nil || len(line) != 0 {
			return 0, firstError(unexpected(err))
		}
		r.inChunk = false
	}
	line, err := readLine(br, &budget)
	if err != nil {
		return 0, unexpected(err)
	}
	digits, _, _ := bytes.Cut(line, []byte{';'}) // extensions are ignored
	digits = bytes.TrimRight(digits, " \t")
	n, err := strconv.ParseUint(string(digits), 16, 62)
	if err != nil {
		return 0, errMalformed
	}
	if n == 0 {
		return 0, r.readTrailers(br, &budget)
	}
	r.chunk, r.inChunk = int64(n), true
	return r.chunk, nil
}

func firstError(err error) error {
	if err != nil {
		return err
	}
	return errMalformed
}

func (r *request) readTrailers(br *bufio.Reader, budget *int) error {
	for range maxHeaders {
		line, err := readLine(br, budget)
		if err != nil {
			return unexpected(err)
		}
		if len(line) == 0 {
			r.done = true
			return nil
		}
		name, value, err := splitHeader(line)
		if err != nil {
			return err
		}
		switch {
		case is(name, "lambda-runtime-function-error-type"):
			r.trailerType = string(value)
		case is(name, "lambda-runtime-function-error-body"):
			r.trailerBody = string(value)
		}
	}
	return errors.Join(errMalformed, errors.New("too many trailers"))
}

func (r *request) consumed(n int64) {
	if r.chunked {
		r.chunk -= n
		return
	}
	r.length -= n
	r.done = r.length == 0
}
