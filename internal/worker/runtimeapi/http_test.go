// SPDX-License-Identifier: Apache-2.0

package runtimeapi

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestHeadLimits(t *testing.T) {
	line := "x: " + strings.Repeat("y", 64<<10) + "\r\n"
	for _, tc := range []struct {
		name string
		head string
		ok   bool
	}{
		{"an X-Ray cause of 1 MiB", "x: " + strings.Repeat("y", 1<<20) + "\r\n", true},
		{"too many bytes", strings.Repeat(line, 20), false},
		{"too many headers", strings.Repeat("a: b\r\n", maxHeaders+1), false},
		{"space in a name", "a b: c\r\n", false},
		{"folded line", "a: b\r\n c\r\n", false},
		{"NUL in a value", "a: b\x00c\r\n", false},
		{"negative length", "Content-Length: -1\r\n", false},
		{"gzip", "Transfer-Encoding: gzip, chunked\r\n", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := readHead(bufio.NewReader(strings.NewReader("GET / HTTP/1.1\r\n" + tc.head + "\r\n")))
			if tc.ok != (err == nil) || !tc.ok && !errors.Is(err, errMalformed) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// FuzzRequest checks that what our parser accepts means the same to net/http, so that no client can be understood in
// two ways, and that no input makes it take more than it should.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		getNext, post("invocation/id-1/response", `{"a":1}`, "Content-Type: application/json"),
		"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\n\r\n",
		"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
		"POST /a HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		br := bufio.NewReaderSize(bytes.NewReader(in), 4096)
		r, err := readHead(br)
		if err != nil {
			return
		}
		body, err := r.readBody(br, 1<<16)
		if err != nil {
			if errors.Is(err, errTooLarge) {
				_ = r.skipBody(br)
			}
			return
		}
		if !r.done || len(body) > 1<<16 {
			t.Fatalf("done %v, %d bytes", r.done, len(body))
		}
		theirs, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(in)))
		if err != nil {
			return // stricter than we are (Host, path escapes): we refuse nothing less in framing
		}
		want, err := io.ReadAll(theirs.Body)
		if err != nil || !bytes.Equal(body, want) || r.method != theirs.Method {
			t.Errorf("%s %q; net/http: %s %q %v", r.method, body, theirs.Method, want, err)
		}
	})
}
