// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"errors"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestKeysSortAsTheirComponents(t *testing.T) {
	t.Parallel()
	values := []string{"", "\x00", "\x00\x00", "\x00\x01", "\x00\xff", "\x01", "a", "a\x00", "a\x00b", "a\x01", "aa", "b", "\xfe", "\xff", "\xff\xff"}
	if !slices.IsSorted(values) {
		t.Fatal("the table is not sorted")
	}
	numbers := []uint64{0, 1, 255, 256, 1 << 32, math.MaxUint64}
	var last, lastDesc []byte
	for _, a := range values {
		for _, n := range numbers {
			for _, b := range values {
				k := AppendString(AppendUint64(AppendString([]byte{'x'}, a), n), b)
				if bytes.Compare(last, k) >= 0 {
					t.Fatalf("(%q, %d, %q) does not sort after the one before", a, n, b)
				}
				last = k
			}
			d := AppendUint64Desc(AppendString(nil, a), n)
			if n > 0 && bytes.Compare(lastDesc, d) <= 0 {
				t.Fatalf("(%q, %d) does not sort before the smaller number", a, n)
			}
			lastDesc = d
		}
	}
}

func TestNoStringIsThePrefixOfAnother(t *testing.T) {
	t.Parallel()
	r := PrefixRange(Key('n', "acc", "fn"))
	for _, other := range []string{"fn\x00", "fn\x00\xff", "fn2", "f", "fn\x01"} {
		if k := Key('n', "acc", other); r.Contains(k) {
			t.Errorf("%q lies under fn", other)
		}
	}
	if !r.Contains(Key('n', "acc", "fn", "x")) || !r.Contains(Key('n', "acc", "fn")) {
		t.Error("what lies under fn is not found")
	}
}

func TestCutReadsWhatAppendWrote(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 25, 1, 2, 3, 4, time.UTC)
	k := AppendTime(AppendUint64Desc(AppendUint64(AppendString([]byte{'p'}, "a\x00\xff\x01b"), 7), math.MaxUint64), at)
	s, rest, err := CutString(k[1:])
	n, rest, err2 := CutUint64(rest)
	d, rest, err3 := CutUint64Desc(rest)
	got, rest, err4 := CutTime(rest)
	if err := errors.Join(err, err2, err3, err4); err != nil || s != "a\x00\xff\x01b" || n != 7 || d != math.MaxUint64 || !got.Equal(at) || len(rest) != 0 {
		t.Errorf("got %q, %d, %d, %v, rest %q, %v", s, n, d, got, rest, err)
	}
	early, _, err := CutTime(AppendTime(nil, time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)))
	if err != nil || early.UnixNano() != 0 {
		t.Errorf("a time before 1970 gives %v, %v", early, err)
	}
	for _, far := range []int{2263, 2500, 9999} { // in nanoseconds they are beyond 63 bits, some of them by a whole turn
		late, _, err := CutTime(AppendTime(nil, time.Date(far, 1, 1, 0, 0, 0, 0, time.UTC)))
		if err != nil || late.Year() != 2262 {
			t.Errorf("the year %d gives %v, %v", far, late, err)
		}
	}
}

func TestCutRefusesWhatAppendDidNotWrite(t *testing.T) {
	t.Parallel()
	for _, k := range []string{"", "a", "a\x00", "a\x00\x00", "a\x00\x02", "\x00\xff"} {
		if s, _, err := CutString([]byte(k)); !errors.Is(err, ErrMalformedKey) {
			t.Errorf("CutString(%q) = %q, %v", k, s, err)
		}
	}
	if _, _, err := CutUint64(make([]byte, 7)); !errors.Is(err, ErrMalformedKey) {
		t.Errorf("CutUint64 of 7 bytes: %v", err)
	}
	if _, _, err := CutTime(bytes.Repeat([]byte{0xff}, 8)); !errors.Is(err, ErrMalformedKey) {
		t.Errorf("CutTime of all ones: %v", err)
	}
}

