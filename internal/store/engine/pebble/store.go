// SPDX-License-Identifier: Apache-2.0

// Package pebble is the embedded engine of the store: Pebble (github.com/cockroachdb/pebble) with a serializable
// optimistic layer on top. It does not replicate, and one directory belongs to one process.
//
// How a transaction runs: its function reads one Pebble snapshot, and the keys and ranges that it read are noted. The
// commit then takes the commit lock, looks whether a later commit wrote any of them (history.go), applies the batch
// to Pebble without waiting for the disk, lets go of the lock, and waits for the fsync, which Pebble shares among all
// that wait (commit.go). After three conflicts the function runs under the commit lock, where it cannot conflict.
//
// Lock order: Store.commitMu, then Store.mu, then Pebble's own.
//
// Read this file, then tx.go (what a transaction reads and writes), commit.go, history.go; open.go has the format of
// the directory.
package pebble

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/engine"
)

// maxConflicts is how often a function runs beside others before it gets the commit lock for itself.
const maxConflicts = 3

// Store implements store.Store.
type Store struct {
	db     *pebble.DB
	lock   *pebble.Lock
	dir    string
	fs     vfs.FS
	memory bool           // no files
	clock  clock.Clock    // the machine's: the limits of a transaction
	time   *clock.Service // of Now
	hub    engine.Hub
	noSync bool // tests only: acknowledges before the fsync

	life     sync.Mutex // guards the next two
	inflight int
	closed   bool
	idle     chan struct{} // closed when closed is set and inflight reaches zero
	failed   atomic.Pointer[error]

	// commitMu makes commits follow one another. It guards history, order and reserved.
	commitMu sync.Mutex
	history  history
	order    uint64 // the last Append number given out
	reserved uint64 // the last Append number that a restart will not give out again

	// mu keeps a snapshot and its version together. It guards version and live.
	mu      sync.Mutex
	version uint64 // of the last commit visible in Pebble; counts from 0 in each process
	live    liveSet

	last atomic.Pointer[ticket] // of the newest commit that a snapshot may show
}

var _ store.Store = (*Store)(nil)

// ticket says when a commit is durable. Pebble's log is written in commit order, so its end is also that of all
// commits before it.
type ticket struct {
	done chan struct{}
	err  error // valid once done is closed
}

func (t *ticket) finish(err error) {
	t.err = err
	close(t.done)
}

// Update implements store.Store.
func (s *Store) Update(ctx context.Context, fn func(store.Tx) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	for conflicts := 0; ; conflicts++ {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("store: update: %w", err)
		}
		err := s.attempt(ctx, fn, conflicts >= maxConflicts)
		if !errors.Is(err, errConflict) {
			return err
		}
	}
}

// View implements store.Store.
func (s *Store) View(ctx context.Context, fn func(store.Reader) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("store: view: %w", err)
	}
	r := s.newRun(ctx)
	err := func() error {
		defer r.close()
		if err := fn(reader{r}); err != nil {
			return err
		}
		return r.err
	}()
	if werr := r.awaitSeen(ctx); werr != nil {
		return werr
	}
	return err
}

// Watch implements store.Store.
func (s *Store) Watch(topic []byte) (hint <-chan struct{}, stop func()) { return s.hub.Watch(topic) }

// Now implements store.Store.
func (s *Store) Now() time.Time { return s.time.Now() }

// Err is nil while the store works. After a write to the disk failed it stays not nil: what reached the disk is then
// unknown until the store is opened again.
func (s *Store) Err() error {
	if p := s.failed.Load(); p != nil {
		return *p
	}
	return nil
}

// Close waits for the transactions that run, then closes Pebble. Later calls answer store.ErrClosed.
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
	if err := s.Err(); err != nil { // Pebble may hold locks for ever now
		return err
	}
	return errors.Join(s.db.Close(), s.lock.Close())
}

func (s *Store) enter() error {
	s.life.Lock()
	defer s.life.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	if err := s.Err(); err != nil {
		return err
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

// fail makes every later call answer the first failure.
func (s *Store) fail(err error) error {
	err = fmt.Errorf("store: %s failed, restart the server: %w", s.dir, err)
	s.failed.CompareAndSwap(nil, &err)
	return err
}
