// SPDX-License-Identifier: Apache-2.0

package clock

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"
)

// MaxSpeed is how fast service time may run: an hour in each second. A longer way is made by an advance.
const MaxSpeed = 3600

// Latest is where service time stands still: before the times that have no number of nanoseconds in 63 bits.
var Latest = time.Date(2200, time.January, 1, 0, 0, 0, 0, time.UTC)

// Errors of Plan.
var (
	ErrSpeed   = fmt.Errorf("the speed is a number from 1 to %d", MaxSpeed)
	ErrAdvance = errors.New("service time goes forwards only, and not beyond the year 2199")
)

// CheckSpeed returns ErrSpeed for what is no speed.
func CheckSpeed(speed float64) error {
	if speed >= 1 && speed <= MaxSpeed { // false for NaN
		return nil
	}
	return ErrSpeed
}

// Anchor ties service time to the machine's: when that is Machine it is Service, and from there it runs at Speed. The zero
// Anchor says that both are the same. Before Machine service time stands still.
type Anchor struct {
	Machine, Service time.Time
	Speed            float64
}

// at is the service time for a time of the machine.
func (a Anchor) at(machine time.Time) time.Time {
	passed := machine.Sub(a.Machine)
	switch {
	case a.Speed == 0:
		return machine
	case passed <= 0:
		return a.Service
	case a.Speed != 1:
		passed = scale(passed, a.Speed)
	}
	if t := a.Service.Add(passed); t.Before(Latest) {
		return t
	}
	return Latest
}

// speed is how many seconds of service time pass in one of the machine's.
func (a Anchor) speed() float64 { return max(a.Speed, 1) }

func scale(d time.Duration, by float64) time.Duration {
	if f := float64(d) * by; f < math.MaxInt64 {
		return time.Duration(f)
	}
	return math.MaxInt64
}

// Service is service time. It follows the machine's clock, unless Set says otherwise, but never goes backwards: when the
// machine's clock was set back it runs at half speed until that has caught up, so that timers neither stop nor stay wrong
// for ever. It is safe for concurrent use.
type Service struct {
	machine Clock

	mu     sync.Mutex
	seen   time.Time // last reading of the machine's clock, with its monotonic part
	wall   time.Time // the machine's time that was made of it: never goes backwards
	last   time.Time // last answer
	anchor Anchor
	timers map[*Timer]struct{} // those that run
}

// NewService returns service time on a clock of the machine. It starts nothing.
func NewService(machine Clock) *Service {
	return &Service{machine: machine, timers: map[*Timer]struct{}{}}
}

// Machine is the clock beneath, for what is never scaled.
func (s *Service) Machine() Clock { return s.machine }

// Now returns the service time. It has no monotonic reading and needs none.
func (s *Service) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}

func (s *Service) now() time.Time {
	if t := s.anchor.at(s.steady()); t.After(s.last) {
		s.last = t
	}
	return s.last
}

// steady is the machine's time without its steps backwards.
func (s *Service) steady() time.Time {
	now := s.machine.Now()
	wall := now.Round(0)
	if wall.Before(s.wall) {
		wall = s.wall.Add(max(0, now.Sub(s.seen)) / 2)
	}
	s.seen, s.wall = now, wall
	return wall
}

// Speed returns how many seconds of service time pass in one of the machine's.
func (s *Service) Speed() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.anchor.speed()
}

// Ahead is how far service time is before the machine's.
func (s *Service) Ahead() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	return now.Sub(s.wall)
}

// Plan returns the anchor that takes service time forwards by advance and lets it run at speed from there. It changes nothing.
//
// Errors: ErrSpeed, ErrAdvance.
func (s *Service) Plan(advance time.Duration, speed float64) (Anchor, error) {
	if err := CheckSpeed(speed); err != nil {
		return Anchor{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	to := s.now().Add(advance)
	if advance < 0 || advance > 0 && !to.Before(Latest) {
		return Anchor{}, ErrAdvance
	}
	return Anchor{Machine: s.wall.UTC(), Service: to.UTC(), Speed: speed}, nil
}

// Set makes an anchor hold. Every timer that is due then fires at once. When the anchor is behind service time that stands
// still until the anchor has caught up.
func (s *Service) Set(a Anchor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now() // what had passed stays passed
	s.anchor = a
	for t := range s.timers {
		t.arm(s.wait(t.at))
	}
}

// Sleep returns nil after d of service time, or ctx's error when ctx ends first.
func (s *Service) Sleep(ctx context.Context, d time.Duration) error {
	t := s.NewTimer(s.Now().Add(d))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
