// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gustcloud/gust/internal/store"
)

// randomTx reads and writes a few keys of a few domains: some shorter than a domain, some that an Append might make.
func randomTx(r *rand.Rand) *tx {
	resource := func() string { return string(store.ResourceRange('q', uint64(r.IntN(3))).Lo) }
	key := func() string {
		switch r.IntN(6) {
		case 0:
			return string([]byte{'a' + byte(r.IntN(2))})
		case 1:
			return resource()
		case 2:
			return resource() + "p" + string(store.AppendUint64(nil, uint64(r.IntN(3))))
		case 3:
			return "ab" + string(store.AppendUint64(nil, uint64(r.IntN(3))))
		default:
			return resource() + fmt.Sprintf("k%d", r.IntN(4))
		}
	}
	t := newTx(newStore().newRun(context.Background()))
	wide := r.IntN(10) == 0 // more keys than it may have locks
	between := func() store.Range {
		lo, hi := key(), key()
		if lo > hi {
			lo, hi = hi, lo
		}
		return store.Clip(store.Range{Lo: []byte(lo), Hi: []byte(hi)})
	}
	for range 1 + r.IntN(3) {
		switch r.IntN(6) {
		case 0, 1:
			t.note(key(), int64(r.IntN(2)))
		case 2:
			if s := between(); !s.Empty() {
				t.ranges = append(t.ranges, rangeRead{Range: s})
			}
		case 3:
			t.Set([]byte(key()), nil)
		case 4:
			t.DeleteRange(between())
		case 5:
			t.Append([]byte([]string{resource() + "p", "ab"}[r.IntN(2)]), nil)
		}
	}
	if wide {
		for i := range maxKeyLocks + 1 {
			t.note(resource()+fmt.Sprintf("wide%d", i), 1)
		}
	}
	return t
}

// touches says whether the commit of w may change what t read, or what t writes.
func touches(w, t *tx) bool {
	hit := func(key []byte, appended bool) bool {
		for k, x := range t.points {
			if k == string(key) && (!appended || x == 0) {
				return true
			}
		}
		if _, ok := t.Writes.Points[string(key)]; ok && !appended {
			return true
		}
		for _, r := range t.ranges {
			if r.Contains(key) {
				return true
			}
		}
		for _, r := range t.Writes.Ranges {
			if r.Contains(key) {
				return true
			}
		}
		return false
	}
	for k := range w.Writes.Points {
		if hit([]byte(k), false) {
			return true
		}
	}
	for _, a := range w.Writes.Appends {
		for n := range uint64(3) {
			if hit(store.AppendUint64(append([]byte(nil), a.Prefix...), n), true) {
				return true
			}
		}
		for _, b := range t.Writes.Appends {
			if string(a.Prefix) == string(b.Prefix) {
				return true
			}
		}
	}
	for _, r := range w.Writes.Ranges {
		for k := range t.points {
			if r.Contains([]byte(k)) {
				return true
			}
		}
		for _, o := range t.ranges {
			if r.Overlaps(o.Range) {
				return true
			}
		}
		for _, o := range t.Writes.Ranges {
			if r.Overlaps(o) {
				return true
			}
		}
	}
	return false
}

// TestLocksOfConflictingTransactions: of two transactions that touch each other one waits for the other's commit.
func TestLocksOfConflictingTransactions(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	s := newStore()
	mustWait := func(a, b lockSet) bool {
		for id, exclusive := range a {
			if other, both := b[id]; both && (exclusive || other) {
				return true
			}
		}
		return false
	}
	conflicts, free := 0, 0
	for range 20000 {
		a, b := randomTx(r), randomTx(r)
		la, lb := s.locks(a), s.locks(b)
		switch touch := touches(a, b) || touches(b, a); {
		case touch && !mustWait(la, lb):
			t.Fatalf("seed %d: nothing keeps these apart:\n%+v\n%+v", seed, describeTx(a), describeTx(b))
		case touch:
			conflicts++
		case !mustWait(la, lb):
			free++
		}
		if n := len(la); n > 64 {
			t.Fatalf("%d locks", n)
		}
	}
	if conflicts < 1000 || free < 1000 {
		t.Errorf("%d pairs conflict, %d are free: the test tests little", conflicts, free)
	}
}

func describeTx(t *tx) string {
	return fmt.Sprintf("read %+v %+v, write %+v %q append %q", t.points, t.ranges, t.Writes.Points, t.Writes.Ranges, t.Writes.Appends)
}

func newStore() *Store { return &Store{seed: 1, clock: testClock} } // without a database
