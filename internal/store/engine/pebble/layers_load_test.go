// SPDX-License-Identifier: Apache-2.0

package pebble

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/lease"
	"github.com/gustcloud/gust/internal/store/log"
	"github.com/gustcloud/gust/internal/store/queue"
	"github.com/gustcloud/gust/internal/store/timer"
)

// Where the layers stand.
var (
	plainPrefix = []byte("x-plain-")
	deadPrefix  = []byte("x-dead-")
	fifoPrefix  = []byte("x-fifo-")
	leasePrefix = []byte("x-lease-")
	putPrefix   = []byte("x-put-")   // + name: the change that a message of Put belongs to
	statePrefix = []byte("x-state-") // + id: the state that a timer belongs to
	firedPrefix = []byte("x-fired-") // appended: the id of a timer
	countPrefix = []byte("x-count-") // + writer: number of its last log record
	workPrefix  = []byte("x-work-")  // appended: the epoch of the lease under which it was done
	timers      = timer.Of([]byte("x-timer-"))
	records     = log.Of([]byte("x-log-"))
)

const (
	layerWorkers = 3 // of each kind
	shortDedup   = 50 * time.Millisecond
)

// layers is every layer under load on one open store, until ctx ends.
type layers struct {
	*ledger
	s                 store.Store
	time              *clock.Service
	round             int
	epoch             uint64 // of the lease, known before this round
	seed              uint64
	plain, dead, fifo *queue.Queue
	fault             func(format string, args ...any) // what no crash explains
	all               sync.WaitGroup
}

// openLayers returns the queues; they answer nothing without Run.
func openLayers(s store.Store, c *clock.Service) (plain, dead, fifo *queue.Queue) {
	d := queue.Deps{Store: s, Clock: c}
	d.Prefix, d.Dedup = plainPrefix, shortDedup
	plain = queue.Open(d)
	d.Prefix = deadPrefix
	dead = queue.Open(d)
	d.Prefix, d.Dedup, d.Ordered = fifoPrefix, 0, true
	return plain, dead, queue.Open(d)
}

// run returns when all have ended.
func (l *layers) run(ctx context.Context) {
	l.plain, l.dead, l.fifo = openLayers(l.s, l.time)
	for _, q := range []*queue.Queue{l.plain, l.dead, l.fifo} {
		l.all.Go(func() { _ = q.Run(ctx) })
	}
	l.all.Go(func() {
		_ = timers.Run(ctx, timer.Deps{Store: l.s, Clock: l.time, Log: slog.New(slog.DiscardHandler), Fire: l.fire})
	})
	for w := range layerWorkers {
		l.loop(ctx, w, l.send)
		l.loop(ctx, w, l.sendOrdered())
		l.loop(ctx, w, l.put)
		l.loop(ctx, w, l.receive(l.plain))
		l.loop(ctx, w, l.receive(l.fifo))
		l.loop(ctx, w, l.timer)
		l.loop(ctx, w, l.record)
		l.loop(ctx, w, l.lease(lease.Of(lease.Deps{
			Store: l.s, Clock: testClock, Prefix: leasePrefix, Owner: fmt.Sprint(l.round, ".", w), TTL: 60 * time.Millisecond,
		})))
	}
	l.loop(ctx, 0, l.receive(l.dead))
	l.loop(ctx, 0, l.trim)
	l.all.Wait()
}

// turn is one call of worker w; i counts them.
type turn struct {
	w, i   int
	random *rand.Rand
}

// name is that of something new.
func (l *layers) name(kind string, t turn) string {
	return fmt.Sprintf("%s%d.%d.%d", kind, t.w, l.round, t.i)
}

func (l *layers) loop(ctx context.Context, w int, fn func(context.Context, turn) error) {
	random := rand.New(rand.NewPCG(l.seed, rand.Uint64()))
	l.all.Go(func() {
		for i := 1; ctx.Err() == nil; i++ {
			err := fn(ctx, turn{w, i, random})
			if err == nil || errors.Is(err, store.ErrUnknownOutcome) || errors.Is(err, store.ErrTooLong) { // a slow machine
				continue
			}
			if ctx.Err() == nil {
				l.fault("worker %d: %v", w, err)
			}
			return
		}
	})
}

