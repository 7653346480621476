// SPDX-License-Identifier: Apache-2.0

package enginetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/gustcloud/gust/internal/store"
)

// testCancelledUnderLoad ends contexts at any moment. Who is told that the context ended has not committed; who is told
// of success has. The store serves others meanwhile.
func testCancelledUnderLoad(f *fixture) {
	t := f.t
	const clients, each = 6, 60
	seed := rand.Uint64()
	var mu sync.Mutex
	fate := map[string]bool{} // key -> committed
	var all sync.WaitGroup
	for c := range clients {
		random := rand.New(rand.NewPCG(seed, uint64(c)))
		all.Go(func() {
			for i := range each {
				key := fmt.Sprintf("k%d.%d", c, i)
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.IntN(2000))*time.Microsecond)
				err := f.Update(ctx, func(tx store.Tx) error {
					if _, err := scanString(tx, store.PrefixRange([]byte(fmt.Sprintf("k%d.", random.IntN(clients)))), store.ScanOptions{Limit: 3}); err != nil {
						return err
					}
					tx.Set([]byte(key), nil)
					return nil
				})
				cancel()
				if err != nil && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("seed %d: %v", seed, err)
				}
				mu.Lock()
				fate[key] = err == nil
				mu.Unlock()
			}
		})
	}
	all.Wait()
	committed := 0
	for key, want := range fate {
		if got := f.get(t, key) != "<nil>"; got != want {
			t.Errorf("seed %d: %s is there: %v; Update said %v", seed, key, got, want)
		}
		if want {
			committed++
		}
	}
	if committed == 0 {
		f.mustSet(t, "after") // a slow machine: at least it works
	}
}

// testRunAgain: what the function did in a run that did not count is nowhere, also when conflicts add runs of their own.
func testRunAgain(f *fixture) {
	t := f.t
	const clients, each = 4, 25
	seed := rand.Uint64()
	s := Check(f.Store, Faults{Rerun: 0.5, Seed: seed})
	var mu sync.Mutex
	hooks := 0
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for range each {
				must(t, s.Update(t.Context(), func(tx store.Tx) error {
					tx.Append([]byte("log/"), nil)
					tx.OnCommit(func() { mu.Lock(); hooks++; mu.Unlock() })
					return incrementIn(tx, "n", func() {})
				}))
			}
		})
	}
	all.Wait()
	n := 0
	must(t, f.View(t.Context(), func(r store.Reader) error {
		for _, err := range r.Scan(store.PrefixRange([]byte("log/")), store.ScanOptions{KeysOnly: true}) {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	}))
	if got := f.get(t, "n"); got != strconv.Itoa(clients*each) || n != clients*each || hooks != n {
		t.Errorf("seed %d: counter %s, %d entries, %d hooks, want %d", seed, got, n, hooks, clients*each)
	}
}

// testUnknownOutcome: who asks again, with a key that names the attempt, does everything once.
func testUnknownOutcome(f *fixture) {
	t := f.t
	const clients, each = 4, 25
	seed := rand.Uint64()
	s := Check(f.Store, Faults{Unknown: 0.4, Rerun: 0.2, Seed: seed})
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			for i := range each {
				attempt := fmt.Appendf(nil, "done/%d.%d", c, i)
				for try := 0; ; try++ {
					err := s.Update(t.Context(), func(tx store.Tx) error {
						if done, err := tx.Get(attempt); err != nil || done != nil {
							return err
						}
						tx.Set(attempt, nil)
						return incrementIn(tx, "n", func() {})
					})
					if err == nil {
						break
					}
					if !errors.Is(err, store.ErrUnknownOutcome) || try > 100 {
						t.Errorf("seed %d: %v after %d tries", seed, err, try)
						return
					}
				}
			}
		})
	}
	all.Wait()
	if got := f.get(t, "n"); got != strconv.Itoa(clients*each) {
		t.Errorf("seed %d: n = %s, want %d", seed, got, clients*each)
	}
}

// testLostHints: who waits for hints and also polls gets everything, however many hints are lost.
func testLostHints(f *fixture) {
	t := f.t
	const items = 50
	for _, lost := range []float64{0, 0.5, 1} {
		s := Check(f.Store, Faults{DropHint: lost, Seed: rand.Uint64()})
		topic := []byte("items")
		hint, stop := s.Watch(topic)
		var all sync.WaitGroup
		all.Go(func() {
			for i := range items {
				must(t, s.Update(t.Context(), func(tx store.Tx) error {
					tx.Set(fmt.Appendf(nil, "item%03d", i), nil)
					tx.Notify(topic)
					return nil
				}))
			}
		})
		poll := time.NewTicker(time.Millisecond)
		for got := 0; got < items && !t.Failed(); {
			n, err := takeAll(t, s, "item")
			must(t, err)
			if got += n; n > 0 {
				continue
			}
			select {
			case <-hint:
			case <-poll.C:
			}
		}
		poll.Stop()
		all.Wait()
		stop()
		if left := f.keys(t, "item"); left != "" {
			t.Errorf("with %v of the hints lost, %q remain", lost, left)
		}
	}
}

// takeAll deletes all keys with a prefix and returns how many there were.
func takeAll(t *testing.T, s store.Store, prefix string) (n int, err error) {
	t.Helper()
	err = s.Update(t.Context(), func(tx store.Tx) error {
		n = 0
		for it, err := range tx.Scan(store.PrefixRange([]byte(prefix)), store.ScanOptions{KeysOnly: true}) {
			if err != nil {
				return err
			}
			tx.Delete(it.Key)
			n++
		}
		return nil
	})
	return n, err
}

// testDeleteRangeOrder: a range is deleted at one moment. Writers of keys in it and deleters of it note what they saw
// of each other; a key that is there was written after the last deletion, or by who did not see it.
func testDeleteRangeOrder(f *fixture) {
	t := f.t
	for i := range 20 {
		f.mustUpdate(t, func(tx store.Tx) { tx.DeleteRange(store.Range{}); tx.Set([]byte("open"), nil) })
		pair(t, f, func(tx store.Tx, me int, overlap func()) error {
			if me == 0 { // closes the shop and clears it
				overlap()
				tx.Delete([]byte("open"))
				tx.DeleteRange(store.PrefixRange([]byte("order/")))
				return nil
			}
			open, err := tx.Get([]byte("open"))
			overlap()
			if err == nil && open != nil {
				tx.Set([]byte("order/1"), nil)
			}
			return err
		})
		if got := f.keys(t, ""); got != "" {
			t.Fatalf("round %d: %q remains of a shop that was closed and cleared", i, got)
		}
	}
}
