// SPDX-License-Identifier: Apache-2.0

package frontdoor_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gustcloud/gust/internal/frontdoor"
)

// mustLimited serves h as mustPipe does, behind Limit.
func mustLimited(t *testing.T, h http.Handler) net.Conn {
	t.Helper()
	s := frontdoor.NewServer(h, slog.New(slog.DiscardHandler))
	l := pipes{make(chan net.Conn), make(chan struct{})}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := s.Serve(frontdoor.Limit(l, 10)); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	server, client := net.Pipe()
	l.conns <- server
	t.Cleanup(func() {
		_ = client.Close()
		_ = s.Close()
		<-ended
	})
	return client
}

// answers writes size bytes at once, after a pause those that follow.
func answers(size int, pause time.Duration, failed *time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		start := time.Now()
		for range 2 {
			if _, err := io.WriteString(w, strings.Repeat("a", size)); err != nil {
				*failed = time.Since(start)
				return
			}
			if err := http.NewResponseController(w).Flush(); err != nil {
				*failed = time.Since(start)
				return
			}
			time.Sleep(pause)
		}
	}
}

// slowly reads n bytes of an answer each time that every passes.
func slowly(r io.Reader, n int, every time.Duration) (int, error) {
	got := 0
	for b := make([]byte, n); ; {
		m, err := io.ReadFull(r, b)
		got += m
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF) && m > 0:
			return got, nil
		case err != nil:
			return got, err
		}
		time.Sleep(every)
	}
}

// TestAnswersMustBeTaken: a client that does not read is given up, one that reads slowly and a service that pauses are not.
func TestAnswersMustBeTaken(t *testing.T) {
	const size = 200 << 10
	for _, proto := range []string{"HTTP/1.1", "HTTP/2"} {
		for _, c := range []struct {
			name   string
			every  time.Duration // of 16 KiB; 0: nothing is read
			pause  time.Duration
			failed time.Duration
		}{
			{"nothing is read", 0, 0, 30 * time.Second},
			{"slow reader", 5 * time.Second, 0, 0},
			{"slow service", time.Millisecond, time.Hour, 0},
		} {
			t.Run(proto+", "+c.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var failed time.Duration
					client := mustLimited(t, answers(size, c.pause, &failed))
					body := mustAnswer(t, client, proto == "HTTP/2")
					if c.every == 0 {
						time.Sleep(time.Hour)
					} else if n, err := slowly(body, 16<<10, c.every); n != 2*size || err != nil {
						t.Errorf("%d bytes, %v, want %d", n, err, 2*size)
					}
					synctest.Wait()
					if failed != c.failed {
						t.Errorf("given up after %v, want %v", failed, c.failed)
					}
				})
			})
		}
	}
}

// mustAnswer sends a request over c and returns the body of the answer.
func mustAnswer(t *testing.T, c net.Conn, http2 bool) io.Reader {
	t.Helper()
	if !http2 {
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		r, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = r.Body.Close() })
		return r.Body
	}
	tr := &http.Transport{
		Protocols: new(http.Protocols), DialContext: func(context.Context, string, string) (net.Conn, error) { return c, nil },
		HTTP2: &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10},
	}
	tr.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(tr.CloseIdleConnections)
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://127.0.0.1/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := tr.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp.Body
}

// TestFilesArriveWhole: net/http hands files to the connection, which sends them in parts.
func TestFilesArriveWhole(t *testing.T) {
	content := strings.Repeat("0123456789", 50_000)
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := frontdoor.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, err := os.Open(name)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = f.Close() }()
		if r.URL.Path == "/copy" {
			w.Header().Set("Content-Length", strconv.Itoa(len(content)))
			if _, err := io.Copy(w, f); err != nil {
				t.Error(err)
			}
			return
		}
		http.ServeContent(w, r, "", time.Time{}, f)
	}), slog.New(slog.DiscardHandler))
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(frontdoor.Limit(l, 10)) }()
	for _, c := range []struct{ path, span, want string }{
		{"/copy", "", content}, {"/serve", "", content}, {"/serve", "bytes=65536-200000", content[65536:200001]},
	} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+l.Addr().String()+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.span != "" {
			r.Header.Set("Range", c.span)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || string(got) != c.want {
			t.Errorf("%s %s: %d bytes, %v, want %d", c.path, c.span, len(got), err, len(c.want))
		}
	}
	_ = s.Close()
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}
