// SPDX-License-Identifier: Apache-2.0

package frontdoor

import (
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gustcloud/gust/internal/base/clock"
)

// Limits of a server. Together they bound what clients can make it hold: MaxConnections times the larger of a head
// (maxHead and about 16 KiB of buffers and stacks: 170 MiB in all) and HTTP/2's window (receiveBuffer: 512 MiB in all),
// allStreams times 20 KiB, and maxBodies for bodies. A connection serves its HTTP/1.1 requests one after another, so that a
// client that sends many at once waits for the answers; HTTP/2 has maxStreams at a time. Long polls and streamed answers have no limit in time, as
// long as what is written is taken (answers.go).
const (
	MaxConnections = 2048
	maxHead        = 64 << 10         // bytes of the request line and all headers
	maxFields      = 1000             // names of headers
	headTime       = 10 * time.Second // for a whole head
	idleTime       = 2 * time.Minute  // between two requests
	maxStreams     = 128
	allStreams     = 8192      // of all connections
	receiveBuffer  = 256 << 10 // bytes that a client may send ahead on one connection
)

// NewServer configures an HTTP server for API traffic: HTTP/1.1 and HTTP/2 without TLS on one listener. The caller serves
// (on a listener made by Limit, where others than its own processes connect) and shuts it down.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	s := &http.Server{
		Handler:           timely(fewStreams(fewFields(taken(h)), allStreams)),
		ReadHeaderTimeout: headTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHead,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		Protocols:         new(http.Protocols),
		// "OPTIONS *" is for h as well: what net/http has for it knows no guard and no deadline.
		DisableGeneralOptionsHandler: true,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          maxStreams,
			MaxReceiveBufferPerConnection: receiveBuffer,
			MaxReceiveBufferPerStream:     receiveBuffer,
		},
	}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	return s
}

// timely gives every body a first deadline, also one that nobody reads: net/http reads what is left of it before it
// answers. A Door gives each read a deadline of its own.
func timely(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			_ = http.NewResponseController(w).SetReadDeadline(clock.System{}.Now().Add(bodyIdle)) // fails without a connection
		}
		h.ServeHTTP(w, r)
	})
}

// fewStreams serves n requests of HTTP/2 at a time and refuses the others, in a way that clients try again. Those of
// HTTP/1.1 are not counted: there are as many as connections at most.
func fewStreams(h http.Handler, n int64) http.Handler {
	var serving atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 2 {
			defer serving.Add(-1)
			if serving.Add(1) > n {
				w.Header()["Content-Length"] = []string{"0"} // a body could not be sent to who takes none
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
		}
		h.ServeHTTP(w, r)
	})
}

// fewFields refuses heads of very many headers, which net/http counts in bytes only.
func fewFields(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.Header) > maxFields {
			w.Header().Set("Connection", "close")
			http.Error(w, "431 Request Header Fields Too Large", http.StatusRequestHeaderFieldsTooLarge)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// Limit returns a listener with at most n open connections. Further clients wait in the system's queue until one is
// closed; a slow head and an idle connection are closed by the server in time.
func Limit(l net.Listener, n int) net.Listener {
	return &limited{Listener: l, free: make(chan struct{}, n), closed: make(chan struct{})}
}

type limited struct {
	net.Listener
	free   chan struct{} // an element for each open connection
	closed chan struct{}
	once   sync.Once
}

func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.free <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.free
		return nil, err
	}
	return &counted{takenConn: takenConn{Conn: c}, release: sync.OnceFunc(func() { <-l.free })}, nil
}

func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type counted struct {
	takenConn
	release func()
}

func (c *counted) Close() error {
	defer c.release()
	return c.Conn.Close()
}

// CloseWrite lets net/http end an answer before the client has stopped sending.
func (c *counted) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
