// SPDX-License-Identifier: Apache-2.0

package pebble

import (
	"sort"

	"github.com/gustcloud/gust/internal/store"
)

// maxHistory bounds the keys that history remembers, about 10 MiB with short keys. A transaction that is older than
// what is remembered counts as conflicting: it runs again and, at the fourth run, under the commit lock.
const maxHistory = 64 << 10

// history remembers what the commits wrote that a running transaction may not have seen. Store.commitMu guards it.
type history struct {
	commits []commitRecord // by version, oldest first
	head    int            // commits before it are forgotten
	byKey   map[string]uint64
	dels    int    // remembered commits with range deletions
	keys    int    // in all remembered commits
	floor   uint64 // commits up to this version are forgotten
	peak    int    // greatest len(byKey) since byKey was made: Go maps do not shrink
}

type commitRecord struct {
	version uint64
	keys    []string
	ranges  []store.Range // deleted
}

// conflicts says whether a commit after version wrote one of keys or a key in one of ranges.
func (h *history) conflicts(version uint64, keys map[string]struct{}, ranges []store.Range) bool {
	if version < h.floor {
		return len(keys)+len(ranges) > 0
	}
	for k := range keys {
		if h.byKey[k] > version {
			return true
		}
	}
	if len(ranges) == 0 && h.dels == 0 {
		return false
	}
	live := h.commits[h.head:]
	from := sort.Search(len(live), func(i int) bool { return live[i].version > version })
	for i := from; i < len(live); i++ {
		if live[i].touches(keys, ranges) {
			return true
		}
	}
	return false
}

func (c *commitRecord) touches(keys map[string]struct{}, ranges []store.Range) bool {
	for _, r := range ranges {
		for _, k := range c.keys {
			if r.Contains([]byte(k)) {
				return true
			}
		}
		for _, d := range c.ranges {
			if r.Overlaps(d) {
				return true
			}
		}
	}
	for _, d := range c.ranges {
		for k := range keys {
			if d.Contains([]byte(k)) {
				return true
			}
		}
	}
	return false
}

// add remembers a commit.
func (h *history) add(c commitRecord) {
	if h.byKey == nil {
		h.byKey = map[string]uint64{}
	}
	for _, k := range c.keys {
		h.byKey[k] = c.version
	}
	h.keys += len(c.keys) + len(c.ranges)
	if len(c.ranges) > 0 {
		h.dels++
	}
	h.peak = max(h.peak, len(h.byKey))
	h.commits = append(h.commits, c)
}

// trim forgets what no running transaction needs: all commits up to version oldest, and more when there are too many.
func (h *history) trim(oldest uint64) {
	for h.head < len(h.commits) && (h.commits[h.head].version <= oldest || h.keys > maxHistory) {
		c := &h.commits[h.head]
		for _, k := range c.keys {
			if h.byKey[k] == c.version {
				delete(h.byKey, k)
			}
		}
		h.keys -= len(c.keys) + len(c.ranges)
		if len(c.ranges) > 0 {
			h.dels--
		}
		h.floor = c.version
		*c = commitRecord{}
		h.head++
	}
	switch {
	case h.head == len(h.commits):
		h.commits, h.head = h.commits[:0], 0
		if h.peak > 1024 {
			h.byKey, h.peak, h.commits = nil, 0, nil
		}
	case h.head > 64 && h.head > len(h.commits)/2:
		n := copy(h.commits, h.commits[h.head:])
		clear(h.commits[n:])
		h.commits, h.head = h.commits[:n], 0
	}
}

// liveSet counts the running transactions by the version that they read. Store.mu guards it.
type liveSet struct {
	entries []liveEntry // by version, oldest first
	head    int
}

type liveEntry struct {
	version uint64
	count   int
}

// add counts a transaction that reads version, which is not below that of any before.
func (l *liveSet) add(version uint64) {
	if n := len(l.entries); n > l.head && l.entries[n-1].version == version {
		l.entries[n-1].count++
		return
	}
	l.entries = append(l.entries, liveEntry{version, 1})
}

// remove takes back one add.
func (l *liveSet) remove(version uint64) {
	live := l.entries[l.head:]
	live[sort.Search(len(live), func(i int) bool { return live[i].version >= version })].count--
	for l.head < len(l.entries) && l.entries[l.head].count == 0 {
		l.head++
	}
	switch {
	case l.head == len(l.entries):
		l.entries, l.head = l.entries[:0], 0
	case l.head > 64 && l.head > len(l.entries)/2:
		n := copy(l.entries, l.entries[l.head:])
		l.entries, l.head = l.entries[:n], 0
	}
}

// oldest is the smallest version that is read, if any is.
func (l *liveSet) oldest() (version uint64, ok bool) {
	if l.head == len(l.entries) {
		return 0, false
	}
	return l.entries[l.head].version, true
}
