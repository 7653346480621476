// SPDX-License-Identifier: Apache-2.0

// Package output takes what functions write to stdout and stderr, frames it into log events, puts the platform's own
// lines (START, END, REPORT) between them in order, and hands everything to the log service in batches. A slow log
// service holds up the function's pipe, never an invocation. It does not decide what the platform's lines say
// (worker/lifecycle does). Read stream.go first, then writer.go.
package output

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	logsapi "github.com/gustcloud/gust/internal/awsapi/logs"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/reqctx"
)

const (
	batchWindow  = 50 * time.Millisecond // from the first event of a batch to its Append: durable within 200 ms
	batchBytes   = 1 << 20
	batchEvents  = 10_000
	batchesEach  = 4 // of one stream in one flush
	appenders    = 4 // Appends at one time
	maxAttempts  = 5
	firstBackoff = 100 * time.Millisecond // doubles
	drainBudget  = 5 * time.Second        // for the last Appends, after the end
)

// Deps is what a Writer needs. All fields are required.
type Deps struct {
	Logs  logsapi.Appender
	Clock clock.Clock
	Log   *slog.Logger
}

// Writer owns the background work of all streams. It is safe for concurrent use.
type Writer struct {
	deps Deps

	mu    sync.Mutex
	dirty []*Stream // streams with pending events, each at most once
	wake  chan struct{}

	events  atomic.Int64
	dropped atomic.Int64
}

// NewWriter returns a writer; it starts nothing.
func NewWriter(d Deps) *Writer { return &Writer{deps: d, wake: make(chan struct{}, 1)} }

// Counters are totals since the start.
type Counters struct {
	Events  int64 // handed to the log service
	Dropped int64 // lost, because the log service failed for too long
}

// Counters returns the totals.
func (w *Writer) Counters() Counters {
	return Counters{Events: w.events.Load(), Dropped: w.dropped.Load()}
}

// Run hands events over until ctx ends, then hands over what is left.
func (w *Writer) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainBudget)
			defer cancel()
			for w.flush(last) && last.Err() == nil {
			}
			return nil
		case <-w.wake:
		}
		if w.deps.Clock.Sleep(ctx, batchWindow) == nil {
			w.flush(ctx)
		}
	}
}

// enqueue is called by a stream whose first pending event came.
func (w *Writer) enqueue(s *Stream) {
	w.mu.Lock()
	w.dirty = append(w.dirty, s)
	w.mu.Unlock()
	notify(w.wake)
}

// flush hands over what was pending when it was called, and little more; it returns whether there was anything.
func (w *Writer) flush(ctx context.Context) bool {
	w.mu.Lock()
	dirty := w.dirty
	w.dirty = nil
	w.mu.Unlock()
	slots := make(chan struct{}, appenders)
	var wg sync.WaitGroup
	for _, s := range dirty {
		slots <- struct{}{}
		wg.Go(func() {
			w.drain(ctx, s)
			<-slots
		})
	}
	wg.Wait()
	return len(dirty) > 0
}

// drain hands over what a stream has pending. A function may write faster than that: what is left after some batches
// waits for the next flush, as other streams do.
func (w *Writer) drain(ctx context.Context, s *Stream) {
	for range batchesEach {
		batch, more := s.take(batchEvents, batchBytes)
		if len(batch) > 0 {
			w.append(ctx, s, batch)
		}
		if !more {
			return
		}
	}
	w.enqueue(s) // still marked as queued
}

func (w *Writer) append(ctx context.Context, s *Stream, batch []logsapi.Entry) {
	backoff := firstBackoff
	var err error
	for attempt := range maxAttempts {
		if attempt > 0 {
			if w.deps.Clock.Sleep(ctx, backoff) != nil {
				break
			}
			backoff *= 2
		}
		if err = w.deps.Logs.Append(ctx, s.scope, s.group, s.name, batch); err == nil {
			w.events.Add(int64(len(batch)))
			return
		}
	}
	w.lost(s, len(batch), err)
}

func (w *Writer) lost(s *Stream, n int, err error) {
	if w.dropped.Add(int64(n)) == int64(n) || err != nil {
		w.deps.Log.Warn("function log events lost", "group", s.group, "stream", s.name, "events", n, "error", err)
	}
}

// Open makes a stream of a log group. The caller closes it.
func (w *Writer) Open(scope reqctx.Scope, group, name string) (*Stream, error) {
	s := &Stream{writer: w, scope: scope, group: group, name: name, room: make(chan struct{}, 1), end: make(chan struct{})}
	if err := s.openPipe(); err != nil {
		return nil, fmt.Errorf("open log stream: %w", err)
	}
	return s, nil
}

func notify(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
