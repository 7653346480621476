// SPDX-License-Identifier: Apache-2.0

// Package lease divides work among nodes: who polls a stream, runs a schedule, owns a name. A lease is a row with an owner,
// an epoch and an end. The clock only decides who may try: the fence is the transaction, in which an owner reads its row, so
// that an owner that was paused and replaced cannot commit.
//
// It elects no leader and moves no data. Read this file, then members.go and rank.go.
package lease

import (
	"context"
	"errors"
	"fmt"
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

// Leases are the leases below a prefix. They are safe for concurrent use.
type Leases struct{ Deps }

// Of returns the leases of d; it starts nothing.
func Of(d Deps) *Leases {
	if d.TTL == 0 {
		d.TTL = defaultTTL
	}
	d.Prefix = d.Prefix[:len(d.Prefix):len(d.Prefix)]
	return &Leases{d}
}

// row is a lease. Encoding: JSON, version 1. It outlives its owner, so that epochs are never used again.
type row struct {
	Owner string    `json:"owner"`
	Epoch uint64    `json:"epoch"`
	Ends  time.Time `json:"ends"` // by the owner's clock; zero when it was given back
	Data  []byte    `json:"data,omitempty"`
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

// Hold takes the lease name, keeps it while fn runs, and gives it back. fn's context ends with ErrLost as its cause when
// the lease could not be renewed in time; what fn commits with Check is safe whatever fn still does. data is shown beside
// the lease (Members).
//
// Errors: ErrHeld when another owner has it, that of fn, and those of the store.
func (l *Leases) Hold(ctx context.Context, name string, data []byte, fn func(context.Context, Held) error) error {
	h, err := l.take(ctx, name, data)
	if err != nil {
		return err
	}
	work, lose := context.WithCancelCause(ctx)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		l.keep(work, h, data, stop, lose)
	}()
	err = fn(work, h)
	close(stop)
	lose(nil)
	<-stopped
	return errors.Join(err, l.release(context.WithoutCancel(ctx), h))
}

func (l *Leases) take(ctx context.Context, name string, data []byte) (h Held, err error) {
	err = l.Store.Update(ctx, func(tx store.Tx) error {
		r, _, err := rows.Get(tx, l.key(name))
		if err != nil {
			return err
		}
		now := l.Clock.Now()
		if r.Ends.After(now) && r.Owner != l.Owner {
			return fmt.Errorf("%w: %s has %s", ErrHeld, r.Owner, name)
		}
		h = Held{leases: l, name: name, Epoch: r.Epoch + 1}
		return rows.Put(tx, l.key(name), row{Owner: l.Owner, Epoch: h.Epoch, Ends: now.Add(l.TTL).UTC(), Data: data})
	})
	return h, err
}

// keep renews the lease until stop is closed. A renewal that fails is tried again until the lease has ended.
func (l *Leases) keep(ctx context.Context, h Held, data []byte, stop <-chan struct{}, lose context.CancelCauseFunc) {
	ends := l.Clock.Now().Add(l.TTL)
	timer := l.Clock.NewTimer(l.TTL / 3)
	defer timer.Stop()
	for {
		select {
		case <-stop:
			return
		case <-timer.C:
		}
		began := l.Clock.Now()
		// An attempt that outlasts the lease is of no use.
		bounded, cancel := context.WithTimeout(ctx, max(ends.Sub(began), 0))
		err := l.renew(bounded, h, data)
		cancel()
		switch {
		case err == nil:
			ends = began.Add(l.TTL)
			timer.Reset(l.TTL / 3)
		case errors.Is(err, ErrLost), !l.Clock.Now().Before(ends):
			lose(ErrLost)
			return
		default:
			timer.Reset(l.TTL / 20)
		}
	}
}

func (l *Leases) renew(ctx context.Context, h Held, data []byte) error {
	return l.Store.Update(ctx, func(tx store.Tx) error {
		if err := h.Check(tx); err != nil {
			return err
		}
		return rows.Put(tx, l.key(h.name), row{Owner: l.Owner, Epoch: h.Epoch, Ends: l.Clock.Now().Add(l.TTL).UTC(), Data: data})
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
