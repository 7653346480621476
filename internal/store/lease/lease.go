// SPDX-License-Identifier: Apache-2.0

// Package lease divides work among nodes: who polls a stream, runs a schedule, owns a name. A lease is a row with an owner,
// an epoch and an end. Clocks only decide who may try: the fence is the transaction, in which an owner reads its row, so
// that an owner that was paused and replaced cannot commit. Clocks of nodes may differ: what counts is how long a node has
// seen a row unchanged.
//
// It elects no leader and moves no data. Read this file, then sighting.go, members.go and rank.go.
package lease

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/store"
)

// Errors of leases.
var (
	// ErrHeld: another owner has the lease.
	ErrHeld = errors.New("lease: held by another owner")
	// ErrLost: the lease has another owner or epoch by now.
	ErrLost = errors.New("lease: lost")
)

// Deps is what leases need.
type Deps struct {
	Store store.Store
	Clock clock.Clock // the machine's: node leases are never scaled
	// Prefix is where the rows stand; it ends with a component that no other key of its owner starts with.
	Prefix []byte
	Owner  string        // this node: unique, and new at each start
	TTL    time.Duration // 0 for 8 s; renewed three times as often
}

const defaultTTL = 8 * time.Second

// Leases are the leases below a prefix. They are safe for concurrent use. A node has one Leases for a prefix.
type Leases struct {
	Deps

	mu   sync.Mutex
	mine map[string]bool     // names that Hold has
	seen map[string]sighting // of other owners' rows, by name
}

// Of returns the leases of d; it starts nothing.
func Of(d Deps) *Leases {
	if d.TTL == 0 {
		d.TTL = defaultTTL
	}
	d.Prefix = d.Prefix[:len(d.Prefix):len(d.Prefix)]
	return &Leases{Deps: d, mine: map[string]bool{}, seen: map[string]sighting{}}
}

// row is a lease. Encoding: JSON, version 1. It outlives its owner, so that epochs are never used again.
type row struct {
	Owner string        `json:"owner"`
	Epoch uint64        `json:"epoch"`
	Ends  time.Time     `json:"ends"`          // by the owner's clock; zero when it was given back
	TTL   time.Duration `json:"ttl,omitempty"` // the owner's
	Data  []byte        `json:"data,omitempty"`
}

var rows = store.Record[row]{Name: "lease", Version: 1}

func (l *Leases) key(name string) []byte { return store.AppendString(l.Prefix, name) }

// Held is a lease that this node has. It is valid inside the function that received it.
type Held struct {
	leases *Leases
	name   string
	Epoch  uint64 // grows with each owner
}

// Check makes tx commit only while the lease is still held: it reads the row, which conflicts with a new owner's.
//
// Errors: ErrLost, and those of the store.
func (h Held) Check(tx store.Tx) error {
	r, found, err := rows.Get(tx, h.leases.key(h.name))
	if err != nil {
		return err
	}
	if !found || r.Owner != h.leases.Owner || r.Epoch != h.Epoch {
		return ErrLost
	}
	return nil
}

// Hold takes the lease name, keeps it while fn runs, and gives it back, also when fn panics. fn's context ends with ErrLost
// as its cause when the lease could not be renewed in time; what fn commits with Check is safe whatever fn still does. data
// is shown beside the lease (Members).
//
// Errors: ErrHeld when another owner, or another Hold of this node, has it; that of fn, and those of the store.
func (l *Leases) Hold(ctx context.Context, name string, data []byte, fn func(context.Context, Held) error) (err error) {
	if !l.reserve(name) {
		return fmt.Errorf("%w: this node has %s", ErrHeld, name)
	}
	defer l.free(name)
	ends := l.Clock.Now().Add(l.TTL) // not after the end in the row
	h, err := l.take(ctx, name, data)
	if err != nil {
		return err
	}
	work, lose := context.WithCancelCause(ctx)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		l.keep(work, h, data, ends, stop, lose)
	}()
	defer func() {
		close(stop)
		lose(nil)
		<-stopped
		err = errors.Join(err, l.release(context.WithoutCancel(ctx), h))
	}()
	return fn(work, h)
}

func (l *Leases) take(ctx context.Context, name string, data []byte) (h Held, err error) {
	err = l.Store.Update(ctx, func(tx store.Tx) error {
		r, _, err := rows.Get(tx, l.key(name))
		if err != nil {
			return err
		}
		now := l.Clock.Now()
		if r.Owner != l.Owner && !l.over(name, r, now) {
			return fmt.Errorf("%w: %s has %s", ErrHeld, r.Owner, name)
		}
		h = Held{leases: l, name: name, Epoch: r.Epoch + 1}
		return l.put(tx, h, data, now)
	})
	return h, err
}

func (l *Leases) put(tx store.Tx, h Held, data []byte, now time.Time) error {
	return rows.Put(tx, l.key(h.name), row{Owner: l.Owner, Epoch: h.Epoch, Ends: now.Add(l.TTL).UTC(), TTL: l.TTL, Data: data})
}

// keep renews the lease until stop is closed. A renewal that fails is tried again until the lease has ended; one that hangs
// does not make it last longer.
func (l *Leases) keep(ctx context.Context, h Held, data []byte, ends time.Time, stop <-chan struct{}, lose context.CancelCauseFunc) {
	type renewal struct {
		began time.Time
		err   error
	}
	done, running := make(chan renewal, 1), false
	defer func() {
		if running {
			<-done
		}
	}()
	next, end := l.Clock.NewTimer(l.TTL/3), l.Clock.NewTimer(ends.Sub(l.Clock.Now()))
	defer next.Stop()
	defer end.Stop()
	for {
		select {
		case <-stop:
			return
		case <-end.C:
			lose(ErrLost)
			return
		case <-next.C:
			running = true
			go func() {
				began := l.Clock.Now()
				done <- renewal{began, l.renew(ctx, h, data)}
			}()
		case r := <-done:
			running = false
			switch {
			case r.err == nil:
				end.Reset(r.began.Add(l.TTL).Sub(l.Clock.Now()))
				next.Reset(l.TTL / 3)
			case errors.Is(r.err, ErrLost):
				lose(ErrLost)
				return
			default:
				next.Reset(l.TTL / 20)
			}
		}
	}
}

func (l *Leases) renew(ctx context.Context, h Held, data []byte) error {
	return l.Store.Update(ctx, func(tx store.Tx) error {
		if err := h.Check(tx); err != nil {
			return err
		}
		return l.put(tx, h, data, l.Clock.Now())
	})
}

// release gives the lease back, so that nobody has to wait for its end. That it was lost is no error: fn was told.
func (l *Leases) release(ctx context.Context, h Held) error {
	err := l.Store.Update(ctx, func(tx store.Tx) error {
		if err := h.Check(tx); err != nil {
			return err
		}
		return rows.Put(tx, l.key(h.name), row{Owner: l.Owner, Epoch: h.Epoch})
	})
	if errors.Is(err, ErrLost) {
		return nil
	}
	return err
}
