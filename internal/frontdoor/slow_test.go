// SPDX-License-Identifier: Apache-2.0

package frontdoor_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gustcloud/gust/internal/frontdoor"
)

// pipes is a listener of in-memory connections, whose deadlines follow the clock of a synctest bubble.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p pipes) Close() error { close(p.closed); return nil }

func (pipes) Addr() net.Addr { return &net.TCPAddr{} }

// mustPipe serves h inside a bubble and returns the client's end of a connection.
func mustPipe(t *testing.T, h http.Handler) net.Conn {
	t.Helper()
	s := frontdoor.NewServer(h, slog.New(slog.DiscardHandler))
	l := pipes{make(chan net.Conn), make(chan struct{})}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
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

// TestClientsMustKeepPace: what is slow on purpose ends after a bound, what takes its time for a reason does not.
func TestClientsMustKeepPace(t *testing.T) {
	const head = "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + form + "\r\n"
	padded := whoami + "&Padding=" + strings.Repeat("a", 200<<10)
	tests := []struct {
		name     string
		send     func(w io.Writer) error
		work     time.Duration // of the service
		from, to time.Duration // when the answer comes
		status   int           // 0: the connection is closed
		want     string
	}{
		{"body at once", all(head + length(whoami) + whoami), 0, 0, 0, 200, ""},
		{"long poll", all(head + length(whoami) + whoami), 15 * time.Minute, 15 * time.Minute, 15 * time.Minute, 200, ""},
		{"chunked long poll", all(head + "Transfer-Encoding: chunked\r\n\r\n" + chunked(whoami)), time.Hour, time.Hour, time.Hour, 200, ""},
		{"body stands still", all(head + "Content-Length: 1000\r\n\r\nAction="), 0, 19 * time.Second, 22 * time.Second, 400, "RequestTimeout"},
		{"body never begins", all(head + "Content-Length: 1000\r\n\r\n"), 0, 19 * time.Second, 21 * time.Second, 400, "RequestTimeout"},
		{"chunked body never begins", all(head + "Transfer-Encoding: chunked\r\n\r\n"), 0, 19 * time.Second, 21 * time.Second, 400, "RequestTimeout"},
		{"trickle", trickle(head+length(padded), padded, 1, 5*time.Second), 0, 29 * time.Second, 36 * time.Second, 400, "RequestTimeout"},
		{"faster trickle", trickle(head+length(padded), padded, 512, time.Second), 0, 55 * time.Second, 65 * time.Second, 400, "RequestTimeout"},
		{"slow line", trickle(head+length(padded), padded, 2<<10, time.Second), 0, 99 * time.Second, 102 * time.Second, 200, ""},
		{"slow line, then a long poll", trickle(head+length(padded), padded, 2<<10, time.Second), time.Hour, time.Hour, time.Hour + 2*time.Minute, 200, ""},
		{"refused, and the body never comes", all("POST / HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 1000\r\n\r\n"), 0, 0, 21 * time.Second, 403, "UnknownHost"},
		{"head stands still", all("POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n"), 0, 9 * time.Second, 11 * time.Second, 0, ""},
		{"head trickles", trickle("POST / HTTP/1.1\r\n", strings.Repeat("X-A: b\r\n", 100), 1, 500*time.Millisecond), 0, 9 * time.Second, 11 * time.Second, 0, ""},
		{"nothing at all", all(""), 0, 9 * time.Second, 3 * time.Minute, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := mustDoor(t, func(ctx context.Context) error {
					select {
					case <-time.After(tt.work):
						return nil
					case <-ctx.Done():
						return context.Cause(ctx)
					}
				})
				c := mustPipe(t, d)
				start := time.Now()
				sent := make(chan struct{})
				go func() {
					defer close(sent)
					_ = tt.send(c) // fails where the server closes
				}()
				r, err := http.ReadResponse(bufio.NewReader(c), nil)
				took := time.Since(start)
				if took < tt.from || took > tt.to {
					t.Errorf("after %v, want %v to %v", took, tt.from, tt.to)
				}
				switch {
				case err != nil:
					if tt.status != 0 {
						t.Error(err)
					}
				case tt.status == 0 && r.StatusCode == 400: // net/http's own, if it gets through
				case r.StatusCode != tt.status:
					t.Errorf("%s, want %d", r.Status, tt.status)
				default:
					body, err := io.ReadAll(r.Body)
					_ = r.Body.Close()
					if err != nil || !strings.Contains(string(body)+r.Header.Get("X-Amzn-Errortype"), tt.want) {
						t.Errorf("%s %v, want %q", body, err, tt.want)
					}
					if tt.status >= 400 && !r.Close {
						t.Error("the connection stays open")
					}
				}
				_ = c.Close()
				<-sent
			})
		})
	}
}

