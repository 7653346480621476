// SPDX-License-Identifier: Apache-2.0

package pebble

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/engine"
)

// reserveAppends is how many Append numbers one write to reservedKey reserves. A restart skips what is left of them.
const reserveAppends = 1 << 20

// reservedKey holds the last reserved Append number. The first byte is not allowed to users of the store.
var reservedKey = []byte{0, 'a'}

// errConflict makes Update run the function again.
var errConflict = errors.New("store: conflict")

// attempt runs fn once and commits. exclusive runs it under the commit lock.
func (s *Store) attempt(ctx context.Context, fn func(store.Tx) error, exclusive bool) error {
	t := newTx(s.newRun(ctx), exclusive)
	c, err := s.runAndApply(t, fn)
	if errors.Is(err, errConflict) {
		return err
	}
	if err != nil || c == nil {
		// The answer may rest on what others wrote: it must not be known before that is durable.
		if werr := t.awaitSeen(ctx); werr != nil {
			return werr
		}
		if err != nil {
			return err
		}
	}
	if c != nil {
		if err := s.awaitSync(c); err != nil {
			return err
		}
	}
	for _, hook := range t.Hooks {
		hook()
	}
	s.hub.Notify(t.Topics)
	return nil
}

// commit is a batch that Pebble has taken but may not have written to the disk.
type commit struct {
	batch  *pebble.Batch
	ticket *ticket
}

// runAndApply returns nil when there was nothing to write.
func (s *Store) runAndApply(t *tx, fn func(store.Tx) error) (*commit, error) {
	if t.exclusive {
		s.commitMu.Lock()
		defer s.commitMu.Unlock()
		t.start = s.clock.Now() // waiting for the lock is not the function's time
	}
	defer t.close()
	if err := fn(t); err != nil {
		return nil, err
	}
	if err := t.Check(); err != nil {
		return nil, err
	}
	t.done = true
	if t.Writes.Empty() {
		return nil, nil
	}
	batch, err := s.newBatch(&t.Writes)
	if err != nil {
		return nil, err
	}
	if !t.exclusive {
		s.commitMu.Lock()
		defer s.commitMu.Unlock()
		if s.history.conflicts(t.version, t.keys, t.ranges) {
			_ = batch.Close() // it holds memory only
			return nil, errConflict
		}
	}
	return s.applyLocked(t, batch)
}

// newBatch holds all writes but the Appends, whose keys are not known yet.
func (s *Store) newBatch(w *engine.Writes) (*pebble.Batch, error) {
	b := s.db.NewBatchWithSize(w.Size + 32*(len(w.Points)+len(w.Ranges)+len(w.Appends)+1))
	var err error
	for _, r := range w.Ranges {
		err = errors.Join(err, b.DeleteRange(r.Lo, r.Hi, nil))
	}
	for k, v := range w.Points {
		if v.Deleted {
			err = errors.Join(err, b.Delete([]byte(k), nil))
		} else {
			err = errors.Join(err, b.Set([]byte(k), v.Value, nil))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("store: build batch: %w", errors.Join(err, b.Close()))
	}
	return b, nil
}

// applyLocked gives the batch its Append keys and its place in the order of commits. The caller holds commitMu.
func (s *Store) applyLocked(t *tx, b *pebble.Batch) (*commit, error) {
	keys, reserved, err := s.numberAppends(t.Writes.Appends, b)
	if err != nil {
		return nil, fmt.Errorf("store: build batch: %w", errors.Join(err, b.Close()))
	}
	c := &commit{batch: b, ticket: &ticket{done: make(chan struct{})}}

	oldest, others, err := s.publish(t, c)
	if err != nil {
		return nil, err
	}
	s.order += uint64(len(t.Writes.Appends))
	s.reserved = reserved
	if others { // only then somebody can conflict
		for k := range t.Writes.Points {
			keys = append(keys, k)
		}
		s.history.add(commitRecord{version: s.version, keys: keys, ranges: t.Writes.Ranges})
	}
	s.history.trim(oldest)
	return c, nil
}

// publish makes the commit visible together with its version. It returns the oldest version that a running
// transaction reads, and whether there is such a transaction. The caller holds commitMu.
func (s *Store) publish(t *tx, c *commit) (oldest uint64, others bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.tracked {
		s.live.remove(t.version)
		t.tracked = false
	}
	s.last.Store(c.ticket) // before the write is visible: a View that sees it waits for it
	if err := s.apply(c.batch); err != nil {
		c.ticket.finish(err)
		return 0, false, err
	}
	s.version++
	if oldest, others = s.live.oldest(); !others {
		oldest = s.version
	}
	return oldest, others, nil
}

// numberAppends adds the Appends to the batch and, when their numbers run out, a new reservation: it reaches the disk
// together with the first number that needs it.
func (s *Store) numberAppends(appends []engine.Appended, b *pebble.Batch) (keys []string, reserved uint64, err error) {
	order := s.order
	for _, a := range appends {
		order++
		k := store.AppendUint64(a.Prefix, order)
		err = errors.Join(err, b.Set(k, a.Value, nil))
		keys = append(keys, string(k))
	}
	reserved = s.reserved
	if order > reserved {
		reserved = order + reserveAppends
		err = errors.Join(err, b.Set(reservedKey, store.AppendUint64(nil, reserved), nil))
	}
	return keys, reserved, err
}

// apply makes the batch visible without waiting for the disk. Pebble calls its logger's Fatalf, which panics, when it
// cannot go on.
func (s *Store) apply(b *pebble.Batch) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %w", store.ErrUnknownOutcome, s.fail(fmt.Errorf("apply: %v", p)))
		}
	}()
	if err := s.Err(); err != nil {
		return err
	}
	if s.noSync {
		err = s.db.Apply(b, pebble.NoSync)
	} else {
		err = s.db.ApplyNoSyncWait(b, pebble.Sync)
	}
	if err != nil {
		panic(err) // a batch that Pebble does not take: nothing that was checked here
	}
	return nil
}

// awaitSync returns when the commit is on the disk. It does not heed contexts: an answer follows within one fsync.
func (s *Store) awaitSync(c *commit) error {
	var err error
	if !s.noSync {
		err = c.batch.SyncWait()
	}
	if err != nil {
		err = fmt.Errorf("%w: %w", store.ErrUnknownOutcome, s.fail(fmt.Errorf("write to disk: %w", err)))
	}
	c.ticket.finish(err)
	if err == nil {
		err = c.batch.Close()
	}
	return err
}
