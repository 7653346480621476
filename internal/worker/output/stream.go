// SPDX-License-Identifier: Apache-2.0

package output

import (
	"os"
	"sync"
	"syscall"

	logsapi "github.com/gustcloud/gust/internal/awsapi/logs"
	"github.com/gustcloud/gust/internal/base/reqctx"
)

const (
	pendingSoft = 1 << 20   // bytes not yet handed over, from which the pipe is not read any more
	pendingHard = 2 << 20   // bytes from which nobody reads the pipe; one read of empty lines may double it
	pendingMost = 6 << 20   // bytes from which platform lines are dropped and counted
	eventCost   = 64        // bytes that an event takes beside its message
	syncBudget  = 256 << 10 // bytes that one Line reads at most: a function that writes without end cannot hold it
	readSize    = 32 << 10
)

// Stream is the log stream of one execution environment, and the pipe that its processes write to: stdout and stderr are
// one pipe, so their order is kept. It is safe for concurrent use.
//
// Lock order: Stream.mu, then Writer.mu.
type Stream struct {
	writer *Writer
	scope  reqctx.Scope
	group  string
	name   string

	r, w *os.File
	raw  syscall.RawConn
	room chan struct{} // cap 1: a token when pending fell under pendingSoft
	end  chan struct{}
	wg   sync.WaitGroup

	mu      sync.Mutex
	frame   framer
	pending []pending
	bytes   int  // of pending
	queued  bool // in Writer.dirty
	tailing bool
	tail    []byte
	closed  bool
}

func (s *Stream) openPipe() error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	// Fd takes the write end out of non-blocking mode, which the processes would inherit: a full pipe must hold a
	// function, not fail its print.
	w.Fd()
	// Programs open /dev/stdout by its name. The pipe belongs to this process's user, the function has another one.
	err = w.Chmod(0o622)
	var raw syscall.RawConn
	if err == nil {
		raw, err = r.SyscallConn()
	}
	if err != nil {
		_, _ = r.Close(), w.Close()
		return err
	}
	s.r, s.w, s.raw = r, w, raw
	s.wg.Go(s.read)
	return nil
}

// Name returns the stream's name in its group.
func (s *Stream) Name() string { return s.name }

// File is the write end for stdout and stderr of a process; it stays the stream's.
func (s *Stream) File() *os.File { return s.w }

// read takes the pipe's data as it comes, and waits while too much is pending.
func (s *Stream) read() {
	var failed bool
	for !failed {
		s.mu.Lock()
		full := s.bytes >= pendingSoft
		s.mu.Unlock()
		if full {
			select {
			case <-s.room:
				continue
			case <-s.end:
				return
			}
		}
		err := s.raw.Read(func(fd uintptr) bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			n, again := s.readOnce(int(fd))
			failed = n <= 0 && !again
			return !again || n > 0
		})
		failed = failed || err != nil
	}
}

// readOnce reads at most readSize bytes without blocking. Precondition: s.mu is held.
func (s *Stream) readOnce(fd int) (n int, again bool) {
	buf, ok := buffers.Get().(*[readSize]byte)
	if !ok {
		return 0, false
	}
	defer buffers.Put(buf)
	n, err := syscall.Read(fd, buf[:])
	if n <= 0 {
		return n, err == syscall.EAGAIN || err == syscall.EINTR
	}
	now := s.writer.deps.Clock.Now()
	s.frame.write(buf[:n], func(msg string) { s.add(pending{Entry: logsapi.Entry{Time: now, Message: msg}}) })
	return n, false
}

var buffers = sync.Pool{New: func() any { return new([readSize]byte) }}

// sync reads what the function has written so far, unless far too much is pending already: then the pipe keeps it, and
// the order is lost rather than memory. Precondition: s.mu is held.
func (s *Stream) sync() {
	if s.closed || s.bytes >= pendingHard {
		return
	}
	_ = s.raw.Control(func(fd uintptr) { // an error means that the pipe is closed
		for left := syncBudget; left > 0 && s.bytes < pendingHard; {
			n, _ := s.readOnce(int(fd))
			if n <= 0 {
				break
			}
			left -= n
		}
	})
	now := s.writer.deps.Clock.Now()
	s.frame.flush(func(msg string) { s.add(pending{Entry: logsapi.Entry{Time: now, Message: msg}}) })
}

// pending is one event that waits for the log service, or the place of some.
type pending struct {
	logsapi.Entry
	slot *Slot
}

