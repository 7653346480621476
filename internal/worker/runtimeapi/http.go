// SPDX-License-Identifier: Apache-2.0

package runtimeapi

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
)

// Limits of a request. A header may hold an X-Ray error cause of up to 1 MiB (aws-lambda-go's own limit).
const (
	maxHead    = 1<<20 + 64<<10 // bytes of request line and headers
	maxHeaders = 100
	maxTrailer = 1 << 20
	bodyStep   = 64 << 10 // first allocation for a body; it doubles
)

var (
	errMalformed = errors.New("malformed HTTP request")
	errTooLarge  = errors.New("body too large")
)

// request is one parsed head, and the state of reading its body.
type request struct {
	method, path string
	length       int64 // of the body, or of what is left of it; -1 for chunked
	chunked      bool
	chunk        int64 // left of the current chunk
	inChunk      bool
	expect       bool // the client waits for 100 Continue
	close        bool // the connection ends after the answer
	old          bool // HTTP/1.0
	done         bool // the body was read whole
	refused      bool // an error was answered and the connection may go on

	contentType, errorType, responseMode string
	trailerType, trailerBody             string
}

// readLine returns one line without its CRLF; budget counts down. The result is valid until the next read.
func readLine(br *bufio.Reader, budget *int) ([]byte, error) {
	line, err := br.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		long := bytes.Clone(line)
		for errors.Is(err, bufio.ErrBufferFull) {
			if len(long) > *budget {
				return nil, errMalformed
			}
			line, err = br.ReadSlice('\n')
			long = append(long, line...)
		}
		line = long
	}
	if err != nil {
		if errors.Is(err, io.EOF) && len(line) > 0 {
			return nil, io.ErrUnexpectedEOF
		}
		return nil, err
	}
	*budget -= len(line)
	if *budget < 0 || len(line) < 2 || line[len(line)-2] != '\r' {
		return nil, errMalformed
	}
	return line[:len(line)-2], nil
}

// readHead parses request line and headers. io.EOF means that the client closed the connection between two requests.
func readHead(br *bufio.Reader) (*request, error) {
	budget := maxHead
	line, err := readLine(br, &budget)
	if err != nil {
		return nil, err
	}
	r := &request{}
	if err := r.parseLine(line); err != nil {
		return nil, err
	}
	lengthSeen := false
	for range maxHeaders {
		line, err := readLine(br, &budget)
		if err != nil {
			return nil, unexpected(err)
		}
		if len(line) == 0 {
			if r.chunked && (lengthSeen || r.old) {
				return nil, errMalformed // two framings, or one that HTTP/1.0 does not have: one of us would be wrong
			}
			if r.chunked {
				r.length = -1
			}
			r.done = r.length == 0
			return r, nil
		}
		if err := r.parseHeader(line, &lengthSeen); err != nil {
			return nil, err
		}
	}
	return nil, errMalformed
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (r *request) parseLine(line []byte) error {
	method, rest, ok := bytes.Cut(line, []byte{' '})
	path, proto, ok2 := bytes.Cut(rest, []byte{' '})
	if !ok || !ok2 || len(path) == 0 || path[0] != '/' || len(path) > 2048 || len(method) > 16 {
		return errMalformed
	}
	for _, b := range path {
		if b <= ' ' || b >= 0x7f {
			return errMalformed
		}
	}
	switch string(proto) {
	case "HTTP/1.1":
	case "HTTP/1.0":
		r.close, r.old = true, true
	default:
		return errMalformed
	}
	switch string(method) { // without allocation on the hot path
	case "GET":
		r.method = "GET"
	case "POST":
		r.method = "POST"
	default:
		if !isToken(method) {
			return errMalformed
		}
		r.method = string(method)
	}
	if string(path) == pathNext {
		r.path = pathNext
	} else {
		r.path = string(path)
	}
	return nil
}

func (r *request) parseHeader(line []byte, lengthSeen *bool) error {
	name, value, err := splitHeader(line)
	if err != nil {
		return err
	}
	switch {
	case is(name, "content-length"):
		n, err := strconv.ParseUint(string(value), 10, 62)
		if err != nil || *lengthSeen && int64(n) != r.length {
			return errMalformed
		}
		*lengthSeen, r.length = true, int64(n)
	case is(name, "transfer-encoding"):
		if r.chunked || !is(value, "chunked") {
			return errMalformed
		}
		r.chunked = true
	case is(name, "connection"):
		for token := range strings.SplitSeq(string(value), ",") {
			r.close = r.close || strings.EqualFold(strings.TrimSpace(token), "close")
		}
	case is(name, "expect"):
		if !is(value, "100-continue") {
			return errMalformed
		}
		r.expect = true
	case is(name, "content-type"):
		if string(value) == "application/json" {
			r.contentType = "application/json"
		} else {
			r.contentType = string(value)
		}
	case is(name, "lambda-runtime-function-error-type"):
		r.errorType = string(value)
	case is(name, "lambda-runtime-function-response-mode"):
		r.responseMode = string(value)
	}
	return nil
}

func splitHeader(line []byte) (name, value []byte, err error) {
	name, value, ok := bytes.Cut(line, []byte{':'})
	if !ok || !isToken(name) {
		return nil, nil, errMalformed
	}
	value = bytes.Trim(value, " \t")
	for _, b := range value {
		if b < ' ' && b != '\t' || b == 0x7f {
			return nil, nil, errMalformed
		}
	}
	return name, value, nil
}

// is compares a header name or token with its lower-case form, whatever the case of b.
func is(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, x := range b {
		if 'A' <= x && x <= 'Z' {
			x += 'a' - 'A'
		}
		if x != lower[i] {
			return false
		}
	}
	return true
}

func isToken(b []byte) bool {
	for _, x := range b {
		alnum := '0' <= x && x <= '9' || 'a' <= x && x <= 'z' || 'A' <= x && x <= 'Z'
		if !alnum && strings.IndexByte("!#$%&'*+-.^_`|~", x) < 0 {
			return false
		}
	}
	return len(b) > 0
}