// body holds a name and its own length; some have several parts.
func body(name string, random *rand.Rand) []byte {
	n := random.IntN(600)
	if random.IntN(100) == 0 {
		n += store.MaxValue
	}
	return append(fmt.Appendf(nil, "%s|%d|", name, n), bytes.Repeat([]byte{'x'}, n)...)
}

// named returns the name in a body; ok is false when the body is not whole.
func named(b []byte) (name string, ok bool) {
	parts := strings.SplitN(string(b), "|", 3)
	if len(parts) != 3 {
		return "", false
	}
	n, err := strconv.Atoi(parts[1])
	return parts[0], err == nil && len(parts[2]) == n
}

func (l *layers) send(ctx context.Context, t turn) error {
	name := l.name("s", t)
	m := queue.Message{Body: body(name, t.random), Delay: time.Duration(t.random.IntN(2)*t.random.IntN(30)) * time.Millisecond}
	if t.random.IntN(2) == 0 {
		m.DedupID = name
	}
	l.began(name)
	_, err := l.plain.Send(ctx, m)
	if err == nil {
		l.acked(name)
	}
	return err
}

// sendOrdered sends 1, 2, 3 and so on to a group; what was not acknowledged is sent again under the same deduplication id,
// also after the crash.
func (l *layers) sendOrdered() func(context.Context, turn) error {
	next := 0
	return func(ctx context.Context, t turn) error {
		number := func(n int) string { return fmt.Sprint("f", t.w, ".", n) }
		if next == 0 {
			for next = 1; l.made(number(next)); {
				next++
			}
			next = max(next-1, 1) // the last one of before the crash once more
		}
		name := number(next)
		known := l.made(name)
		l.began(name)
		sent, err := l.fifo.Send(ctx, queue.Message{Body: body(name, t.random), Group: fmt.Sprint("g", t.w), DedupID: name})
		if err != nil {
			return err
		}
		if known && !sent.Duplicate {
			l.fault("%s was sent before the crash, and is not a duplicate after it", name)
		}
		l.acked(name)
		next++
		return nil
	}
}

func (l *layers) put(ctx context.Context, t turn) error {
	name := l.name("p", t)
	q, m := l.plain, queue.Message{Body: body(name, t.random)}
	l.began(name)
	err := l.s.Update(ctx, func(tx store.Tx) error {
		tx.Set(append(bytes.Clone(putPrefix), name...), nil)
		return q.Put(tx, m)
	})
	if err == nil {
		l.acked(name)
	}
	return err
}

func (l *layers) receive(q *queue.Queue) func(context.Context, turn) error {
	return func(ctx context.Context, t turn) error {
		o := queue.ReceiveOptions{Max: 5, Visibility: time.Duration(1+t.random.IntN(40)) * time.Millisecond, Wait: 20 * time.Millisecond}
		if q == l.plain {
			o.MaxReceives = 2
			o.DeadLetter = func(tx store.Tx, m queue.Received) error { return l.dead.Put(tx, queue.Message{Body: m.Body}) }
		}
		list, err := q.Receive(ctx, o)
		for _, m := range list {
			name, whole := named(m.Body)
			if !whole {
				l.fault("%q of %d bytes is not whole", name, len(m.Body))
			}
			switch t.random.IntN(8) {
			case 0: // it comes back by itself
			case 1:
				err = q.ChangeVisibility(ctx, m.Handle, time.Duration(t.random.IntN(20))*time.Millisecond)
			default:
				l.ending(name)
				var ok bool
				if ok, err = q.Delete(ctx, m.Handle); ok && err == nil {
					l.ended(name)
				}
			}
			if err != nil && !errors.Is(err, queue.ErrStale) {
				return err
			}
			err = nil
		}
		return err
	}
}

