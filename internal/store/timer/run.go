// SPDX-License-Identifier: Apache-2.0

package timer

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/store"
)

const (
	page       = 256 // timers read at a time
	workers    = 16  // that fire at a time
	pollEvery  = time.Second
	wholeEvery = 10 * time.Minute // a look at all that is due, wherever it stands
	// lookBack is how old the time may be, on the machine's clock, at which a new timer stands: Put was given it at the start
	// of a transaction, by the clock of another node.
	lookBack     = store.MaxDuration + 5*time.Second
	marksApart   = time.Second
	firstBackoff = time.Second
	maxBackoff   = 5 * time.Minute
	maxFailed    = 10_000 // timers that are remembered to be tried again; others wait for the next whole look
)

// Deps is what Run needs.
type Deps struct {
	Store store.Store
	Clock *clock.Service // that of the store
	Log   *slog.Logger
	// Fire changes the state that t belongs to, in the transaction that removes t. It may run several times for one
	// firing, as any function of a transaction. After an error t stays and is tried again, 1 s later at first and 5 minutes
	// at last; other timers are not held up.
	Fire func(ctx context.Context, tx store.Tx, t Timer) error
}

// Run fires the timers of s until ctx ends. Several nodes may run it at once.
func (s Set) Run(ctx context.Context, d Deps) error {
	r := &runner{set: s, Deps: d, failed: map[string]failure{}}
	hint, stop := d.Store.Watch(s.prefix)
	defer stop()
	due := d.Clock.NewTimer(d.Clock.Now())
	defer due.Stop()
	poll := d.Clock.Machine().NewTimer(pollEvery) // hints get lost in the machine's time
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hint:
		case <-due.C:
		case <-poll.C:
		}
		next, err := r.round(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil // the ordinary end
			}
			d.Log.ErrorContext(ctx, "timers cannot be read", "error", err)
		}
		if due.Stop(); !next.IsZero() {
			due.Reset(next)
		}
		poll.Reset(pollEvery)
	}
}

// runner is the state of one Run. It is for one goroutine, but failed.
type runner struct {
	set Set
	Deps
	marks     []mark    // of the last rounds, the oldest first; nothing that is due stands before it
	nextWhole time.Time // on the machine's clock

	mu     sync.Mutex
	failed map[string]failure // by key
}

// mark says that all that was due at a service time has fired, but what is set at such a time by transactions that ran then.
// Those are over when the mark is lookBack old, however far service time was moved meanwhile.
type mark struct{ machine, service time.Time }

// failure is a timer whose Fire failed. It is tried again by itself: the cursor has gone past it.
type failure struct {
	timer Timer
	again time.Time
	wait  time.Duration
}

// round fires what is due and returns when something is due next; zero for never. What another node sets, and hints that
// are lost, the polls find.
func (r *runner) round(ctx context.Context) (next time.Time, err error) {
	from, at := r.begin()
	r.fireAll(ctx, r.again(at.service))
	for more := true; more; {
		var due batch
		if due, more, err = r.due(ctx, from, at.service); err != nil {
			return time.Time{}, err
		}
		r.fireAll(ctx, due.timers)
		if ctx.Err() != nil {
			return time.Time{}, ctx.Err()
		}
		from, next = due.behind, due.next
	}
	r.end(at)
	return r.next(next), nil
}

// begin returns the key from which a round looks, and its time.
func (r *runner) begin() (from []byte, at mark) {
	at = mark{machine: r.Clock.Machine().Now(), service: r.Store.Now()}
	if !at.machine.Before(r.nextWhole) {
		r.marks, r.nextWhole = nil, at.machine.Add(wholeEvery)
	}
	for len(r.marks) > 1 && at.machine.Sub(r.marks[1].machine) >= lookBack {
		r.marks = r.marks[1:]
	}
	if len(r.marks) == 0 {
		return r.set.prefix, at // a whole look starts before every time
	}
	return store.AppendTime(r.set.prefix, r.marks[0].service), at
}

// end notes that all that was due at a time has fired.
func (r *runner) end(at mark) {
	if len(r.marks) == 0 { // nothing has fired before: as if it had run for long
		back := time.Duration(float64(lookBack) * r.Clock.Speed())
		r.marks = []mark{{machine: at.machine.Add(-lookBack), service: at.service.Add(-back)}}
	}
	if at.machine.Sub(r.marks[len(r.marks)-1].machine) >= marksApart {
		r.marks = append(r.marks, at)
	}
}

// next is the first of t and the times at which failed timers are tried again.
func (r *runner) next(t time.Time) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.failed {
		if t.IsZero() || f.again.Before(t) {
			t = f.again
		}
	}
	return t
}

// batch is one page of due timers.
type batch struct {
	timers []Timer
	behind []byte    // the first key after the page
	next   time.Time // of the first timer that is not due; zero for none
}

// due reads the timers from key from on that are due at now and have not failed.
func (r *runner) due(ctx context.Context, from []byte, now time.Time) (b batch, more bool, err error) {
	err = r.Store.View(ctx, func(rd store.Reader) error {
		b, more = batch{}, false
		seen := 0
		for it, err := range rd.Scan(store.Range{Lo: from, Hi: store.PrefixEnd(r.set.prefix)}, store.ScanOptions{}) {
			if err != nil {
				return err
			}
			t, err := r.set.read(it)
			if err != nil {
				return err
			}
			if t.At.After(now) {
				b.next = t.At
				return nil
			}
			if !r.hasFailed(string(it.Key)) {
				b.timers = append(b.timers, t)
			}
			if seen++; seen == page {
				b.behind, more = store.After(it.Key), true
				return nil
			}
		}
		return nil
	})
	return b, more, err
}

func (r *runner) hasFailed(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.failed[key]
	return ok
}

// again returns the failed timers that are to be tried at now.
func (r *runner) again(now time.Time) []Timer {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []Timer
	for _, f := range r.failed {
		if !f.again.After(now) {
			list = append(list, f.timer)
		}
	}
	return list
}

// fireAll fires timers and waits for them; those of one moment fire in no order.
func (r *runner) fireAll(ctx context.Context, timers []Timer) {
	work := make(chan Timer)
	var wg sync.WaitGroup
	for range min(workers, len(timers)) {
		wg.Go(func() {
			for t := range work {
				r.fire(ctx, t)
			}
		})
	}
	for _, t := range timers {
		work <- t
	}
	close(work)
	wg.Wait()
}

func (r *runner) fire(ctx context.Context, t Timer) {
	key := r.set.key(t.At, t.ID)
	err := r.Store.Update(ctx, func(tx store.Tx) error {
		data, err := tx.Get(key)
		if err != nil || data == nil { // cancelled, or another node was faster
			return err
		}
		tx.Delete(key)
		return r.Fire(ctx, tx, Timer{At: t.At, ID: t.ID, Data: data})
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		delete(r.failed, string(key))
		return
	}
	if ctx.Err() != nil {
		return
	}
	f, known := r.failed[string(key)]
	if !known && len(r.failed) == maxFailed {
		return
	}
	f.timer = t
	f.wait = min(max(2*f.wait, firstBackoff), maxBackoff)
	f.again = r.Store.Now().Add(f.wait)
	r.failed[string(key)] = f
	if errors.Is(err, store.ErrUnknownOutcome) {
		return // it has fired, or does so soon
	}
	r.Log.ErrorContext(ctx, "a timer failed and is tried again", "timer", t.ID, "due", t.At, "retry_in", f.wait, "error", err)
}
