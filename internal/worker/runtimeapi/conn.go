// SPDX-License-Identifier: Apache-2.0

package runtimeapi

import (
	"bufio"
	"encoding/json"
	"errors"
	"net"
	"strconv"
	"syscall"
)

// conn is one connection of the runtime. Its goroutine reads; Dispatch may write to it while it waits for an event.
type conn struct {
	server *Server
	nc     net.Conn
	br     *bufio.Reader
	out    []byte // of answers written by the connection's goroutine
	last   bool   // the client asked to close after this request

	// Of Dispatch's write; guarded by server.mu.
	raw     syscall.RawConn // nil for a connection that has none
	once    func(fd uintptr) bool
	event   []byte
	written int
}

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{server: s, nc: nc, br: bufio.NewReaderSize(nc, 4096)}
	if sc, ok := nc.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			c.raw, c.once = raw, c.writeOnce
		}
	}
	return c
}

// try writes what the socket takes at once and returns how much that was: a runtime that read none of its earlier
// answers must not hold whoever calls. Precondition: server.mu is held and c waits for an event, so nobody else writes.
func (c *conn) try(b []byte) int {
	if c.raw == nil {
		return 0
	}
	c.event, c.written = b, 0
	_ = c.raw.Write(c.once) // an error means that the connection is closed
	c.event = nil
	return c.written
}

func (c *conn) writeOnce(fd uintptr) bool {
	if n, err := syscall.Write(int(fd), c.event); err == nil {
		c.written = n
	}
	return true
}

// serve reads requests until the client or the server closes the connection.
func (c *conn) serve() {
	defer c.server.forget(c)
	defer func() { _ = c.nc.Close() }()
	for {
		r, err := readHead(c.br)
		c.server.mu.Lock()
		pipelined := c.server.waiter == c
		c.server.mu.Unlock()
		if pipelined { // the end, or something behind an unanswered next: its answer would overtake the event
			return
		}
		if err != nil {
			if errors.Is(err, errMalformed) {
				c.last = true
				c.answer(400, "text/plain", []byte("400 Bad Request"))
			}
			return
		}
		c.last = r.close
		if !c.handle(r) || c.last && r.path != pathNext {
			return
		}
	}
}

// body reads the request's body, telling a client that waits for it to go on.
func (c *conn) body(r *request) ([]byte, error) {
	if r.length > MaxPayload {
		return nil, errTooLarge
	}
	if !c.proceed(r) {
		return nil, net.ErrClosed
	}
	return r.readBody(c.br, MaxPayload)
}

func (c *conn) proceed(r *request) bool {
	if !r.expect || r.done {
		return true
	}
	r.expect = false
	return c.write([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
}

// discard drops what is left of the body, so that the connection can go on. Clients that read no answer before they
// have sent everything would otherwise see a reset instead of the answer.
func (c *conn) discard(r *request) bool {
	if r.done {
		return true
	}
	if r.expect { // it has not sent the body and will not after a final answer; the framing is unknown from here on
		c.last = true
		return true
	}
	return r.skipBody(c.br) == nil
}

func (c *conn) write(b []byte) bool {
	_, err := c.nc.Write(b)
	return err == nil
}

var accepted = []byte("HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n" + `{"status":"OK"}` + "\n")

func (c *conn) accepted() bool { return c.write(accepted) }

func (c *conn) fail(status int, errorType, message string) bool {
	body, err := json.Marshal(struct {
		ErrorMessage string `json:"errorMessage"`
		ErrorType    string `json:"errorType"`
	}{message, errorType})
	return err == nil && c.answer(status, "application/json", body)
}

var statusText = map[int]string{
	200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
	413: "Request Entity Too Large", 501: "Not Implemented",
}

func (c *conn) answer(status int, contentType string, body []byte) bool {
	b := append(c.out[:0], "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(append(b, ' '), statusText[status]...)
	b = appendHeader(b, "Content-Type", contentType)
	if c.last {
		b = append(b, "\r\nConnection: close"...)
	}
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	b = append(append(b, "\r\n\r\n"...), body...)
	c.out = b
	return c.write(b)
}

func appendHeader(b []byte, name, value string) []byte {
	b = append(append(append(b, "\r\n"...), name...), ": "...)
	for i := range len(value) { // a line break in client context JSON must not start another header
		x := value[i]
		if x == '\r' || x == '\n' || x == 0 {
			x = ' '
		}
		b = append(b, x)
	}
	return b
}

// appendEventHead appends the head of the answer to next. Headers without a value are left out.
func appendEventHead(b []byte, inv *Invocation) []byte {
	b = append(b, "HTTP/1.1 200 OK"...)
	contentType := inv.ContentType
	if contentType == "" {
		contentType = "application/json"
	}
	b = appendHeader(b, "Content-Type", contentType)
	b = appendHeader(b, "Lambda-Runtime-Aws-Request-Id", inv.RequestID)
	b = append(b, "\r\nLambda-Runtime-Deadline-Ms: "...)
	b = strconv.AppendInt(b, inv.DeadlineMS, 10)
	for _, h := range [...]struct{ name, value string }{
		{"Lambda-Runtime-Invoked-Function-Arn", inv.InvokedARN},
		{"Lambda-Runtime-Trace-Id", inv.TraceID},
		{"Lambda-Runtime-Client-Context", inv.ClientContext},
		{"Lambda-Runtime-Cognito-Identity", inv.CognitoIdentity},
	} {
		if h.value != "" {
			b = appendHeader(b, h.name, h.value)
		}
	}
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(inv.Payload)), 10)
	return append(b, "\r\n\r\n"...)
}

// writeEvent answers next in one writev; it may block on a runtime that does not read, until the connection is closed.
func (c *conn) writeEvent(inv *Invocation) bool {
	bufs := net.Buffers{appendEventHead(nil, inv), inv.Payload}
	_, err := bufs.WriteTo(c.nc)
	return err == nil
}
