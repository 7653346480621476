// SPDX-License-Identifier: Apache-2.0

package enginetest

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gustcloud/gust/internal/store"
)

// testConflictsEnd: whoever is disturbed again and again gets through.
func testConflictsEnd(f *fixture) {
	t := f.t
	const disturbed = 3
	runs := 0
	f.mustUpdate(t, func(tx store.Tx) {
		v, err := tx.Get([]byte("n"))
		must(t, err)
		if runs++; runs <= disturbed {
			must(t, beside(func() error { return f.increment(t, "n") }))
		}
		tx.Set([]byte("n"), append(v, 'x'))
	})
	if got := f.get(t, "n"); runs != disturbed+1 || got != strconv.Itoa(disturbed)+"x" {
		t.Errorf("%d runs, n = %q", runs, got)
	}
}

func (f *fixture) increment(t *testing.T, key string) error {
	t.Helper()
	return f.Update(t.Context(), func(tx store.Tx) error { return incrementIn(tx, key, func() {}) })
}

func incrementIn(tx store.Tx, key string, beforeWrite func()) error {
	v, err := tx.Get([]byte(key))
	beforeWrite()
	if err != nil {
		return err
	}
	n, _ := strconv.Atoi(string(v))
	tx.Set([]byte(key), strconv.AppendInt(nil, int64(n+1), 10))
	return nil
}

func testViewSnapshot(f *fixture) {
	t := f.t
	f.mustSet(t, "a", "b")
	must(t, f.View(t.Context(), func(r store.Reader) error {
		before, err := getString(r, "a")
		must(t, err)
		must(t, beside(func() error {
			return f.Update(t.Context(), func(tx store.Tx) error {
				tx.Set([]byte("a"), []byte("new"))
				tx.Set([]byte("b2"), nil)
				return nil
			})
		}))
		after, err := getString(r, "a")
		must(t, err)
		all, err := scanString(r, store.Range{}, store.ScanOptions{})
		if before != "a" || after != "a" || all != "a b" {
			t.Errorf("the view moved: a = %q, then %q, all %q", before, after, all)
		}
		return err
	}))
	if got := f.get(t, "a"); got != "new" {
		t.Errorf("a later view sees %q", got)
	}
}

func testTxSnapshot(f *fixture) {
	t := f.t
	f.mustSet(t, "a", "b")
	runs := 0
	f.mustUpdate(t, func(tx store.Tx) {
		a, err := getString(tx, "a")
		must(t, err)
		if runs++; runs == 1 {
			must(t, beside(func() error {
				return f.Update(t.Context(), func(tx store.Tx) error {
					tx.Set([]byte("a"), []byte("new"))
					tx.Set([]byte("b"), []byte("new"))
					return nil
				})
			}))
		}
		b, err := getString(tx, "b")
		must(t, err)
		if (a == "new") != (b == "new") {
			t.Errorf("run %d saw half a transaction: a = %q, b = %q", runs, a, b)
		}
	})
}

// testLostUpdate: no increment is lost, between two that certainly overlap and among many.
func testLostUpdate(f *fixture) {
	t := f.t
	const pairs, clients, each = 20, 8, 40
	for range pairs {
		pair(t, f, func(tx store.Tx, _ int, overlap func()) error { return incrementIn(tx, "pairs", overlap) })
	}
	if got := f.get(t, "pairs"); got != strconv.Itoa(2*pairs) {
		t.Errorf("n = %s after %d increments in pairs", got, 2*pairs)
	}
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for range each {
				must(t, f.increment(t, "n"))
			}
		})
	}
	wg.Wait()
	if got := f.get(t, "n"); got != strconv.Itoa(clients*each) {
		t.Errorf("n = %s after %d increments", got, clients*each)
	}
}

// testWriteSkew: of two doctors at least one stays on call. Each goes only if it sees the other one there.
func testWriteSkew(f *fixture) {
	t := f.t
	names := []string{"alice", "bob"}
	for range 20 {
		f.mustSet(t, names...)
		pair(t, f, func(tx store.Tx, me int, overlap func()) error {
			other, err := tx.Get([]byte(names[1-me]))
			overlap()
			if err == nil && other != nil {
				tx.Delete([]byte(names[me]))
			}
			return err
		})
		if got := f.keys(t, ""); len(strings.Fields(got)) != 1 {
			t.Fatalf("on call: %q, want one", got)
		}
	}
}

// testPhantom: a name may be taken once; each looks for it with a scan.
func testPhantom(f *fixture) {
	t := f.t
	for i := range 20 {
		prefix := fmt.Sprintf("name%02d/", i)
		pair(t, f, func(tx store.Tx, me int, overlap func()) error {
			taken, err := scanString(tx, store.PrefixRange([]byte(prefix)), store.ScanOptions{})
			overlap()
			if err == nil && taken == "" {
				tx.Set([]byte(prefix+strconv.Itoa(me)), nil)
			}
			return err
		})
		if got := f.keys(t, prefix); len(strings.Fields(got)) != 1 {
			t.Fatalf("taken by %q, want one", got)
		}
	}
}

