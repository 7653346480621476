// SPDX-License-Identifier: Apache-2.0

package lease

import "time"

const (
	// maxSkew is how much clocks of nodes may differ for a row that a node sees for the first time. All else is told by
	// this node's clock alone, in durations that no clock step changes.
	maxSkew = 5 * time.Second
	maxSeen = 10_000 // rows that are remembered: with more all are forgotten, and other owners' leases last a TTL longer
)

// sighting is a row as this node has seen it.
type sighting struct {
	epoch uint64
	ends  time.Time
	at    time.Time // when it was seen so for the first time, with its monotonic part
	over  bool      // it was over then
}

// over tells whether a lease has ended: it was given back, or its row has not changed for its whole life. It notes what it
// has seen.
func (l *Leases) over(name string, r row, now time.Time) bool {
	if r.Ends.IsZero() {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s, known := l.seen[name]
	if known && s.epoch == r.Epoch && s.ends.Equal(r.Ends) {
		return s.over || now.Sub(s.at) >= max(l.TTL, r.TTL)
	}
	if len(l.seen) >= maxSeen {
		clear(l.seen)
	}
	// A row that changes is kept by somebody who lives, whatever the time is there.
	s = sighting{epoch: r.Epoch, ends: r.Ends, at: now, over: !known && r.Ends.Add(maxSkew).Before(now)}
	l.seen[name] = s
	return s.over
}

// reserve makes name this node's, unless it is.
func (l *Leases) reserve(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mine[name] {
		return false
	}
	l.mine[name] = true
	return true
}

func (l *Leases) free(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.mine, name)
}
