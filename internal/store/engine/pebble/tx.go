// SPDX-License-Identifier: Apache-2.0

package pebble

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/engine"
)

// run is one run of a transaction's function: its snapshot, its time limit and its first error. The snapshot is taken
// at the first read, so that a transaction which only writes costs none.
type run struct {
	s     *Store
	ended func() error // the context's
	start time.Time
	err   error // the first; sticky
	done  bool  // the function has returned

	snap    *pebble.Snapshot
	tracked bool    // the snapshot's version is in Store.live
	version uint64  // that the snapshot shows, if tracked
	seen    *ticket // the newest commit that the snapshot may show
}

func (s *Store) newRun(ctx context.Context) *run {
	return &run{s: s, ended: ctx.Err, start: s.clock.Now()}
}

// Fail keeps the first error and returns it.
func (r *run) Fail(err error) error {
	if r.err == nil {
		r.err = err
	}
	return r.err
}

// Check is called by every method of a Reader or Tx.
func (r *run) Check() error {
	switch {
	case r.done:
		return store.ErrDone
	case r.err != nil:
		return r.err
	}
	if err := r.ended(); err != nil {
		return r.Fail(fmt.Errorf("store: %w", err))
	}
	if r.s.clock.Now().Sub(r.start) > store.MaxDuration {
		return r.Fail(store.ErrTooLong)
	}
	return nil
}

// snapshot takes the snapshot, if it was not taken yet. track registers its version for validation.
func (r *run) snapshot(track bool) *pebble.Snapshot {
	if r.snap != nil {
		return r.snap
	}
	if !track {
		r.snap = r.s.db.NewSnapshot()
		r.seen = r.s.last.Load() // after the snapshot: covers all that it shows
		return r.snap
	}
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	r.snap, r.version, r.seen = r.s.db.NewSnapshot(), r.s.version, r.s.last.Load()
	r.s.live.add(r.version)
	r.tracked = true
	return r.snap
}

// close ends the use of the Reader or Tx and lets go of the snapshot.
func (r *run) close() {
	r.done = true
	if r.snap != nil {
		_ = r.snap.Close() // always nil
		r.snap = nil
	}
	if r.tracked {
		r.s.mu.Lock()
		r.s.live.remove(r.version)
		r.s.mu.Unlock()
		r.tracked = false
	}
}

// awaitSeen returns when all that the run may have seen is durable.
func (r *run) awaitSeen(ctx context.Context) error {
	if r.seen == nil {
		return nil
	}
	select {
	case <-r.seen.done:
		return r.seen.err
	default:
	}
	select {
	case <-r.seen.done:
		return r.seen.err
	case <-ctx.Done():
		return fmt.Errorf("store: %w", ctx.Err())
	}
}

// get reads key from the snapshot.
func (r *run) get(key []byte, track bool) ([]byte, error) {
	v, closer, err := r.snapshot(track).Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, r.Fail(r.s.readError(err))
	}
	out := append(make([]byte, 0, len(v)), v...)
	if err := closer.Close(); err != nil {
		return nil, r.Fail(r.s.readError(err))
	}
	return out, nil
}

// readError marks damage on the disk.
func (s *Store) readError(err error) error {
	if pebble.IsCorruptionError(err) {
		return &store.CorruptError{Dir: s.dir, Err: err}
	}
	return fmt.Errorf("store: read: %w", err)
}

// reader is a store.Reader without conflicts: of a View, and of Tx.Snapshot.
type reader struct{ r *run }

// Get implements store.Reader.
func (v reader) Get(key []byte) ([]byte, error) {
	if err := v.r.Check(); err != nil {
		return nil, err
	}
	if err := store.CheckKey(key); err != nil {
		return nil, v.r.Fail(err)
	}
	return v.r.get(key, v.r.tracked)
}

// GetMany implements store.Reader.
func (v reader) GetMany(keys [][]byte) ([][]byte, error) { return getMany(keys, v.Get) }

// Scan implements store.Reader.
func (v reader) Scan(r store.Range, o store.ScanOptions) iter.Seq2[store.Item, error] {
	return func(yield func(store.Item, error) bool) {
		v.r.scan(r, o, nil, func(it store.Item, err error) bool { return yield(it, err) })
	}
}

func getMany(keys [][]byte, get func([]byte) ([]byte, error)) ([][]byte, error) {
	out := make([][]byte, len(keys))
	for i, k := range keys {
		v, err := get(k)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// tx implements store.Tx.
type tx struct {
	*run
	engine.Buffer
	exclusive bool                // holds the commit lock: reads need no tracking
	keys      map[string]struct{} // read
	ranges    []store.Range       // read
}

func newTx(r *run, exclusive bool) *tx {
	return &tx{run: r, Buffer: engine.Buffer{Run: r}, exclusive: exclusive}
}

// Get implements store.Reader.
func (t *tx) Get(key []byte) ([]byte, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	if err := store.CheckKey(key); err != nil {
		return nil, t.Fail(err)
	}
	if v, known := t.Writes.Get(key); known {
		if v == nil {
			return nil, nil
		}
		return append(make([]byte, 0, len(v)), v...), nil
	}
	if !t.exclusive {
		if t.keys == nil {
			t.keys = map[string]struct{}{}
		}
		t.keys[string(key)] = struct{}{}
	}
	return t.get(key, !t.exclusive)
}

// GetMany implements store.Reader.
func (t *tx) GetMany(keys [][]byte) ([][]byte, error) { return getMany(keys, t.Get) }

// Scan implements store.Reader. What it has read is noted when it ends, also by a break or a panic.
func (t *tx) Scan(r store.Range, o store.ScanOptions) iter.Seq2[store.Item, error] {
	return func(yield func(store.Item, error) bool) {
		read := store.Range{Lo: bytes.Clone(r.Lo), Hi: bytes.Clone(r.Hi)} // as long as nothing stops it early
		exhausted, last := false, []byte(nil)
		defer func() {
			switch {
			case t.exclusive:
				return
			case exhausted: // the entire range
			case last == nil: // nothing was yielded, not even read
				return
			case o.Reverse:
				read.Lo = last
			default:
				read.Hi = store.After(last)
			}
			t.ranges = append(t.ranges, read)
		}()
		exhausted = t.scan(r, o, t, func(it store.Item, err error) bool {
			if err == nil {
				last = append(last[:0], it.Key...)
			}
			return yield(it, err)
		})
	}
}

// Snapshot implements store.Tx.
func (t *tx) Snapshot() store.Reader {
	if !t.done {
		t.snapshot(!t.exclusive)
	}
	return reader{t.run}
}