func (l *layers) timer(ctx context.Context, t turn) error {
	id := l.name("t", t)
	state := append(bytes.Clone(statePrefix), id...)
	l.began(id)
	var set timer.Timer
	err := l.s.Update(ctx, func(tx store.Tx) (err error) {
		now := l.s.Now()
		// Many share one moment.
		at := now.Add(time.Duration(t.random.IntN(60)) * time.Millisecond).Truncate(10 * time.Millisecond)
		tx.Set(state, []byte("set"))
		set, err = timers.Put(tx, now, timer.Timer{At: at, ID: id, Data: []byte(id)})
		return err
	})
	if err != nil {
		return err
	}
	l.acked(id)
	if t.random.IntN(3) > 0 {
		return nil
	}
	cancelled := false
	l.ending(id)
	err = l.s.Update(ctx, func(tx store.Tx) error {
		cancelled = false
		v, err := tx.Get(state)
		if err != nil || string(v) != "set" {
			return err
		}
		cancelled = true
		timers.Cancel(tx, set.At, id)
		tx.Set(state, []byte("cancelled"))
		return nil
	})
	if err == nil && cancelled {
		l.ended(id)
	}
	return err
}

func (l *layers) fire(_ context.Context, tx store.Tx, t timer.Timer) error {
	state := append(bytes.Clone(statePrefix), t.ID...)
	v, err := tx.Get(state)
	if err != nil {
		return err
	}
	if string(v) != "set" || string(t.Data) != t.ID {
		l.fault("timer %s with %q fires in state %q", t.ID, t.Data, v)
	}
	tx.Set(state, []byte("fired"))
	tx.Append(firedPrefix, []byte(t.ID))
	l.ending(t.ID)
	tx.OnCommit(func() { l.ended(t.ID) })
	return nil
}

// record appends the next number of a writer.
func (l *layers) record(ctx context.Context, t turn) error {
	key, number := append(bytes.Clone(countPrefix), byte('0'+t.w)), uint64(0)
	pad := body("", t.random)
	err := l.s.Update(ctx, func(tx store.Tx) error {
		v, err := tx.Get(key)
		if err != nil {
			return err
		}
		number = 1
		if v != nil {
			last, _, err := store.CutUint64(v)
			if err != nil {
				return err
			}
			number = last + 1
		}
		tx.Set(key, store.AppendUint64(nil, number))
		return records.Append(tx, l.s.Now(), append(fmt.Appendf(nil, "%d.%d", t.w, number), pad...))
	})
	if err == nil {
		l.grown(string(key), number)
	}
	return err
}

// trim removes old records now and then.
func (l *layers) trim(ctx context.Context, t turn) error {
	if err := testClock.Sleep(ctx, 20*time.Millisecond); err != nil {
		return err
	}
	var at uint64
	err := l.s.Update(ctx, func(tx store.Tx) (err error) {
		before := l.s.Now().Add(-50 * time.Millisecond)
		if at, err = records.At(tx.Snapshot(), before); err != nil {
			return err
		}
		_, err = records.Trim(tx, before)
		return err
	})
	if err == nil {
		l.grown("trimmed", at)
	}
	return err
}

// lease works under a lease that several want.
func (l *layers) lease(leases *lease.Leases) func(context.Context, turn) error {
	return func(ctx context.Context, t turn) error { return l.leaseOnce(ctx, leases, t) }
}

func (l *layers) leaseOnce(ctx context.Context, leases *lease.Leases, t turn) error {
	err := leases.Hold(ctx, "job", nil, func(ctx context.Context, h lease.Held) error {
		if h.Epoch <= l.epoch {
			l.fault("epoch %d after %d", h.Epoch, l.epoch)
		}
		l.grown("epoch", h.Epoch)
		for range 1 + t.random.IntN(5) {
			err := l.s.Update(ctx, func(tx store.Tx) error {
				tx.Append(workPrefix, store.AppendUint64(nil, h.Epoch))
				return h.Check(tx)
			})
			if ctx.Err() != nil {
				return context.Cause(ctx) // the lease was lost, or all ends
			}
			if err != nil {
				return err
			}
			l.grown("work", h.Epoch)
			if err := testClock.Sleep(ctx, time.Duration(t.random.IntN(30))*time.Millisecond); err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, lease.ErrHeld) || errors.Is(err, lease.ErrLost) {
		return testClock.Sleep(ctx, 5*time.Millisecond)
	}
	return err
}
