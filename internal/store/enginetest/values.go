// SPDX-License-Identifier: Apache-2.0

package enginetest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gustcloud/gust/internal/store"
)

func testGetSet(f *fixture) {
	t := f.t
	f.mustUpdate(t, func(tx store.Tx) {
		tx.Set([]byte("a"), []byte("1"))
		tx.Set([]byte("empty"), []byte{})
		tx.Set([]byte("nil"), nil)
		tx.Set([]byte("gone"), []byte("x"))
	})
	f.mustUpdate(t, func(tx store.Tx) {
		tx.Set([]byte("a"), []byte("2"))
		tx.Delete([]byte("gone"))
		tx.Delete([]byte("never there"))
	})
	for key, want := range map[string]string{"a": "2", "empty": "", "nil": "", "gone": "<nil>", "never there": "<nil>"} {
		if got := f.get(t, key); got != want {
			t.Errorf("get %q = %q, want %q", key, got, want)
		}
	}
	must(t, f.View(t.Context(), func(r store.Reader) error {
		got, err := r.GetMany([][]byte{[]byte("a"), []byte("gone"), []byte("empty"), []byte("a")})
		if err != nil || len(got) != 4 || string(got[0]) != "2" || got[1] != nil || got[2] == nil || string(got[3]) != "2" {
			t.Errorf("GetMany = %q, %v", got, err)
		}
		return nil
	}))
}

func testCopies(f *fixture) {
	t := f.t
	f.mustUpdate(t, func(tx store.Tx) {
		key, value, prefix := []byte("a"), []byte("1"), []byte("p")
		tx.Set(key, value)
		tx.Append(prefix, value)
		key[0], value[0], prefix[0] = 'X', 'X', 'X'
		v, err := tx.Get([]byte("a"))
		must(t, err)
		if len(v) == 1 {
			v[0] = 'Y' // belongs to us
		}
		lo, hi := []byte("d"), []byte("e")
		tx.DeleteRange(store.Range{Lo: lo, Hi: hi})
		lo[0], hi[0] = 'a', 'z'
	})
	if got := f.get(t, "a"); got != "1" {
		t.Errorf("a = %q, want 1", got)
	}
	if got := f.keys(t, "X"); got != "" {
		t.Errorf("keys %q were written from changed arguments", got)
	}
	if got := f.keys(t, "p"); len(got) != 9 {
		t.Errorf("appended key = %q, want p and 8 bytes", got)
	}
}

func testScan(f *fixture) {
	t := f.t
	f.mustSet(t, "a", "b", "b\x00", "b1", "c", "d")
	r := func(lo, hi string) store.Range { return store.Range{Lo: []byte(lo), Hi: []byte(hi)} }
	tests := []struct {
		name string
		rng  store.Range
		o    store.ScanOptions
		want string
	}{
		{"everything", store.Range{}, store.ScanOptions{}, "a b b\x00 b1 c d"},
		{"no end", store.Range{Lo: []byte("c")}, store.ScanOptions{}, "c d"},
		{"no start", store.Range{Hi: []byte("b")}, store.ScanOptions{}, "a"},
		{"bounds", r("b", "c"), store.ScanOptions{}, "b b\x00 b1"},
		{"after", store.Range{Lo: store.After([]byte("b"))}, store.ScanOptions{}, "b\x00 b1 c d"},
		{"limit", r("b", "z"), store.ScanOptions{Limit: 2}, "b b\x00"},
		{"limit above the number", r("b1", "z"), store.ScanOptions{Limit: 9}, "b1 c d"},
		{"reverse", r("b", "d"), store.ScanOptions{Reverse: true}, "c b1 b\x00 b"},
		{"reverse with limit", store.Range{}, store.ScanOptions{Reverse: true, Limit: 2}, "d c"},
		{"prefix", store.PrefixRange([]byte("b")), store.ScanOptions{KeysOnly: true}, "b b\x00 b1"},
		{"empty", r("b", "b"), store.ScanOptions{}, ""},
		{"inverted", r("c", "b"), store.ScanOptions{}, ""},
		{"nothing there", r("x", "z"), store.ScanOptions{}, ""},
		{"empty end", store.Range{Hi: []byte{}}, store.ScanOptions{}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			check := func(where string, r store.Reader) error {
				got, err := scanString(r, tt.rng, tt.o)
				if got != tt.want {
					t.Errorf("%s: %q, want %q", where, got, tt.want)
				}
				return err
			}
			must(t, f.View(t.Context(), func(r store.Reader) error { return check("View", r) }))
			must(t, f.Update(t.Context(), func(tx store.Tx) error {
				return errors.Join(check("Update", tx), check("Snapshot", tx.Snapshot()))
			}))
		})
	}
	must(t, f.View(t.Context(), func(r store.Reader) error {
		n := 0
		for _, err := range r.Scan(store.Range{}, store.ScanOptions{}) {
			must(t, err)
			if n++; n == 2 {
				break
			}
		}
		if got, err := getString(r, "d"); got != "d" || err != nil || n != 2 {
			t.Errorf("after a break: %q, %v, %d items", got, err, n)
		}
		return nil
	}))
}

