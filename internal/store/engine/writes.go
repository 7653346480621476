// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"bytes"
	"sort"

	"github.com/gustcloud/gust/internal/store"
)

// Writes is what a transaction will write: its own reads look here first. The exported fields are for reading.
type Writes struct {
	Points  map[string]Write
	Ranges  []store.Range // deleted, before Points are written: points in them were written later
	Appends []Appended
	Size    int // bytes of keys, values and bounds

	sorted  []string // keys of Points in order, as long as ordered; never changed in place, only appended to
	ordered bool
}

// Write is a new value, or the deletion of a key.
type Write struct {
	Value   []byte
	Deleted bool
}

// Appended is a value whose key gets its number at the commit.
type Appended struct{ Prefix, Value []byte }

// Empty says whether there is nothing to write.
func (w *Writes) Empty() bool { return len(w.Points)+len(w.Ranges)+len(w.Appends) == 0 }

// Put keeps v under key; both are copied.
func (w *Writes) Put(key []byte, v Write) {
	if w.Points == nil {
		w.Points, w.ordered = map[string]Write{}, true
	}
	if !v.Deleted {
		v.Value = append(make([]byte, 0, len(v.Value)), v.Value...)
	}
	k := string(key)
	old, again := w.Points[k]
	switch {
	case again:
		w.Size -= len(old.Value)
	default:
		w.Size += len(k)
		if n := len(w.sorted); w.ordered && (n == 0 || w.sorted[n-1] < k) {
			w.sorted = append(w.sorted, k)
		} else {
			w.ordered = false
		}
	}
	w.Size += len(v.Value)
	w.Points[k] = v
}

// DeleteRange drops the points in r and remembers r.
func (w *Writes) DeleteRange(r store.Range) {
	for _, k := range w.KeysIn(r) {
		w.Size -= len(k) + len(w.Points[k].Value)
		delete(w.Points, k)
		w.ordered = false
	}
	r = store.Range{Lo: bytes.Clone(r.Lo), Hi: bytes.Clone(r.Hi)}
	w.Ranges = append(w.Ranges, r)
	w.Size += len(r.Lo) + len(r.Hi)
}

// Append keeps value, to be stored under prefix and a number; both are copied.
func (w *Writes) Append(prefix, value []byte) {
	w.Appends = append(w.Appends, Appended{bytes.Clone(prefix), bytes.Clone(value)})
	w.Size += len(prefix) + 8 + len(value)
}

// Get answers for a key that the transaction wrote or deleted itself; known is false for all others.
func (w *Writes) Get(key []byte) (value []byte, known bool) {
	if v, ok := w.Points[string(key)]; ok {
		return v.Value, true
	}
	for _, r := range w.Ranges {
		if r.Contains(key) {
			return nil, true
		}
	}
	return nil, false
}

// KeysIn returns the written keys in r, in order. The result stays as it is when more is written.
func (w *Writes) KeysIn(r store.Range) []string {
	if len(w.Points) == 0 {
		return nil
	}
	if !w.ordered {
		w.sorted = make([]string, 0, len(w.Points))
		for k := range w.Points {
			w.sorted = append(w.sorted, k)
		}
		sort.Strings(w.sorted)
		w.ordered = true
	}
	lo, hi := sort.SearchStrings(w.sorted, string(r.Lo)), len(w.sorted)
	if r.Hi != nil {
		hi = sort.SearchStrings(w.sorted, string(r.Hi))
	}
	return w.sorted[lo:max(lo, hi)]
}
