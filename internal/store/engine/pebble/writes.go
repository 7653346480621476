// SPDX-License-Identifier: Apache-2.0

package pebble

import (
	"bytes"
	"sort"

	"github.com/gustcloud/gust/internal/store"
)

// writes is what a transaction will write: its own reads look here first.
type writes struct {
	points  map[string]write
	sorted  []string // keys of points in order, as long as ordered; never changed in place, only appended to
	ordered bool
	ranges  []store.Range // deleted, before points are written: points in them were written later
	appends []appended
	size    int // bytes of keys, values and bounds
}

type write struct {
	value   []byte
	deleted bool
}

type appended struct {
	prefix, value []byte
}

func (w *writes) empty() bool { return len(w.points)+len(w.ranges)+len(w.appends) == 0 }

// put keeps v under k; both are copied.
func (w *writes) put(key []byte, v write) {
	if w.points == nil {
		w.points, w.ordered = map[string]write{}, true
	}
	if !v.deleted {
		v.value = append(make([]byte, 0, len(v.value)), v.value...)
	}
	k := string(key)
	old, again := w.points[k]
	switch {
	case again:
		w.size -= len(old.value)
	default:
		w.size += len(k)
		if n := len(w.sorted); w.ordered && (n == 0 || w.sorted[n-1] < k) {
			w.sorted = append(w.sorted, k)
		} else {
			w.ordered = false
		}
	}
	w.size += len(v.value)
	w.points[k] = v
}

// deleteRange drops the points in r and remembers r.
func (w *writes) deleteRange(r store.Range) {
	for _, k := range w.keysIn(r) {
		w.size -= len(k) + len(w.points[k].value)
		delete(w.points, k)
		w.ordered = false
	}
	r = store.Range{Lo: bytes.Clone(r.Lo), Hi: bytes.Clone(r.Hi)}
	w.ranges = append(w.ranges, r)
	w.size += len(r.Lo) + len(r.Hi)
}

func (w *writes) append(prefix, value []byte) {
	w.appends = append(w.appends, appended{bytes.Clone(prefix), bytes.Clone(value)})
	w.size += len(prefix) + 8 + len(value)
}

// get answers for a key that the transaction wrote or deleted itself; known is false for all others.
func (w *writes) get(key []byte) (value []byte, known bool) {
	if v, ok := w.points[string(key)]; ok {
		return v.value, true
	}
	for _, r := range w.ranges {
		if r.Contains(key) {
			return nil, true
		}
	}
	return nil, false
}

// keysIn returns the written keys in r, in order. The result stays as it is when more is written.
func (w *writes) keysIn(r store.Range) []string {
	if len(w.points) == 0 {
		return nil
	}
	if !w.ordered {
		w.sorted = make([]string, 0, len(w.points))
		for k := range w.points {
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