func testReadYourWrites(f *fixture) {
	t := f.t
	f.mustSet(t, "b", "d", "f", "h", "j")
	want := map[bool]string{false: "a b=B c f=F k", true: "k f=F c b=B a"}
	f.mustUpdate(t, func(tx store.Tx) {
		tx.Set([]byte("k"), []byte("k"))
		tx.Set([]byte("a"), []byte("a"))
		tx.Set([]byte("b"), []byte("B"))
		tx.Set([]byte("c"), []byte("x"))
		tx.Set([]byte("c"), []byte("c"))
		tx.Delete([]byte("d"))
		tx.Set([]byte("e"), []byte("e"))
		tx.Delete([]byte("e"))
		tx.Set([]byte("g"), []byte("g"))
		tx.DeleteRange(store.Range{Lo: []byte("f"), Hi: []byte("k")})
		tx.Set([]byte("f"), []byte("F"))
		for reverse, want := range want {
			got, err := scanString(tx, store.Range{}, store.ScanOptions{Reverse: reverse})
			if got != want || err != nil {
				t.Errorf("reverse %v: %q, %v, want %q", reverse, got, err, want)
			}
		}
		for key, want := range map[string]string{"b": "B", "d": "<nil>", "e": "<nil>", "g": "<nil>", "h": "<nil>", "f": "F"} {
			if got, err := getString(tx, key); got != want || err != nil {
				t.Errorf("get %q = %q, %v, want %q", key, got, err, want)
			}
		}
		got, err := scanString(tx.Snapshot(), store.Range{}, store.ScanOptions{})
		if got != "b d f h j" || err != nil {
			t.Errorf("Snapshot sees %q, %v", got, err)
		}
		if got, err := scanString(tx, store.Range{Lo: []byte("b")}, store.ScanOptions{Limit: 2}); got != "b=B c" || err != nil {
			t.Errorf("limit 2 from b: %q, %v", got, err)
		}
	})
	must(t, f.View(t.Context(), func(r store.Reader) error {
		got, err := scanString(r, store.Range{}, store.ScanOptions{})
		if got != want[false] {
			t.Errorf("committed %q, want %q", got, want[false])
		}
		return err
	}))
}

func testScanWhileWriting(f *fixture) {
	t := f.t
	f.mustSet(t, "a1", "a2", "a3")
	f.mustUpdate(t, func(tx store.Tx) {
		n := 0
		for it, err := range tx.Scan(store.PrefixRange([]byte("a")), store.ScanOptions{}) {
			if err != nil {
				t.Error(err)
				return
			}
			tx.Delete(it.Key)
			tx.Set(append([]byte("b"), it.Key...), it.Value)
			n++
		}
		if n != 3 {
			t.Errorf("scanned %d items, want 3", n)
		}
	})
	if got := f.keys(t, ""); got != "ba1 ba2 ba3" {
		t.Errorf("keys %q", got)
	}
}

func testDeleteRange(f *fixture) {
	t := f.t
	var keys []string
	for i := range 20 {
		keys = append(keys, fmt.Sprintf("k%02d", i))
	}
	f.mustSet(t, keys...)
	f.mustUpdate(t, func(tx store.Tx) {
		tx.DeleteRange(store.Range{Lo: []byte("k03"), Hi: []byte("k17")})
		tx.DeleteRange(store.Range{Lo: []byte("k02"), Hi: []byte("k01")})
		tx.Set([]byte("k05"), []byte("k05"))
	})
	if got, want := f.keys(t, "k"), "k00 k01 k02 k05 k17 k18 k19"; got != want {
		t.Errorf("keys %q, want %q", got, want)
	}
	f.mustUpdate(t, func(tx store.Tx) { tx.DeleteRange(store.Range{Lo: []byte("k02")}) })
	if got := f.keys(t, ""); got != "k00 k01" {
		t.Errorf("without an end: keys %q remain", got)
	}
	f.mustUpdate(t, func(tx store.Tx) { tx.DeleteRange(store.Range{}) })
	if got := f.keys(t, ""); got != "" {
		t.Errorf("keys %q remain", got)
	}
}

