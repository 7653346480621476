// SPDX-License-Identifier: Apache-2.0

package frontdoor

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/wire"
)

// The pace that clients must keep. A body that stands still for bodyIdle, or that comes slower than bodyRate once
// bodyGrace is used up, is given up. The time in which a service does not read does not count, and once the body has ended
// there is no limit: long polls and streamed answers take what they take.
const (
	bodyIdle  = 20 * time.Second
	bodyGrace = 30 * time.Second
	bodyRate  = 1 << 10 // bytes for each second that the client was waited for
)

// maxBodies caps the memory of all bodies that are held at a time, in bytes, decompressed, and of the inputs that are much
// larger than their bodies. Of a stream only the largest event is held. What comes on top of it while a body grows is its
// own last size.
const maxBodies = 512 << 20

// budget counts the memory of bodies. It is safe for concurrent use.
type budget struct {
	limit int64
	used  atomic.Int64
}

// take reserves n bytes or returns an error that SDKs retry.
func (b *budget) take(n int64) error {
	if b.used.Add(n) <= b.limit {
		return nil
	}
	b.used.Add(-n)
	return &wire.FrameworkError{ // the code is of the AWS APIs' common errors
		Code: "ServiceUnavailable", Status: http.StatusServiceUnavailable,
		Message: "The server holds as many request bodies as it has memory for. Try again.",
	}
}

// give returns what was taken.
func (b *budget) give(n int64) { b.used.Add(-n) }

// share is what one call has of the budget. It is safe for concurrent use: a service may read its events in a goroutine.
type share struct {
	of    *budget
	mu    sync.Mutex
	held  int64
	ended bool
}

// hold takes n bytes of the budget until release.
func (s *share) hold(n int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return errCallEnded
	}
	if err := s.of.take(n); err != nil {
		return err
	}
	s.held += n
	return nil
}

func (s *share) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of.give(s.held)
	s.held, s.ended = 0, true
}

// errCallEnded is an error of the program: a service read its input after its call.
var errCallEnded = errors.New("frontdoor: the call has ended")

// pacedBody is a request's body with a deadline for each read. It belongs to one request and is not safe for concurrent
// use, as bodies are.
type pacedBody struct {
	io.ReadCloser
	control *http.ResponseController
	clock   clock.Clock
	set     time.Time     // when the deadline was set
	waited  time.Duration // for the client, in all reads
	n       int64
	ended   bool
}

// pace gives the request's body its deadlines. The first counts from now, so that it also holds for a body that nobody
// reads: net/http reads a rest before it answers. Requests without a body have none.
//
// The request is copied for that: net/http looks at its own to see whether a client still waits for "100 Continue".
func (c *call) pace(clk clock.Clock) {
	if c.r.Body == nil || c.r.Body == http.NoBody || c.r.ContentLength == 0 {
		return
	}
	c.own = *c.r
	c.r = &c.own
	c.paced = pacedBody{ReadCloser: c.r.Body, control: http.NewResponseController(c.w), clock: clk}
	if c.paced.arm(clk.Now()) == nil {
		c.r.Body = &c.paced
	}
}

// arm sets the deadline of the next read. It fails only where there is no connection.
func (b *pacedBody) arm(now time.Time) error {
	b.set = now
	return b.control.SetReadDeadline(now.Add(b.left()))
}

// left is how long the client may let us wait now.
func (b *pacedBody) left() time.Duration {
	earned := time.Duration(b.n) * (time.Second / bodyRate)
	return min(bodyIdle, bodyGrace+earned-b.waited)
}

func (b *pacedBody) Read(p []byte) (int, error) {
	if b.ended {
		return b.ReadCloser.Read(p)
	}
	start := b.clock.Now()
	if b.left() <= 0 {
		return 0, tooSlow(os.ErrDeadlineExceeded)
	}
	if start.Sub(b.set) > time.Second { // a deadline that is a second early is good enough
		if err := b.arm(start); err != nil {
			return 0, err
		}
	}
	n, err := b.ReadCloser.Read(p)
	b.n += int64(n)
	b.waited += b.clock.Now().Sub(start)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, tooSlow(err)
	case err != nil: // at the end net/http takes the deadline off: whoever works on the request now may take long
		b.ended = true
	}
	return n, err
}

// tooSlow is S3's answer. Source: "Error responses", Amazon S3 API reference: RequestTimeout, 400. No other service
// documents one of its own.
func tooSlow(cause error) error {
	return &wire.FrameworkError{
		Code: "RequestTimeout", Status: http.StatusBadRequest, Sender: true, Cause: cause,
		Message: "Your socket connection to the server was not read from or written to within the timeout period. " +
			"Idle connections will be closed.",
	}
}
