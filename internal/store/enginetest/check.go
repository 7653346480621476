// SPDX-License-Identifier: Apache-2.0

package enginetest

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"sync"

	"github.com/gustcloud/gust/internal/store"
)

// Faults says how often each thing happens that the contract allows and code above the store likes to forget; each
// from 0 to 1. A Store that Check returns also overwrites each scanned Item when its step is over.
type Faults struct {
	Rerun    float64 // an Update runs its function once more: the first run's writes and hooks are thrown away
	DropHint float64 // a Notify gives no hint
	Unknown  float64 // an Update that writes answers ErrUnknownOutcome, half of them without having committed
	Seed     uint64  // the same seed gives the same faults to the same sequence of calls
}

// Check returns s with faults.
func Check(s store.Store, f Faults) store.Store {
	return &checked{Store: s, faults: f, random: rand.New(rand.NewPCG(f.Seed, 0))}
}

type checked struct {
	store.Store
	faults Faults

	mu     sync.Mutex
	random *rand.Rand
}

func (c *checked) chance(p float64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.random.Float64() < p
}

var errDiscard = errors.New("enginetest: run thrown away")

// Update implements store.Store.
func (c *checked) Update(ctx context.Context, fn func(store.Tx) error) error {
	if c.chance(c.faults.Rerun) {
		err := c.Store.Update(ctx, func(tx store.Tx) error {
			_ = fn(&checkedTx{Tx: tx, c: c, drop: true}) // an error comes again in the run that counts
			return errDiscard
		})
		if !errors.Is(err, errDiscard) {
			return err
		}
	}
	unknown, commit, wrote := c.chance(c.faults.Unknown), c.chance(0.5), false
	err := c.Store.Update(ctx, func(tx store.Tx) error {
		t := &checkedTx{Tx: tx, c: c, drop: unknown}
		err := fn(t)
		wrote = t.wrote
		if err == nil && unknown && wrote && !commit {
			return errDiscard
		}
		return err
	})
	if unknown && wrote && (err == nil || errors.Is(err, errDiscard)) {
		return store.ErrUnknownOutcome
	}
	return err
}

// View implements store.Store.
func (c *checked) View(ctx context.Context, fn func(store.Reader) error) error {
	return c.Store.View(ctx, func(r store.Reader) error { return fn(checkedReader{r}) })
}

type checkedReader struct{ store.Reader }

// Scan implements store.Reader.
func (r checkedReader) Scan(rng store.Range, o store.ScanOptions) iter.Seq2[store.Item, error] {
	return overwritten(r.Reader.Scan(rng, o))
}

type checkedTx struct {
	store.Tx
	c     *checked
	drop  bool // hooks and hints
	wrote bool
}

// Scan implements store.Reader.
func (t *checkedTx) Scan(rng store.Range, o store.ScanOptions) iter.Seq2[store.Item, error] {
	return overwritten(t.Tx.Scan(rng, o))
}

// Snapshot implements store.Tx.
func (t *checkedTx) Snapshot() store.Reader { return checkedReader{t.Tx.Snapshot()} }

// Set implements store.Tx.
func (t *checkedTx) Set(key, value []byte) { t.wrote = true; t.Tx.Set(key, value) }

// Delete implements store.Tx.
func (t *checkedTx) Delete(key []byte) { t.wrote = true; t.Tx.Delete(key) }

// DeleteRange implements store.Tx.
func (t *checkedTx) DeleteRange(r store.Range) { t.wrote = true; t.Tx.DeleteRange(r) }

// Append implements store.Tx.
func (t *checkedTx) Append(prefix, value []byte) { t.wrote = true; t.Tx.Append(prefix, value) }

// Notify implements store.Tx.
func (t *checkedTx) Notify(topic []byte) {
	if !t.drop && !t.c.chance(t.c.faults.DropHint) {
		t.Tx.Notify(topic)
	}
}

// OnCommit implements store.Tx.
func (t *checkedTx) OnCommit(fn func()) {
	if !t.drop {
		t.Tx.OnCommit(fn)
	}
}

// overwritten gives each item in memory that is overwritten after its step.
func overwritten(items iter.Seq2[store.Item, error]) iter.Seq2[store.Item, error] {
	return func(yield func(store.Item, error) bool) {
		for it, err := range items {
			own := store.Item{Key: append([]byte(nil), it.Key...), Value: append([]byte(nil), it.Value...)}
			more := yield(own, err)
			for _, b := range [][]byte{own.Key, own.Value} {
				for i := range b {
					b[i] = 0xdb
				}
			}
			if !more {
				return
			}
		}
	}
}
