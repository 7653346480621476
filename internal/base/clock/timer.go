// SPDX-License-Identifier: Apache-2.0

package clock

import "time"

// Timer fires once when service time has come to a moment, also when it comes there by a jump. As with those of package
// time nothing stale is received after Stop and Reset. A timer that runs is held by its clock: who made it stops it.
type Timer struct {
	C <-chan time.Time // receives the service time

	service *Service
	fired   chan time.Time // C, with room for one

	// Of service, below its mutex.
	at   time.Time
	wake *time.Timer // of the machine
	turn uint64      // of wake: an earlier one that comes late changes nothing
}

// NewTimer returns a timer that fires when the service time is at. A moment and not a duration: no jump goes unnoticed
// between the look at the clock and the start of the timer.
func (s *Service) NewTimer(at time.Time) *Timer {
	c := make(chan time.Time, 1)
	t := &Timer{C: c, service: s, fired: c}
	t.Reset(at)
	return t
}

// Reset makes t fire at another time, whether it has fired, was stopped, or runs.
func (t *Timer) Reset(at time.Time) {
	s := t.service
	s.mu.Lock()
	defer s.mu.Unlock()
	t.stop()
	t.at = at
	s.timers[t] = struct{}{}
	t.arm(s.wait(at))
}

// Stop makes t not fire.
func (t *Timer) Stop() {
	t.service.mu.Lock()
	defer t.service.mu.Unlock()
	t.stop()
}

func (t *Timer) stop() {
	delete(t.service.timers, t)
	t.turn++
	if t.wake != nil {
		t.wake.Stop()
	}
	select {
	case <-t.fired:
	default:
	}
}

// wait is how long the machine's clock takes until the service time is at.
func (s *Service) wait(at time.Time) time.Duration {
	left := at.Sub(s.now())
	if speed := s.anchor.speed(); left > 0 && speed != 1 {
		left = time.Duration(float64(left)/speed) + 1 // rounded up
	}
	return max(left, 0)
}

func (t *Timer) arm(wait time.Duration) {
	t.turn++
	turn := t.turn
	if t.wake != nil {
		t.wake.Stop()
	}
	t.wake = time.AfterFunc(wait, func() { t.expire(turn) })
}

// lateness is how long a timer waits at least that was woken too early: the machine's clock was set back, or is adjusted.
const lateness = time.Millisecond

func (t *Timer) expire(turn uint64) {
	s := t.service
	s.mu.Lock()
	defer s.mu.Unlock()
	if turn != t.turn {
		return
	}
	now := s.now()
	if now.Before(t.at) {
		t.arm(max(s.wait(t.at), lateness))
		return
	}
	delete(s.timers, t)
	t.fired <- now // it is empty: a timer that runs has not fired
}
