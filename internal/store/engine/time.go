// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"sync"
	"time"
)

// Time is service time: it follows the wall clock but never goes backwards. When the wall clock was set back it runs at half speed
// until the wall clock has caught up, so that timers neither stop nor stay wrong for ever.
type Time struct {
	mu   sync.Mutex
	seen time.Time // last reading of the clock, with its monotonic part
	last time.Time // last answer, wall clock only
}

// At returns the service time for a reading of the clock.
func (s *Time) At(now time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	wall := now.Round(0)
	if wall.Before(s.last) {
		wall = s.last.Add(max(0, now.Sub(s.seen)) / 2)
	}
	s.seen, s.last = now, wall
	return wall
}
