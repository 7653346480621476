// SPDX-License-Identifier: Apache-2.0

package pebble

import (
	"sync"
	"time"
)

// serviceTime follows the wall clock but never goes backwards. When the wall clock was set back it runs at half speed
// until the wall clock has caught up, so that timers neither stop nor stay wrong for ever.
type serviceTime struct {
	mu   sync.Mutex
	seen time.Time // last reading of the clock, with its monotonic part
	last time.Time // last answer, wall clock only
}

func (s *serviceTime) at(now time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	wall := now.Round(0)
	if wall.Before(s.last) {
		wall = s.last.Add(max(0, now.Sub(s.seen)) / 2)
	}
	s.seen, s.last = now, wall
	return wall
}

// Now implements store.Store: the wall clock, never going backwards.
func (s *Store) Now() time.Time { return s.now.at(s.clock.Now()) }
