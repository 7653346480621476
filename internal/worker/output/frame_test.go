// SPDX-License-Identifier: Apache-2.0

package output

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFramer(t *testing.T) {
	long := strings.Repeat("x", MaxEvent-1)
	for _, tc := range []struct {
		name   string
		writes []string
		want   []string
	}{
		{"one line", []string{"a\n"}, []string{"a\n"}},
		{"several in one write", []string{"a\nb\n\nc\n"}, []string{"a\n", "b\n", "\n", "c\n"}},
		{"one in several writes", []string{"a", "b", "c\nd"}, []string{"abc\n", "d"}},
		{"largest", []string{long + "\n"}, []string{long + "\n"}},
		{"over the largest", []string{long + "xy\n"}, []string{long + "x", "y\n"}},
		{"over the largest without an end", []string{long, "xyz"}, []string{long + "x", "yz"}},
		{"not cut inside a character", []string{long + "é\n"}, []string{long, "é\n"}},
		{"not UTF-8", []string{"a\xffb\n"}, []string{"a\uFFFDb\n"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var f framer
			var got []string
			emit := func(s string) { got = append(got, s) }
			for _, w := range tc.writes {
				f.write([]byte(w), emit)
			}
			f.flush(emit)
			if len(got) != len(tc.want) {
				t.Fatalf("%d events, want %d", len(got), len(tc.want))
			}
			for i := range got {
				if got[i] != tc.want[i] {
					t.Errorf("event %d has %d bytes, want %d", i, len(got[i]), len(tc.want[i]))
				}
			}
		})
	}
}

// FuzzFramer checks that events hold all of valid output, in order, within the size, whatever the writes.
func FuzzFramer(f *testing.F) {
	f.Add("a\nb", 1)
	f.Add(strings.Repeat("é", MaxEvent), 7)
	f.Fuzz(func(t *testing.T, in string, step int) {
		step = max(1, step&0xffff)
		var fr framer
		var got strings.Builder
		emit := func(s string) {
			if len(s) == 0 || len(s) > MaxEvent || !utf8.ValidString(s) {
				t.Fatalf("event of %d bytes", len(s))
			}
			got.WriteString(s)
		}
		for rest := in; rest != ""; {
			n := min(step, len(rest))
			fr.write([]byte(rest[:n]), emit)
			rest = rest[n:]
		}
		fr.flush(emit)
		if utf8.ValidString(in) && got.String() != in {
			t.Error("output was changed")
		}
	})
}
