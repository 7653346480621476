// SPDX-License-Identifier: Apache-2.0

package runtimeapi

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/gustcloud/gust/internal/base/clock"
)

// endless gives the same chunk for ever and counts what was read.
type endless struct {
	chunk string
	n     int64
}

func (e *endless) Read(p []byte) (int, error) {
	n := 0
	for n+len(e.chunk) <= len(p) {
		n += copy(p[n:], e.chunk)
	}
	e.n += int64(n)
	return n, nil
}

func TestBodyWithoutEndIsNotReadForEver(t *testing.T) {
	e := &endless{chunk: "400\r\n" + strings.Repeat("x", 0x400) + "\r\n"}
	r := &request{chunked: true, length: -1}
	if err := r.skipBody(bufio.NewReaderSize(e, 64<<10)); !errors.Is(err, errTooLarge) {
		t.Errorf("got %v, want errTooLarge", err)
	}
	if most := int64(maxSkip + 1<<20); e.n > most {
		t.Errorf("%d bytes were read, want at most %d", e.n, most)
	}
}

// shortListener fails before it gives its connections.
type shortListener struct {
	net.Listener
	fail []error
}

func (l *shortListener) Accept() (net.Conn, error) {
	if len(l.fail) > 0 {
		err := l.fail[0]
		l.fail = l.fail[1:]
		return nil, &net.OpError{Op: "accept", Err: err}
	}
	return l.Listener.Accept()
}

func TestListenerOutlastsALackOfDescriptors(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(clock.System{})
	t.Cleanup(s.Close)
	if err := s.Start(&shortListener{inner, []error{syscall.EMFILE, syscall.ECONNABORTED}}); err != nil {
		t.Fatal(err)
	}
	nc, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := io.WriteString(nc, "GET /2018-06-01/ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(nc); err != nil || !strings.HasSuffix(string(b), "pong") {
		t.Errorf("got %q, %v", b, err)
	}
}