// pair runs fn for two clients at the same time. overlap returns, at its first call of each client, when both have
// come to it: the transactions overlap for certain.
func pair(t *testing.T, f *fixture, fn func(tx store.Tx, me int, overlap func()) error) {
	t.Helper()
	var both, all sync.WaitGroup
	both.Add(2)
	for me := range 2 {
		all.Go(func() {
			var once sync.Once
			overlap := func() { once.Do(func() { both.Done(); both.Wait() }) }
			must(t, f.Update(t.Context(), func(tx store.Tx) error { return fn(tx, me, overlap) }))
		})
	}
	all.Wait()
}

func testAppendOrder(f *fixture) {
	t := f.t
	const clients, each = 8, 40
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for i := range each {
				must(t, f.Update(t.Context(), func(tx store.Tx) error {
					tx.Append([]byte("log/"), fmt.Appendf(nil, "%d %d", c, i))
					return nil
				}))
			}
		})
	}
	wg.Wait()
	next, n := [clients]int{}, 0
	must(t, f.View(t.Context(), func(r store.Reader) error {
		for it, err := range r.Scan(store.PrefixRange([]byte("log/")), store.ScanOptions{}) {
			if err != nil {
				return err
			}
			var c, i int
			if _, err := fmt.Sscan(string(it.Value), &c, &i); err != nil {
				return err
			}
			if i != next[c] || len(it.Key) != len("log/")+8 {
				t.Errorf("client %d: entry %d at key %q, want entry %d", c, i, it.Key, next[c])
			}
			next[c] = i + 1
			n++
		}
		return nil
	}))
	if n != clients*each {
		t.Errorf("%d entries, want %d", n, clients*each)
	}
}

func testAppendInTransaction(f *fixture) {
	t := f.t
	f.mustUpdate(t, func(tx store.Tx) {
		for _, v := range []string{"one", "two", "three"} {
			tx.Append([]byte("a"), []byte(v))
			tx.Append([]byte("b"), []byte(v))
		}
		if got, err := scanString(tx, store.Range{}, store.ScanOptions{}); got != "" || err != nil {
			t.Errorf("the transaction sees its own appends: %q, %v", got, err)
		}
		tx.DeleteRange(store.Range{})
	})
	for _, prefix := range []string{"a", "b"} {
		var got []string
		must(t, f.View(t.Context(), func(r store.Reader) error {
			for it, err := range r.Scan(store.PrefixRange([]byte(prefix)), store.ScanOptions{}) {
				if err != nil {
					return err
				}
				got = append(got, string(it.Value))
			}
			return nil
		}))
		if strings.Join(got, " ") != "one two three" {
			t.Errorf("%s holds %q", prefix, got)
		}
	}
}

// testTransfers moves money between accounts while readers, by scan and by get, check that none is made or lost.
func testTransfers(f *fixture) {
	t := f.t
	const accounts, start, clients, each = 6, 100, 6, 60
	key := func(i int) []byte { return fmt.Appendf(nil, "account%d", i) }
	f.mustUpdate(t, func(tx store.Tx) {
		for i := range accounts {
			tx.Set(key(i), []byte(strconv.Itoa(start)))
		}
	})
	total := func(r store.Reader) (sum int, err error) {
		for it, err := range r.Scan(store.PrefixRange([]byte("account")), store.ScanOptions{}) {
			if err != nil {
				return 0, err
			}
			n, err := strconv.Atoi(string(it.Value))
			if err != nil || n < 0 {
				return 0, fmt.Errorf("balance %q", it.Value)
			}
			sum += n
		}
		return sum, nil
	}
	transfer := func(from, to, amount int) error {
		return f.Update(t.Context(), func(tx store.Tx) error {
			b, err := tx.GetMany([][]byte{key(from), key(to)})
			if err != nil {
				return err
			}
			x, _ := strconv.Atoi(string(b[0]))
			y, _ := strconv.Atoi(string(b[1]))
			if x < amount || from == to {
				return nil
			}
			tx.Set(key(from), []byte(strconv.Itoa(x-amount)))
			tx.Set(key(to), []byte(strconv.Itoa(y+amount)))
			if sum, err := total(tx); err != nil || sum != accounts*start {
				return fmt.Errorf("inside a transfer the sum is %d: %w", sum, err)
			}
			return nil
		})
	}
	var wg sync.WaitGroup
	for c := range clients {
		random := rand.New(rand.NewPCG(1, uint64(c)))
		wg.Go(func() {
			for range each {
				must(t, transfer(random.IntN(accounts), random.IntN(accounts), 1+random.IntN(40)))
				must(t, f.View(t.Context(), func(r store.Reader) error {
					if sum, err := total(r); err != nil || sum != accounts*start {
						return fmt.Errorf("the sum is %d: %w", sum, err)
					}
					return nil
				}))
			}
		})
	}
	wg.Wait()
}
