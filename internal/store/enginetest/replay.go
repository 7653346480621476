// SPDX-License-Identifier: Apache-2.0

package enginetest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/gustcloud/gust/internal/store"
)

// testReplay is the definition of serializable as a test. Clients run random transactions on few keys. Each appends
// what it has read to a log, whose order is that of the commits. Run one after the other in that order on a map, the
// same transactions must read the same.
func testReplay(f *fixture) {
	t := f.t
	const clients, each = 6, 60
	seed := rand.Uint64()    // printed when the test fails
	for wave := range each { // all transactions of a wave overlap: none ends its first run before all have read
		var all, read sync.WaitGroup
		read.Add(clients)
		for c := range clients {
			all.Go(func() {
				script := seed + uint64(wave*clients+c)
				var once sync.Once
				must(t, f.Update(t.Context(), func(tx store.Tx) error {
					seen := runScript(script, txKeys{tx})
					tx.Append([]byte("log/"), fmt.Appendf(nil, "%d %s", script, seen))
					once.Do(func() { read.Done(); read.Wait() })
					return nil
				}))
			})
		}
		all.Wait()
	}
	keys, n := mapKeys{}, 0
	must(t, f.View(t.Context(), func(r store.Reader) error {
		for it, err := range r.Scan(store.PrefixRange([]byte("log/")), store.ScanOptions{}) {
			if err != nil {
				return err
			}
			number, read, _ := strings.Cut(string(it.Value), " ")
			script, err := strconv.ParseUint(number, 10, 64)
			if err != nil {
				return err
			}
			if want := runScript(script, keys); read != want {
				return fmt.Errorf("seed %d: transaction %d in the order of commits read\n%s, one after the other it is\n%s", seed, n, read, want)
			}
			n++
		}
		return nil
	}))
	if n != clients*each {
		t.Errorf("%d transactions in the log, want %d", n, clients*each)
	}
}

// scriptKeys is what a script works on: a transaction, or a map.
type scriptKeys interface {
	get(key string) string
	scan(r store.Range, o store.ScanOptions) string
	set(key, value string)
	del(key string)
	delRange(r store.Range)
}

// runScript does the operations that the number stands for, and returns all that they read.
func runScript(script uint64, keys scriptKeys) string {
	random := rand.New(rand.NewPCG(script, 0))
	key := func() string { return "k" + strconv.Itoa(random.IntN(8)) }
	between := func() store.Range { return store.Range{Lo: []byte(key()), Hi: []byte(key())} }
	var read []string
	for i := range 1 + random.IntN(5) {
		switch random.IntN(10) {
		case 0, 1, 2:
			read = append(read, keys.get(key()))
		case 3, 4:
			r := between()
			read = append(read, "["+keys.scan(r, store.ScanOptions{Limit: random.IntN(3), Reverse: random.IntN(2) == 0})+"]")
		case 5, 6, 7:
			keys.set(key(), fmt.Sprintf("%x.%d", script&0xffff, i))
		case 8:
			keys.del(key())
		case 9:
			keys.delRange(between())
		}
	}
	return strings.Join(read, " ")
}

// txKeys leaves errors to the transaction: they are sticky.
type txKeys struct{ tx store.Tx }

func (k txKeys) get(key string) string {
	v, _ := getString(k.tx, key)
	return v
}

func (k txKeys) scan(r store.Range, o store.ScanOptions) string {
	s, _ := scanString(k.tx, r, o)
	return s
}

func (k txKeys) set(key, value string)  { k.tx.Set([]byte(key), []byte(value)) }
func (k txKeys) del(key string)         { k.tx.Delete([]byte(key)) }
func (k txKeys) delRange(r store.Range) { k.tx.DeleteRange(r) }

type mapKeys map[string]string

func (m mapKeys) get(key string) string {
	if v, ok := m[key]; ok {
		return v
	}
	return "<nil>"
}

func (m mapKeys) scan(r store.Range, o store.ScanOptions) string {
	keys := slices.Sorted(maps.Keys(m))
	if o.Reverse {
		slices.Reverse(keys)
	}
	var out []string
	for _, k := range keys {
		if r.Contains([]byte(k)) && (o.Limit == 0 || len(out) < o.Limit) {
			out = append(out, k+"="+m[k])
		}
	}
	return strings.Join(out, " ")
}

func (m mapKeys) set(key, value string) { m[key] = value }
func (m mapKeys) del(key string)        { delete(m, key) }
func (m mapKeys) delRange(r store.Range) {
	maps.DeleteFunc(m, func(k, _ string) bool { return r.Contains([]byte(k)) })
}