// Slot is a place in the stream for lines that are not known yet. What comes after it waits until it is filled.
type Slot struct {
	stream *Stream
	lines  []string
	filled bool
}

// Reserve makes a place after all that the function has written so far. The caller fills it, once.
func (s *Stream) Reserve() *Slot {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sync()
	sl := &Slot{stream: s}
	s.add(pending{Entry: logsapi.Entry{Time: s.writer.deps.Clock.Now()}, slot: sl})
	return sl
}

// Fill gives the lines; they have the time of Reserve and are not part of a tail.
func (sl *Slot) Fill(lines ...string) {
	s := sl.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	sl.filled = true
	if s.bytes >= pendingMost {
		s.writer.lost(s, len(lines), nil)
		lines = nil
	}
	sl.lines = lines
	for _, l := range lines {
		s.bytes += len(l) + eventCost
	}
	s.enqueue()
}

// Begin starts the record of an invocation's tail when tail is set, and ends the one before.
func (s *Stream) Begin(tail bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sync()
	s.tailing, s.tail = tail, s.tail[:0]
}

// Lines adds lines of the platform after all that the function has written so far. They end with "\n".
func (s *Stream) Lines(lines ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sync()
	now := s.writer.deps.Clock.Now()
	for _, l := range lines {
		if s.bytes >= pendingMost {
			s.writer.lost(s, 1, nil)
			s.record(l)
			continue
		}
		s.add(pending{Entry: logsapi.Entry{Time: now, Message: l}})
	}
}

// Tail returns the last 4,096 bytes since Begin, nil when they are not recorded.
func (s *Stream) Tail() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.tailing {
		return nil
	}
	return append([]byte{}, s.tail[max(0, len(s.tail)-TailSize):]...)
}

// TailSize is the most that Tail returns, in bytes.
// Source: Invoke, LogResult: "The last 4 KB of the execution log", AWS Lambda API Reference, read 2026-11.
const TailSize = 4096

// add puts an event in the queue. Precondition: s.mu is held.
func (s *Stream) add(e pending) {
	if n := len(s.pending); n > 0 && e.Time.Before(s.pending[n-1].Time) {
		e.Time = s.pending[n-1].Time // a clock step; entries are in order of time
	}
	s.pending = append(s.pending, e)
	s.bytes += len(e.Message) + eventCost
	s.record(e.Message)
	s.enqueue()
}

// record adds to the tail, if there is one. Precondition: s.mu is held.
func (s *Stream) record(msg string) {
	if !s.tailing {
		return
	}
	if len(s.tail) > 4*TailSize {
		s.tail = append(s.tail[:0], s.tail[len(s.tail)-TailSize:]...)
	}
	s.tail = append(s.tail, msg[max(0, len(msg)-TailSize):]...)
}

// enqueue tells the writer that there is something to take. Precondition: s.mu is held.
func (s *Stream) enqueue() {
	if !s.queued && s.takeable() {
		s.queued = true
		s.writer.enqueue(s)
	}
}

// takeable tells whether the first pending event is known. Precondition: s.mu is held.
func (s *Stream) takeable() bool {
	return len(s.pending) > 0 && (s.pending[0].slot == nil || s.pending[0].slot.filled)
}

// take removes about n events or size bytes from the queue; more tells that some are left that can be taken.
func (s *Stream) take(n, size int) (batch []logsapi.Entry, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	bytes := 0
	for s.takeable() && len(batch) < n && (bytes == 0 || bytes < size) {
		e := s.pending[0]
		s.pending = s.pending[1:]
		bytes += len(e.Message) + eventCost
		if e.slot == nil {
			batch = append(batch, e.Entry)
			continue
		}
		for _, l := range e.slot.lines {
			batch = append(batch, logsapi.Entry{Time: e.Time, Message: l})
			bytes += len(l) + eventCost
		}
	}
	if len(s.pending) == 0 {
		s.pending = nil
	}
	s.bytes -= bytes
	if s.bytes < pendingSoft {
		notify(s.room)
	}
	s.queued = s.takeable()
	return batch, s.queued
}

// Close takes the rest of the output and closes the pipe; what is pending still goes to the log service. Processes that
// still write get EPIPE.
func (s *Stream) Close() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.sync()
	s.closed = true
	close(s.end)
	s.mu.Unlock()
	_, _ = s.w.Close(), s.r.Close()
	s.wg.Wait()
}
