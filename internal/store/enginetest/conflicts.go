// SPDX-License-Identifier: Apache-2.0

package enginetest

import (
	"errors"
	"testing"

	"github.com/gustcloud/gust/internal/store"
)

// conflictTest runs read, then lets another client commit write, then writes and commits. A conflict shows as a
// second run. The store holds a, c and e.
type conflictTest struct {
	name     string
	read     func(store.Tx) error
	write    func(store.Tx)
	conflict bool
}

func testConflicts(f *fixture) {
	tests := append(append(pointConflicts(), scanConflicts()...), freeOfConflicts()...)
	for _, tt := range tests {
		f.t.Run(tt.name, func(t *testing.T) {
			f.mustUpdate(t, func(tx store.Tx) { tx.DeleteRange(store.Range{}) })
			f.mustSet(t, "a", "c", "e")
			runs := 0
			f.mustUpdate(t, func(tx store.Tx) {
				must(t, tt.read(tx))
				if runs++; runs == 1 {
					must(t, beside(func() error {
						return f.Update(t.Context(), func(tx store.Tx) error { tt.write(tx); return nil })
					}))
				}
				tx.Set([]byte("result"), nil)
			})
			if want := map[bool]int{false: 1, true: 2}[tt.conflict]; runs != want {
				t.Errorf("the function ran %d times, want %d", runs, want)
			}
		})
	}
}

func pointConflicts() []conflictTest {
	getMany := func(tx store.Tx) error {
		_, err := tx.GetMany([][]byte{[]byte("a"), []byte("c")})
		return err
	}
	return []conflictTest{
		{"get, set", get("c"), set("c"), true},
		{"get, set of another key", get("c"), set("d"), false},
		{"get, set of a key with the same start", get("c"), set("c\x00"), false},
		{"get, delete", get("c"), del("c"), true},
		{"get of an absent key, insert", get("b"), set("b"), true},
		{"get, delete of a range", get("c"), delRange("b", "d"), true},
		{"get, delete of a range that ends there", get("c"), delRange("a", "c"), false},
		{"get many, set", getMany, set("c"), true},
	}
}

func scanConflicts() []conflictTest {
	all, keys, reverse := store.ScanOptions{}, store.ScanOptions{KeysOnly: true}, store.ScanOptions{Reverse: true}
	limit := func(n int) store.ScanOptions { return store.ScanOptions{Limit: n} }
	noEnd := func(tx store.Tx) error { _, err := scanString(tx, store.Range{Lo: []byte("c")}, all); return err }
	return []conflictTest{
		{"scan, insert inside", scan("a", "f", all), set("b"), true},
		{"scan, insert of the first key", scan("b", "f", all), set("b"), true},
		{"scan, insert before", scan("b", "f", all), set("a5"), false},
		{"scan, insert at the end", scan("a", "f", all), set("f"), false},
		{"scan, delete inside", scan("a", "f", all), del("c"), true},
		{"scan, append inside", scan("a", "q", all), appendTo("p"), true},
		{"scan, delete of a range that overlaps", scan("a", "f", all), delRange("e", "z"), true},
		{"scan, delete of a range beside", scan("a", "f", all), delRange("f", "z"), false},
		{"empty scan, insert inside", scan("x", "z", all), set("y"), true},
		{"scan without an end, insert", noEnd, set("y"), true},
		{"keys only, set of a value", scan("a", "f", keys), set("c"), true},
		{"limited scan, insert inside", scan("a", "z", limit(2)), set("b"), true},
		{"limited scan, set of the last item", scan("a", "z", limit(2)), set("c"), true},
		{"limited scan, insert behind", scan("a", "z", limit(2)), set("d"), false},
		{"limited scan that reached the end, insert", scan("a", "z", limit(9)), set("y"), true},
		{"stopped scan, insert inside", scanFirst("0", "z", false), set("1"), true},
		{"stopped scan, set of the item", scanFirst("0", "z", false), set("a"), true},
		{"stopped scan, insert behind", scanFirst("0", "z", false), set("a\x00"), false},
		{"reverse scan, insert inside", scan("a", "f", reverse), set("b"), true},
		{"stopped reverse scan, set of the item", scanFirst("a", "f", true), set("e"), true},
		{"stopped reverse scan, insert behind it", scanFirst("a", "f", true), set("e5"), true},
		{"stopped reverse scan, insert before it", scanFirst("a", "f", true), set("d5"), false},
	}
}

func freeOfConflicts() []conflictTest {
	ownWrite := func(tx store.Tx) error { tx.Set([]byte("c"), nil); _, err := tx.Get([]byte("c")); return err }
	hint := func(tx store.Tx) error { _, err := tx.Snapshot().Get([]byte("c")); return err }
	hints := func(tx store.Tx) error {
		_, err := scanString(tx.Snapshot(), store.Range{}, store.ScanOptions{})
		return err
	}
	return []conflictTest{
		{"read of an own write, set", ownWrite, set("c"), false},
		{"snapshot get, set", hint, set("c"), false},
		{"snapshot scan, insert", hints, set("b"), false},
		{"append, append", func(tx store.Tx) error { tx.Append([]byte("p"), nil); return nil }, appendTo("p"), false},
		{"set, set", func(tx store.Tx) error { tx.Set([]byte("c"), nil); return nil }, set("c"), false},
	}
}

func get(key string) func(store.Tx) error {
	return func(tx store.Tx) error { _, err := tx.Get([]byte(key)); return err }
}

func scan(lo, hi string, o store.ScanOptions) func(store.Tx) error {
	return func(tx store.Tx) error {
		_, err := scanString(tx, store.Range{Lo: []byte(lo), Hi: []byte(hi)}, o)
		return err
	}
}

// scanFirst breaks at the first item.
func scanFirst(lo, hi string, reverse bool) func(store.Tx) error {
	return func(tx store.Tx) error {
		for _, err := range tx.Scan(store.Range{Lo: []byte(lo), Hi: []byte(hi)}, store.ScanOptions{Reverse: reverse}) {
			return err
		}
		return errors.New("nothing there")
	}
}

func set(key string) func(store.Tx) {
	return func(tx store.Tx) { tx.Set([]byte(key), []byte("other")) }
}

func del(key string) func(store.Tx) { return func(tx store.Tx) { tx.Delete([]byte(key)) } }

func delRange(lo, hi string) func(store.Tx) {
	return func(tx store.Tx) { tx.DeleteRange(store.Range{Lo: []byte(lo), Hi: []byte(hi)}) }
}

func appendTo(prefix string) func(store.Tx) {
	return func(tx store.Tx) { tx.Append([]byte(prefix), nil) }
}
