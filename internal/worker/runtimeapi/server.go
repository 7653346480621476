// SPDX-License-Identifier: Apache-2.0

// Package runtimeapi serves the Lambda Runtime API, version 2018-06-01, to one runtime process: the loop in which it
// asks for the next event and posts what came of it. The HTTP/1.1 server is hand-written because it lies on the path of
// every warm invocation. It knows neither sandboxes nor timeouts (worker/lifecycle does), and neither the Extensions nor
// the Telemetry API: those answer 501 and say so. Read state.go first, then server.go, handlers.go, http.go.
//
// Source of statuses, bodies and limits: "Using the Lambda runtime API for custom runtimes", AWS Lambda Developer Guide,
// read 2026-11, and the open runtime interface emulator of AWS, same date.
package runtimeapi

import (
	"bytes"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/gustcloud/gust/internal/base/clock"
)

// MaxPayload is the most a response may hold: 6 MiB + 100 bytes.
const MaxPayload = 6<<20 + 100

// maxConns bounds the connections of one sandbox; the runtime needs one or two.
const maxConns = 32

// inlinePayload is the size up to which Dispatch writes an event itself, as an empty socket buffer takes it whole. What
// the buffer does not take, and larger events, are written by a goroutine: the runtime may not read.
const inlinePayload = 32 << 10

// Invocation is one event for the runtime. It is read-only from Dispatch until its Outcome.
type Invocation struct {
	RequestID       string
	DeadlineMS      int64 // of the invocation, Unix milliseconds
	InvokedARN      string
	TraceID         string
	ClientContext   string
	CognitoIdentity string
	ContentType     string // "" for application/json
	Payload         []byte
}

// Outcome is what the runtime made of an invocation, or of its init.
type Outcome struct {
	Payload   []byte // owned by the receiver
	ErrorType string // "" for success
	Platform  bool   // the platform found the error (size, mode, truncation): Payload holds nothing of the runtime's
}

// ErrClosed is returned when the server was closed.
var ErrClosed = errors.New("runtime API is closed")

// ErrState is returned by Dispatch when the runtime does not wait for an event.
var ErrState = errors.New("runtime does not wait for an event")

// Server is the Runtime API of one runtime process. It is safe for concurrent use; one invocation runs at a time.
type Server struct {
	clock clock.Clock

	mu      sync.Mutex
	state   State
	waiter  *conn // whose next is unanswered; nil when its client went away
	current *Invocation
	conns   map[*conn]struct{}
	lns     []net.Listener
	closed  bool
	ended   chan struct{} // closed by Close
	head    []byte        // reused by Dispatch

	waiting  chan struct{} // cap 1: a token for each entry to Waiting
	outcome  chan Outcome  // cap 1: of the current invocation
	initFail chan Outcome  // cap 1
	gone     chan struct{} // cap 1: a token whenever the last connection ends
	wg       sync.WaitGroup
}

// New returns a server in state Starting; the clock is the machine's.
func New(c clock.Clock) *Server {
	return &Server{
		clock:    c,
		conns:    make(map[*conn]struct{}),
		waiting:  make(chan struct{}, 1),
		outcome:  make(chan Outcome, 1),
		initFail: make(chan Outcome, 1),
		gone:     make(chan struct{}, 1),
		ended:    make(chan struct{}),
	}
}

// State returns where the runtime stands.
func (s *Server) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// Waiting gives a token each time the runtime asks for its next event: the end of init, or of an invocation.
func (s *Server) Waiting() <-chan struct{} { return s.waiting }

// Outcome gives the result of the dispatched invocation, once.
func (s *Server) Outcome() <-chan Outcome { return s.outcome }

// InitError gives what the runtime posted to init/error, once.
func (s *Server) InitError() <-chan Outcome { return s.initFail }

// Connected tells whether a client is connected; Gone gives a token when the last one left. A process that has ended
// may have left an answer in a socket's buffer: it is read when no client is connected any more.
func (s *Server) Connected() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns) > 0
}

// Gone is explained at Connected.
func (s *Server) Gone() <-chan struct{} { return s.gone }

// Start serves a listener until it or the server is closed. It returns at once; Close waits for the goroutines.
func (s *Server) Start(l net.Listener) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.lns = append(s.lns, l)
	s.wg.Go(func() { s.accept(l) })
	return nil
}

func (s *Server) accept(l net.Listener) {
	for {
		nc, err := l.Accept()
		if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ECONNABORTED) {
			if !s.pause() {
				return
			}
			continue
		}
		if err != nil {
			return // closed with the sandbox
		}
		c := newConn(s, nc)
		s.mu.Lock()
		if s.closed || len(s.conns) >= maxConns {
			s.mu.Unlock()
			_ = nc.Close()
			continue
		}
		s.conns[c] = struct{}{}
		s.wg.Go(c.serve)
		s.mu.Unlock()
	}
}

// acceptPause is how long a listener rests when the process has no descriptor left for a connection.
const acceptPause = 5 * time.Millisecond

// pause returns false when the server was closed meanwhile.
func (s *Server) pause() bool {
	t := s.clock.NewTimer(acceptPause)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.ended:
		return false
	}
}

// Dispatch gives the waiting runtime an event. Errors: ErrState, ErrClosed. A lost connection is not an error: the
// runtime gets the event when it asks again, or it has ended and its process says so.
func (s *Server) Dispatch(inv *Invocation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	to, ok := s.state.next(deliver)
	if !ok {
		return ErrState
	}
	select {
	case <-s.waiting: // a token of the wait that ends now
	default:
	}
	s.state, s.current = to, inv
	c := s.waiter
	s.waiter = nil
	if c == nil {
		return nil
	}
	if len(inv.Payload) <= inlinePayload {
		s.head = append(appendEventHead(s.head[:0], inv), inv.Payload...)
		if n := c.try(s.head); n < len(s.head) {
			rest := bytes.Clone(s.head[n:])
			s.wg.Go(func() { c.write(rest) })
		}
		return nil
	}
	s.wg.Go(func() { c.writeEvent(inv) })
	return nil
}

// Close closes the listeners and connections and waits for their goroutines.
func (s *Server) Close() {
	s.mu.Lock()
	if !s.closed {
		close(s.ended)
	}
	s.closed = true
	for _, l := range s.lns {
		_ = l.Close()
	}
	for c := range s.conns {
		_ = c.nc.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

// forget is called by a connection's goroutine when it ends.
func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if s.waiter == c {
		s.waiter = nil
	}
	if len(s.conns) == 0 {
		notify(s.gone)
	}
}

func notify(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
