// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"iter"

	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/engine"
)

// tx implements store.Tx.
type tx struct {
	*run
	engine.Buffer
	points map[string]int64 // keys read, with the token of the row, 0 for an absent one
	ranges []rangeRead
}

func newTx(r *run) *tx { return &tx{run: r, Buffer: engine.Buffer{Run: r}} }

// rangeRead is a range that was read to its ends, with the tokens of its rows in the order of their keys.
type rangeRead struct {
	store.Range
	tokens []int64
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
		return ownValue(v), nil
	}
	t.queue(key)
	value, x, err := t.get(key)
	if err == nil {
		t.note(string(key), x)
	}
	return value, err
}

// queue makes the first read wait for its key if that is hot.
func (t *tx) queue(key []byte) {
	if t.conn != nil || t.reserved != nil {
		return
	}
	if id := t.s.lockID(kindKey, string(key)); t.s.hot.hot(id, t.s.clock.Now()) {
		t.reserved = []int64{id}
	}
}

// GetMany implements store.Reader.
func (t *tx) GetMany(keys [][]byte) ([][]byte, error) {
	if err := t.checkKeys(keys); err != nil {
		return nil, err
	}
	found := make(map[string][]byte, len(keys))
	ask := make([][]byte, 0, len(keys))
	for _, k := range keys {
		if v, known := t.Writes.Get(k); known {
			found[string(k)] = v
		} else {
			ask = append(ask, k)
		}
	}
	if len(ask) > 0 {
		for _, k := range ask {
			t.note(string(k), 0)
		}
		if err := t.getMany(ask, func(key, value []byte, x int64) {
			found[string(key)] = copied(value)
			t.note(string(key), x)
		}); err != nil {
			return nil, err
		}
	}
	return inOrder(keys, found), nil
}

// note remembers that a key was read. All reads are of one snapshot: the last note says what the first did.
func (t *tx) note(key string, x int64) {
	if t.exclusive {
		return
	}
	if t.points == nil {
		t.points = map[string]int64{}
	}
	t.points[key] = x
}

// ownValue is a copy of what the transaction wrote itself; nil stays nil.
func ownValue(v []byte) []byte {
	if v == nil {
		return nil
	}
	return copied(v)
}

// Scan implements store.Reader.
func (t *tx) Scan(r store.Range, o store.ScanOptions) iter.Seq2[store.Item, error] {
	return func(yield func(store.Item, error) bool) { t.scan(r, o, t, yield) }
}

// Snapshot implements store.Tx.
func (t *tx) Snapshot() store.Reader { return reader{t.run} }
