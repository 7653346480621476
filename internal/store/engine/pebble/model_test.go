// SPDX-License-Identifier: Apache-2.0

package pebble

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"github.com/gustcloud/gust/internal/store"
)

// model is what the store has to be like: a map.
type model map[string]string

// scan returns the items of r as the store has to yield them.
func (m model) scan(r store.Range, o store.ScanOptions) string {
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

func scanStore(rd store.Reader, r store.Range, o store.ScanOptions) (string, error) {
	var out []string
	for it, err := range rd.Scan(r, o) {
		if err != nil {
			return "", err
		}
		out = append(out, string(it.Key)+"="+string(it.Value))
	}
	return strings.Join(out, " "), nil
}

var (
	drawKey   = rapid.StringMatching(`[a-c]{1,3}`)
	drawRange = rapid.Custom(func(t *rapid.T) store.Range {
		r := store.Range{Lo: []byte(drawKey.Draw(t, "lo")), Hi: []byte(drawKey.Draw(t, "hi"))}
		switch rapid.IntRange(0, 5).Draw(t, "open end") {
		case 0:
			r.Hi = nil
		case 1:
			r.Lo = nil
		}
		return r
	})
	drawOptions = rapid.Custom(func(t *rapid.T) store.ScanOptions {
		return store.ScanOptions{Limit: rapid.IntRange(0, 3).Draw(t, "limit"), Reverse: rapid.Bool().Draw(t, "reverse")}
	})
)

// operate does n random operations with tx and with m, and compares all that it reads.
func operate(t *rapid.T, tx store.Tx, m, before model, n int) {
	for range n {
		key := drawKey.Draw(t, "key")
		switch rapid.IntRange(0, 6).Draw(t, "operation") {
		case 0, 1:
			value := rapid.StringMatching(`[0-9]{0,2}`).Draw(t, "value")
			tx.Set([]byte(key), []byte(value))
			m[key] = value
		case 2:
			tx.Delete([]byte(key))
			delete(m, key)
		case 3:
			r := drawRange.Draw(t, "range")
			tx.DeleteRange(r)
			maps.DeleteFunc(m, func(k, _ string) bool { return r.Contains([]byte(k)) })
		case 4:
			got, err := tx.Get([]byte(key))
			want, there := m[key]
			if err != nil || (got != nil) != there || string(got) != want {
				t.Fatalf("get %q = %q, %v, want %q, %v", key, got, err, want, there)
			}
		case 5:
			compare(t, "transaction", tx, m)
		case 6:
			compare(t, "snapshot", tx.Snapshot(), before)
		}
	}
}

func compare(t *rapid.T, where string, rd store.Reader, m model) {
	r, o := drawRange.Draw(t, "range"), drawOptions.Draw(t, "options")
	got, err := scanStore(rd, r, o)
	if want := m.scan(r, o); got != want || err != nil {
		t.Fatalf("%s: scan %q %+v\ngot  %s, %v\nwant %s", where, r, o, got, err, want)
	}
}

func TestStoreIsLikeAMap(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	rapid.Check(t, func(t *rapid.T) {
		disk, committed, no := vfs.NewMem(), model{}, errors.New("no")
		open := func() *Store {
			s, err := Open(Options{Dir: "/store", FS: disk, Clock: testClock, Log: testLog})
			if err != nil {
				t.Fatalf("open: %v", err)
			}
			return s
		}
		s := open()
		for range rapid.IntRange(1, 12).Draw(t, "transactions") {
			var answer error
			switch rapid.IntRange(0, 5).Draw(t, "end") {
			case 0:
				answer = no
			case 1:
				if err := s.Close(); err != nil {
					t.Fatalf("close: %v", err)
				}
				s = open()
			}
			m := maps.Clone(committed)
			err := s.Update(ctx, func(tx store.Tx) error {
				operate(t, tx, m, committed, rapid.IntRange(0, 8).Draw(t, "operations"))
				return answer
			})
			if !errors.Is(err, answer) {
				t.Fatalf("update: %v, want %v", err, answer)
			}
			if answer == nil {
				committed = m
			}
			if err := s.View(ctx, func(r store.Reader) error { compare(t, "view", r, committed); return nil }); err != nil {
				t.Fatalf("view: %v", err)
			}
		}
		if err := s.Close(); err != nil { // also finds iterators and snapshots left open
			t.Fatalf("close: %v", err)
		}
	})
}

func ExampleComparison() {
	fmt.Println(Comparison{Clients: 32, Raw: 60000, Store: 54000, Ratio: 0.9})
	// Output: 32 clients: raw   60000/s, store   54000/s, ratio 0.90
}
