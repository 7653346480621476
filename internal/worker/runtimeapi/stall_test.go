// SPDX-License-Identifier: Apache-2.0

package runtimeapi

import (
	"bytes"
	"io"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gustcloud/gust/internal/base/clock"
)

// TestDispatchDoesNotWaitForARuntimeThatDoesNotRead: the timeout of an invocation starts after Dispatch.
func TestDispatchDoesNotWaitForARuntimeThatDoesNotRead(t *testing.T) {
	for _, tt := range []struct{ name, after string }{
		{"and waits", ""},
		{"and sends nonsense behind its request", "nonsense\r\n\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
			if err != nil {
				t.Fatal(err)
			}
			s := New(clock.System{})
			t.Cleanup(s.Close)
			if err := s.Start(l); err != nil {
				t.Fatal(err)
			}
			nc, err := net.Dial("unix", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			// As many unread answers as the server's buffer holds; then the request for an event.
			ping := "GET /2018-06-01/ping HTTP/1.1\r\nHost: x\r\n\r\n"
			if _, err := io.WriteString(nc, strings.Repeat(ping, mustFill(t))+getNext+tt.after); err != nil {
				t.Fatal(err)
			}
			<-s.Waiting()
			done := make(chan error, 1)
			payload := make([]byte, inlinePayload)
			go func() { done <- s.Dispatch(&Invocation{RequestID: "id-1", Payload: payload}) }()
			select {
			case err := <-done:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(5 * time.Second):
				t.Error("Dispatch waits for the runtime to read")
				nc.Close()
				return
			}
			if tt.after != "" {
				return
			}
			if err := nc.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 4096)
			for n := 0; n < len(payload); {
				k, err := nc.Read(buf)
				if err != nil {
					t.Fatalf("the event did not arrive whole: %v", err)
				}
				n += bytes.Count(buf[:k], []byte{0})
			}
		})
	}
}

// mustFill returns how many answers to a ping an unread unix socket takes.
func mustFill(t *testing.T) int {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fds[0])
	defer syscall.Close(fds[1])
	if err := syscall.SetNonblock(fds[0], true); err != nil {
		t.Fatal(err)
	}
	answer := "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\npong"
	for n := 0; ; n++ {
		if _, err := syscall.Write(fds[0], []byte(answer)); err != nil {
			return n
		}
	}
}