// testReservedKeys: deleting everything does not delete what the engine keeps for itself, and nobody sees it.
func testReservedKeys(f *fixture) {
	t := f.t
	f.mustUpdate(t, func(tx store.Tx) { tx.Append([]byte("p"), nil) })
	first := f.keys(t, "")
	f.mustUpdate(t, func(tx store.Tx) { tx.DeleteRange(store.Range{}) })
	f.mustUpdate(t, func(tx store.Tx) { tx.Append([]byte("p"), nil) })
	if second := f.keys(t, ""); second <= first || strings.Contains(second, " ") {
		t.Errorf("appended %q, then %q", first, second)
	}
	for _, key := range []string{"", "\x00", "\x00a", "\xff", "\xffz"} {
		err := f.Update(t.Context(), func(tx store.Tx) error { tx.Set([]byte(key), nil); return nil })
		if !errors.Is(err, store.ErrKey) {
			t.Errorf("set %q: %v, want ErrKey", key, err)
		}
		err = f.View(t.Context(), func(r store.Reader) error { _, err := r.Get([]byte(key)); return err })
		if !errors.Is(err, store.ErrKey) {
			t.Errorf("get %q: %v, want ErrKey", key, err)
		}
	}
}

func testLimits(f *fixture) {
	t := f.t
	key, value := bytes.Repeat([]byte("k"), store.MaxKey), bytes.Repeat([]byte("v"), store.MaxValue)
	numbered := func(i int) []byte { return fmt.Appendf(nil, "n%07d", i) } // 8 bytes
	fill := func(tx store.Tx, n int) {                                     // n values of 64 KiB less the key
		for i := range n {
			tx.Set(numbered(i), value[:64<<10-8])
		}
	}
	tests := []struct {
		name string
		fn   func(store.Tx)
		want error
	}{
		{"key at the limit", func(tx store.Tx) { tx.Set(key, nil) }, nil},
		{"key over the limit", func(tx store.Tx) { tx.Set(append(key, 'k'), nil) }, store.ErrTooLarge},
		{"key of a delete", func(tx store.Tx) { tx.Delete(append(key, 'k')) }, store.ErrTooLarge},
		{"key of a get", func(tx store.Tx) { _, _ = tx.Get(append(key, 'k')) }, store.ErrTooLarge},
		{"prefix at the limit", func(tx store.Tx) { tx.Append(key[8:], nil) }, nil},
		{"prefix over the limit", func(tx store.Tx) { tx.Append(key[7:], nil) }, store.ErrTooLarge},
		{"empty prefix", func(tx store.Tx) { tx.Append(nil, nil) }, store.ErrKey},
		{"bound at the limit", func(tx store.Tx) { tx.DeleteRange(store.Range{Lo: store.After(key)}) }, nil},
		{"bound over the limit", func(tx store.Tx) { tx.DeleteRange(store.Range{Hi: append(store.After(key), 0)}) }, store.ErrTooLarge},
		{"value at the limit", func(tx store.Tx) { tx.Set([]byte("v"), value) }, nil},
		{"value over the limit", func(tx store.Tx) { tx.Set([]byte("v"), append(value, 'v')) }, store.ErrTooLarge},
		{"appended value over the limit", func(tx store.Tx) { tx.Append([]byte("v"), append(value, 'v')) }, store.ErrTooLarge},
		{"transaction at the limit", func(tx store.Tx) { fill(tx, store.MaxTransaction/(64<<10)) }, nil},
		{"transaction over the limit", func(tx store.Tx) {
			fill(tx, store.MaxTransaction/(64<<10))
			tx.Delete([]byte("x"))
		}, store.ErrTooLarge},
		{"one key written often", func(tx store.Tx) {
			for range 200 {
				tx.Set([]byte("v"), value)
			}
		}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := f.Update(t.Context(), func(tx store.Tx) error { tt.fn(tx); return nil })
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}