func TestPrefixEnd(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ prefix, want string }{
		{"a", "b"}, {"a\xff", "b"}, {"a\xff\xff", "b"}, {"\xff", "<nil>"}, {"", "<nil>"}, {"ab", "ac"}, {"\x00", "\x01"},
	} {
		prefix := []byte(tt.prefix)
		got := PrefixEnd(prefix)
		if (got == nil) != (tt.want == "<nil>") || got != nil && string(got) != tt.want {
			t.Errorf("PrefixEnd(%q) = %q, want %q", tt.prefix, got, tt.want)
		}
		if string(prefix) != tt.prefix {
			t.Errorf("PrefixEnd changed its argument to %q", prefix)
		}
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	r := func(lo, hi string) Range {
		if hi == "" {
			return Range{Lo: []byte(lo)}
		}
		return Range{Lo: []byte(lo), Hi: []byte(hi)}
	}
	tests := []struct {
		name string
		a, b Range
		want bool
	}{
		{"apart", r("a", "b"), r("c", "d"), false},
		{"touching", r("a", "b"), r("b", "c"), false},
		{"overlapping", r("a", "c"), r("b", "d"), true},
		{"inside", r("a", "z"), r("c", "d"), true},
		{"without an end", r("c", ""), r("a", "d"), true},
		{"ends before one without an end", r("c", ""), r("a", "c"), false},
		{"both without an end", r("c", ""), r("x", ""), true},
		{"empty inside", r("a", "z"), r("c", "c"), false},
		{"inverted", r("a", "z"), r("d", "c"), false},
		{"everything", Range{}, r("c", "d"), true},
	}
	for _, tt := range tests {
		if got := tt.a.Overlaps(tt.b); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
		if got := tt.b.Overlaps(tt.a); got != tt.want {
			t.Errorf("%s, turned round: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestPrefixesAreDistinct(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("prefixes.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\tPrefix\w+ +byte = '(.)'`).FindAllStringSubmatch(string(source), -1) {
		if seen[m[1]] || CheckKey([]byte(m[1])) != nil {
			t.Errorf("prefix %q is used twice, or reserved", m[1])
		}
		seen[m[1]] = true
	}
	if n := strings.Count(string(source), "\n\tPrefix"); len(seen) != n || n < 5 {
		t.Errorf("%d distinct prefixes of %d", len(seen), n)
	}
	if !NameRange("1", "eu", "lambda", "function").Contains(NameKey("1", "eu", "lambda", "function", "f")) ||
		NameRange("1", "eu", "lambda", "function").Contains(NameKey("1", "eu-2", "lambda", "function", "f")) {
		t.Error("a range of names has not exactly its tenant's names")
	}
	if !ResourceRange(PrefixLogs, 256).Contains(ResourceKey(PrefixLogs, 256, 'e')) ||
		ResourceRange(PrefixLogs, 256).Contains(ResourceKey(PrefixLogs, 257, 'e')) {
		t.Error("a resource's range has not exactly its keys")
	}
}

func FuzzCutString(f *testing.F) {
	f.Add([]byte("a\x00\x01"))
	f.Add([]byte("a\x00\xff\x00\x01rest"))
	f.Add([]byte("\x00"))
	f.Fuzz(func(t *testing.T, k []byte) {
		s, rest, err := CutString(k)
		if err != nil {
			return
		}
		if again := append(AppendString(nil, s), rest...); !bytes.Equal(again, k) {
			t.Errorf("%q gives %q, %q, which is written as %q", k, s, rest, again)
		}
	})
}

func FuzzAppendString(f *testing.F) {
	f.Add("a", "a\x00", uint64(1), uint64(0))
	f.Add("", "\x00", uint64(0), uint64(math.MaxUint64))
	f.Fuzz(func(t *testing.T, a, b string, m, n uint64) {
		x, y := AppendUint64(AppendString(nil, a), m), AppendUint64(AppendString(nil, b), n)
		want := strings.Compare(a, b)
		if want == 0 {
			want = bytes.Compare(AppendUint64(nil, m), AppendUint64(nil, n))
		}
		if got := bytes.Compare(x, y); got != want {
			t.Errorf("(%q, %d) and (%q, %d) compare as %d, want %d", a, m, b, n, got, want)
		}
		s, rest, err := CutString(x)
		if err != nil || s != a || len(rest) != 8 {
			t.Errorf("%q comes back as %q, rest %q, %v", a, s, rest, err)
		}
	})
}
