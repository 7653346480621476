// SPDX-License-Identifier: Apache-2.0

// Package queue keeps messages until somebody has dealt with them: the queues of SQS, the events of asynchronous
// invocations, and the outboxes through which one service has an effect on another. A message that was received is
// invisible for a while and comes back unless it is deleted; its receipt handle goes stale when it does. In ordered queues
// the messages of a group are handed out in their order and no further while some of them are out. Messages with a
// deduplication id are taken once in a window.
//
// All calls of a node on one queue are combined: one goroutine (Run) carries out what waits in one transaction, so that
// callers do not conflict at the head of the queue and share its fsync. Several nodes may have the same queue open.
//
// It knows no permissions, no attributes and no limits of a service. Read this file, then batch.go, receive.go, group.go.
package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/store"
)

// MaxBody is the most that a message may hold, in bytes: 1 MiB. It is stored in parts of at most store.MaxValue.
const MaxBody = 1 << 20

// maxName bounds a message's Group and DedupID in bytes: both become parts of keys.
const maxName = 512

// Errors of the calls.
var (
	ErrTooLarge = errors.New("queue: message too large")
	ErrName     = errors.New("queue: group or deduplication id is too long, or a group is missing in an ordered queue")
	// ErrStale: the receipt handle is not the latest of its message, the message is visible again, or it was deleted.
	ErrStale = errors.New("queue: receipt handle is stale")
	// ErrClosed: Run has ended.
	ErrClosed = errors.New("queue: closed")
)

// Deps is what a queue needs.
type Deps struct {
	Store store.Store
	Clock *clock.Service // that of the store
	// Prefix is where the queue's keys stand; it ends with a component that no other key of its owner starts with.
	Prefix []byte
	// Ordered makes it a FIFO queue: every message has a group.
	Ordered bool
	// Dedup is how long a deduplication id is remembered; 0 for 5 minutes.
	Dedup time.Duration
	// Shared: other nodes have this queue open too.
	Shared bool
}

const defaultDedup = 5 * time.Minute

// Queue is one queue. It is safe for concurrent use. Its calls wait for Run.
type Queue struct {
	Deps
	requests chan *request
	ended    chan struct{} // closed when Run has ended

	mu      sync.Mutex
	changed chan struct{} // closed, and replaced, when there may be more to receive

	// Of Run.
	cursor time.Time // nothing visible stands before it, but what another node has put there a moment ago
	oldest uint64    // no message has a lower sequence number

	nextWhole time.Time // of a shared queue, on the machine's clock: when the cursor is given up once
}

// Open returns the queue below d.Prefix, which need not exist; it starts nothing.
func Open(d Deps) *Queue {
	if d.Dedup == 0 {
		d.Dedup = defaultDedup
	}
	d.Prefix = d.Prefix[:len(d.Prefix):len(d.Prefix)]
	return &Queue{Deps: d, requests: make(chan *request), ended: make(chan struct{}), changed: make(chan struct{})}
}

// Message is what is sent.
type Message struct {
	Body    []byte
	Delay   time.Duration // until it is visible
	Group   string        // of an ordered queue; "" otherwise
	DedupID string        // "" for none
}

func (q *Queue) check(m Message) error {
	switch {
	case len(m.Body) > MaxBody:
		return fmt.Errorf("%w: %d bytes, the most is %d", ErrTooLarge, len(m.Body), MaxBody)
	case len(m.Group) > maxName, len(m.DedupID) > maxName, q.Ordered != (m.Group != ""):
		return ErrName
	}
	return nil
}

// Sent is what became of a message.
type Sent struct {
	Sequence  uint64 // grows with the order of the queue
	Duplicate bool   // it is that of an earlier message with the same DedupID, and nothing was sent
}

// Send puts a message into the queue and returns when it is durable. After store.ErrUnknownOutcome it may be there.
//
// Errors: ErrTooLarge, ErrName, ErrClosed, and those of the store.
func (q *Queue) Send(ctx context.Context, m Message) (Sent, error) {
	if err := q.check(m); err != nil {
		return Sent{}, err
	}
	r := &request{kind: opSend, message: m}
	err := q.do(ctx, r)
	return r.sent, err
}

// Put puts a message into the queue when tx commits: the outbox of a change in the same transaction. It conflicts with
// nothing. The message gets its place in the queue from whichever node runs it, a moment later.
//
// Errors: ErrTooLarge, ErrName. Those of the store stick to tx.
func (q *Queue) Put(tx store.Tx, m Message) error {
	if err := q.check(m); err != nil {
		return err
	}
	for _, part := range encodeInbox(m) {
		tx.Append(q.key(kindInbox), part)
	}
	tx.Notify(q.key(kindInbox))
	return nil
}

// Handle is the receipt handle of a received message.
type Handle struct {
	Sequence uint64
	Epoch    uint64 // how often the message had been received
}

// Delete removes a message whose latest handle h is. It returns false when there is nothing to delete: the message was
// deleted, or received again.
//
// Errors: ErrClosed, and those of the store.
func (q *Queue) Delete(ctx context.Context, h Handle) (bool, error) {
	r := &request{kind: opDelete, handle: h}
	err := q.do(ctx, r)
	return r.found, err
}

// ChangeVisibility makes a message that is out visible again after d; 0 is at once.
//
// Errors: ErrStale, ErrClosed, and those of the store.
func (q *Queue) ChangeVisibility(ctx context.Context, h Handle, d time.Duration) error {
	r := &request{kind: opChange, handle: h, visibility: d}
	if err := q.do(ctx, r); err != nil {
		return err
	}
	if !r.found {
		return ErrStale
	}
	return nil
}

// Purge removes every message, out or not.
//
// Errors: ErrClosed, and those of the store.
func (q *Queue) Purge(ctx context.Context) error { return q.do(ctx, &request{kind: opPurge}) }

// Trim removes messages that were sent before a time, out or not, some hundred in one transaction, and returns how many.
//
// Errors: ErrClosed, and those of the store.
func (q *Queue) Trim(ctx context.Context, before time.Time) (removed int, err error) {
	for {
		r := &request{kind: opTrim, before: before}
		if err := q.do(ctx, r); err != nil {
			return removed, err
		}
		removed += r.removed
		if r.removed < trimAtOnce {
			return removed, nil
		}
	}
}

// do gives a request to Run and waits for it. Once it is part of a transaction the end of ctx no longer stops it.
func (q *Queue) do(ctx context.Context, r *request) error {
	r.ctx, r.done = ctx, make(chan struct{})
	select {
	case q.requests <- r:
	case <-q.ended:
		return ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	<-r.done
	return r.err
}

// signal wakes those who wait for messages.
func (q *Queue) signal() {
	q.mu.Lock()
	defer q.mu.Unlock()
	close(q.changed)
	q.changed = make(chan struct{})
}

func (q *Queue) changes() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.changed
}
