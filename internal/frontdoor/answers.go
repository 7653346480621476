// SPDX-License-Identifier: Apache-2.0

package frontdoor

import (
	"io"
	"net"
	"net/http"
	"time"

	"github.com/gustcloud/gust/internal/base/clock"
)

// An answer that a client does not take would hold its connection, a goroutine and its own memory for ever. So each
// answerPart must be gone after answerIdle. Between the parts of an answer no time counts.
const (
	answerIdle = 30 * time.Second
	answerPart = 64 << 10
)

// takenConn is a connection whose peer must take what is written to it. Deadlines are the machine's time, as all of package
// net's.
type takenConn struct {
	net.Conn
	armed time.Time
}

// arm sets the deadline of the next write; one that is a second early is good enough.
func (c *takenConn) arm() error {
	now := clock.System{}.Now()
	if now.Sub(c.armed) < time.Second {
		return nil
	}
	c.armed = now
	return c.SetWriteDeadline(now.Add(answerIdle))
}

// SetWriteDeadline notes that arm's is gone: net/http takes deadlines off.
func (c *takenConn) SetWriteDeadline(t time.Time) error {
	if t.IsZero() {
		c.armed = time.Time{}
	}
	return c.Conn.SetWriteDeadline(t)
}

func (c *takenConn) Write(b []byte) (written int, err error) {
	for first := true; first || written < len(b); first = false {
		if err := c.arm(); err != nil {
			return written, err
		}
		n, err := c.Conn.Write(b[written:min(len(b), written+answerPart)])
		if written += n; err != nil {
			return written, err
		}
	}
	return written, nil
}

// ReadFrom lets net/http send files without copying them, which the system can do with a part of a file, too.
func (c *takenConn) ReadFrom(r io.Reader) (copied int64, err error) {
	whole, ok := r.(*io.LimitedReader)
	if !ok {
		whole = &io.LimitedReader{R: r, N: 1<<63 - 1}
	}
	for whole.N > 0 {
		if err := c.arm(); err != nil {
			return copied, err
		}
		part := io.LimitedReader{R: whole.R, N: min(whole.N, answerPart)}
		n, err := io.Copy(c.Conn, &part)
		copied += n
		whole.N -= n
		if err != nil || part.N > 0 {
			return copied, err
		}
	}
	return copied, nil
}

// taken gives the streams of HTTP/2 the bound of takenConn: a client can stop one of them while its connection goes on.
func taken(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			h.ServeHTTP(w, r)
			return
		}
		s := takenStream{w, http.NewResponseController(w)}
		h.ServeHTTP(s, r)
		s.arm() // net/http sends the rest after this
	})
}

type takenStream struct {
	http.ResponseWriter
	control *http.ResponseController
}

// arm sets the deadline, which ends the stream also when nothing is being written.
func (s takenStream) arm() { _ = s.control.SetWriteDeadline(clock.System{}.Now().Add(answerIdle)) }

func (s takenStream) disarm() { _ = s.control.SetWriteDeadline(time.Time{}) }

func (s takenStream) Write(b []byte) (written int, err error) {
	defer s.disarm()
	for first := true; first || written < len(b); first = false {
		s.arm()
		n, err := s.ResponseWriter.Write(b[written:min(len(b), written+answerPart)])
		if written += n; err != nil {
			return written, err
		}
	}
	return written, nil
}

// FlushError is what http.ResponseController flushes with.
func (s takenStream) FlushError() error {
	defer s.disarm()
	s.arm()
	return s.control.Flush()
}

// Unwrap lets http.ResponseController reach the stream.
func (s takenStream) Unwrap() http.ResponseWriter { return s.ResponseWriter }
