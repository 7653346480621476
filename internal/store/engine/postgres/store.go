// SPDX-License-Identifier: Apache-2.0

// Package postgres is the engine of the store for several machines: PostgreSQL 15 or newer. It replicates nothing
// itself, and it needs connections that are sessions: no pooler in transaction mode between it and the server.
//
// How a transaction runs: its function reads one snapshot (REPEATABLE READ), and the keys and ranges that it read are
// noted with the token of each row: a number that no two commits share. The commit is one pipeline, one round trip: it
// takes advisory locks on what was read and will be written (lock.go), in one order so that no two transactions wait
// for each other; looks whether the rows that were read are still the same; writes; commits (commit.go). Whoever holds
// its locks until its commit is durable commits as if it had run alone at that moment, so transactions are
// serializable in the order of their commits. PostgreSQL's own SERIALIZABLE promises some serial order, not this one,
// and its page-sized locks conflict where keys do not. After three conflicts the function queues for what it read, with
// the same locks taken before its snapshot; after three more, when it reads other things each time, it runs under a lock
// that keeps all commits out, where it cannot conflict.
//
// Read this file, then run.go and tx.go (what a transaction reads and writes), lock.go, commit.go; schema.go has the
// tables.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/engine"
)

const (
	maxConflicts = 3 // how often a function runs beside others before it queues for what it reads
	maxQueued    = 3 // how often it runs so, before all commits wait for it
	maxLost      = 3 // how often an Update runs again because its connection was lost before the commit
)

// Store implements store.Store.
type Store struct {
	pool       *pool
	name       string         // of the database, for messages
	clock      clock.Clock    // the machine's: the limits of a transaction
	time       *clock.Service // of Now
	log        *slog.Logger
	seed       uint64 // of lock ids: stores in one database do not share locks
	hot        hotKeys
	hub        engine.Hub
	hints      hints
	hintConfig *pgconn.Config

	stop       context.CancelFunc // of the background work
	background sync.WaitGroup

	life     sync.Mutex // guards the next two
	inflight int
	closed   bool
	idle     chan struct{} // closed when closed is set and inflight reaches zero
}

var _ store.Store = (*Store)(nil)

// Update implements store.Store.
func (s *Store) Update(ctx context.Context, fn func(store.Tx) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	var again reservation // what the last run read and wrote
	for conflicts, lost := 0, 0; ; {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("store: update: %w", err)
		}
		t := newTx(s.newRun(ctx))
		switch {
		case conflicts >= maxConflicts && (again.all || conflicts >= maxConflicts+maxQueued):
			t.exclusive = true
		case conflicts >= maxConflicts:
			t.reserved = again.ids
			s.hot.heat(again.ids, s.clock.Now())
		}
		err := s.attempt(t, fn)
		switch {
		case errors.Is(err, errConflict):
			conflicts++
			again = s.reservation(t)
		case errors.Is(err, errNotCommitted) && lost < maxLost:
			lost++
		default:
			return err
		}
	}
}

// attempt runs fn once and commits.
func (s *Store) attempt(t *tx, fn func(store.Tx) error) error {
	defer t.close()
	if t.exclusive {
		if err := t.beginExclusive(); err != nil {
			return err
		}
	}
	if err := fn(t); err != nil {
		if errors.Is(err, errNotCommitted) && t.err == nil { // not an error of this transaction
			return fmt.Errorf("store: %s", err.Error()) // without %w: it must not run again
		}
		return err
	}
	if err := t.Check(); err != nil {
		return err
	}
	t.done = true
	if !t.Writes.Empty() {
		if err := s.commit(t); err != nil {
			return err
		}
	}
	t.close()
	for _, hook := range t.Hooks {
		hook()
	}
	s.hub.Notify(t.Topics)
	s.hints.add(t.Topics)
	return nil
}

// View implements store.Store. PostgreSQL shows a commit to others only when it is durable.
func (s *Store) View(ctx context.Context, fn func(store.Reader) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("store: view: %w", err)
	}
	r := s.newRun(ctx)
	defer r.close()
	if err := fn(reader{r}); err != nil {
		return err
	}
	return r.err
}

// Watch implements store.Store. Hints of this process come at once, those of others by NOTIFY.
func (s *Store) Watch(topic []byte) (hint <-chan struct{}, stop func()) { return s.hub.Watch(topic) }

// Now implements store.Store.
func (s *Store) Now() time.Time { return s.time.Now() }

// Close waits for the transactions that run, then closes all connections. Later calls answer store.ErrClosed.
func (s *Store) Close() error {
	s.life.Lock()
	if s.closed {
		s.life.Unlock()
		return store.ErrClosed
	}
	s.closed = true
	if s.inflight == 0 {
		close(s.idle)
	}
	s.life.Unlock()
	<-s.idle
	s.stop()
	s.background.Wait()
	s.pool.close()
	return nil
}

func (s *Store) enter() error {
	s.life.Lock()
	defer s.life.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	s.inflight++
	return nil
}

func (s *Store) leave() {
	s.life.Lock()
	defer s.life.Unlock()
	s.inflight--
	if s.closed && s.inflight == 0 {
		close(s.idle)
	}
}