// TestBodiesThatNobodyReadMustCome: handlers without a door have bounds as well.
func TestBodiesThatNobodyReadMustCome(t *testing.T) {
	const rest = " HTTP/1.1\r\nHost: 127.0.0.1\r\n"
	many := strings.Builder{}
	for n := range 1100 {
		fmt.Fprintf(&many, "X-%d: a\r\n", n)
	}
	for _, c := range []struct {
		name, request string
		status        int
	}{
		{"with a length", "GET /" + rest + "Content-Length: 1000\r\n\r\n", 204},
		{"in chunks", "POST /" + rest + "Transfer-Encoding: chunked\r\n\r\n", 204},
		{"too many headers", "GET /" + rest + many.String() + "Content-Length: 1000\r\n\r\n", 431},
		{"OPTIONS *", "OPTIONS *" + rest + "Content-Length: 1000\r\n\r\n", 204},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := mustPipe(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }))
				start := time.Now()
				go func() { _, _ = io.WriteString(client, c.request) }()
				b := bufio.NewReader(client)
				r, err := http.ReadResponse(b, nil)
				if err != nil {
					t.Fatal(err)
				}
				_ = r.Body.Close()
				if _, err := io.Copy(io.Discard, b); err != nil {
					t.Error(err)
				}
				if took := time.Since(start); r.StatusCode != c.status || took > 21*time.Second {
					t.Errorf("%s, closed after %v", r.Status, took)
				}
			})
		})
	}
}

func length(body string) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)) }

func all(text string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, text); return err }
}

// trickle sends head at once and then n bytes of body each time that every passes.
func trickle(head, body string, n int, every time.Duration) func(io.Writer) error {
	return func(w io.Writer) error {
		if _, err := io.WriteString(w, head); err != nil {
			return err
		}
		for rest := body; rest != ""; {
			time.Sleep(every)
			part := rest[:min(n, len(rest))]
			rest = rest[len(part):]
			if _, err := io.WriteString(w, part); err != nil {
				return err
			}
		}
		return nil
	}
}

// TestSlowServicesAreNotTheClientsFault: while a service does not read, no deadline passes.
func TestSlowServicesAreNotTheClientsFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got int
		u := streams{put: func(body io.Reader) error {
			for {
				n, err := body.Read(make([]byte, 1000))
				got += n
				if errors.Is(err, io.EOF) {
					return nil
				}
				if err != nil {
					return err
				}
				time.Sleep(5 * time.Minute)
			}
		}}
		c := mustPipe(t, mustStreamDoor(t, u))
		body := strings.Repeat("a", 20<<10)
		go func() {
			_ = all("PUT /stored HTTP/1.1\r\nHost: 127.0.0.1\r\n" + authorization + length(body) + body)(c)
		}()
		r, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Body.Close()
		if r.StatusCode != 200 || got != len(body) {
			t.Errorf("%s after %d bytes", r.Status, got)
		}
		_ = c.Close()
	})
}

func TestLimitCountsOpenConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := pipes{make(chan net.Conn, 10), make(chan struct{})}
		l := frontdoor.Limit(inner, 2)
		for range 4 {
			c, _ := net.Pipe()
			inner.conns <- c
		}
		accepted := make(chan net.Conn)
		ended := make(chan error, 1)
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					ended <- err
					return
				}
				accepted <- c
			}
		}()
		first, second := <-accepted, <-accepted
		synctest.Wait()
		select {
		case <-accepted:
			t.Fatal("a third connection was accepted")
		default:
		}
		_ = first.Close()
		_ = first.Close() // counts once
		third := <-accepted
		synctest.Wait()
		select {
		case <-accepted:
			t.Fatal("closing a connection twice made room for two")
		default:
		}
		_ = l.Close()
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept after Close: %v", err)
		}
		_, _ = second.Close(), third.Close()
	})
}

// TestHTTP2ClientsMustKeepPace: a stream of HTTP/2 has the same bounds; those beside it on its connection do not suffer.
func TestHTTP2ClientsMustKeepPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := mustDoor(t, func(context.Context) error { time.Sleep(time.Hour); return nil })
		c := mustPipe(t, d)
		tr := &http.Transport{Protocols: new(http.Protocols), DialContext: func(context.Context, string, string) (net.Conn, error) { return c, nil }}
		tr.Protocols.SetUnencryptedHTTP2(true)
		defer tr.CloseIdleConnections()
		post := func(body io.Reader) (int, string, time.Duration) {
			r, err := http.NewRequestWithContext(t.Context(), "POST", "http://127.0.0.1/", body)
			if err != nil {
				t.Error(err)
				return 0, "", 0
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			start := time.Now()
			resp, err := tr.RoundTrip(r)
			if err != nil {
				t.Error(err)
				return 0, "", 0
			}
			defer func() { _ = resp.Body.Close() }()
			b, _ := io.ReadAll(resp.Body)
			return resp.StatusCode, string(b), time.Since(start)
		}
		polled := make(chan struct{})
		go func() {
			defer close(polled)
			if status, body, took := post(strings.NewReader(whoami)); status != 200 || took != time.Hour {
				t.Errorf("long poll: %d %s after %v", status, body, took)
			}
		}()
		synctest.Wait()
		slow, feed := io.Pipe()
		go func() {
			for { // a byte each 5 seconds
				if _, err := feed.Write([]byte("A")); err != nil {
					return
				}
				time.Sleep(5 * time.Second)
			}
		}()
		status, body, took := post(slow)
		if status != 400 || !strings.Contains(body, "RequestTimeout") || took < 29*time.Second || took > 36*time.Second {
			t.Errorf("trickle: %d %s after %v", status, body, took)
		}
		_ = slow.Close()
		<-polled
	})
}
