// SPDX-License-Identifier: Apache-2.0

package ids

import (
	"bytes"
	"io"
	"regexp"
	"sync"
	"testing"
)

// TestSystemNeverRepeats: what is drawn in advance is given out once, to callers at the same time too.
func TestSystemNeverRepeats(t *testing.T) {
	s := System()
	var mu sync.Mutex
	seen := map[string]bool{}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 500 {
				id := s.UUID()
				if i%3 == 0 {
					id = s.Hex(5 + i%64) // over the edge of what was drawn, and larger than it
				}
				mu.Lock()
				if seen[id] {
					t.Errorf("%s twice", id)
				}
				seen[id] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`); !form.MatchString(s.UUID()) {
		t.Error("not a version 4 UUID")
	}
}

// TestNothingGivenOutStays: credentials come from the same source.
func TestNothingGivenOutStays(t *testing.T) {
	d := &drawn{}
	p := make([]byte, 16)
	if _, err := io.ReadFull(d, p); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(p, make([]byte, 16)) || bytes.Contains(d.buf[:], p) || bytes.Contains(d.buf[:], p[:4]) {
		t.Errorf("%x is in the buffer", p)
	}
}
