// SPDX-License-Identifier: Apache-2.0

package clock_test

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gustcloud/gust/internal/base/clock"
)

// set is Plan and Set.
func set(t *testing.T, s *clock.Service, advance time.Duration, speed float64) {
	t.Helper()
	a, err := s.Plan(advance, speed)
	if err != nil {
		t.Fatal(err)
	}
	s.Set(a)
}

// TestKindsAreNotMixed: nothing that waits on service time is given where the machine's clock is wanted. The other way
// round the compiler refuses: *clock.Service is no interface.
func TestKindsAreNotMixed(t *testing.T) {
	t.Parallel()
	if _, ok := any(clock.NewService(clock.System{})).(clock.Clock); ok {
		t.Error("service time can be used as the machine's clock")
	}
}

func TestSpeedAndAdvance(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := clock.NewService(clock.System{})
		start := s.Now()
		passed := func(what string, want time.Duration) {
			t.Helper()
			if got := s.Now().Sub(start); got != want {
				t.Errorf("%s: %v of service time passed, want %v", what, got, want)
			}
		}
		time.Sleep(time.Second)
		passed("as the machine", time.Second)
		set(t, s, 0, 60)
		passed("a new speed is no jump", time.Second)
		time.Sleep(time.Minute)
		passed("at 60", time.Hour+time.Second)
		set(t, s, 36*time.Hour, 60)
		passed("advanced", 37*time.Hour+time.Second)
		set(t, s, 0, 1)
		time.Sleep(time.Second)
		passed("at 1", 37*time.Hour+2*time.Second)
		if got := s.Ahead(); got != 37*time.Hour+2*time.Second-62*time.Second {
			t.Errorf("ahead by %v", got)
		}
		set(t, s, 0, 1.5)
		time.Sleep(2 * time.Second)
		passed("at 1.5", 37*time.Hour+5*time.Second)
		if s.Speed() != 1.5 {
			t.Errorf("speed %v", s.Speed())
		}
	})
}

func TestPlanRefuses(t *testing.T) {
	t.Parallel()
	s := clock.NewService(clock.System{})
	for _, speed := range []float64{0, 0.5, -1, clock.MaxSpeed + 1, math.NaN(), math.Inf(1), math.Inf(-1)} {
		if _, err := s.Plan(0, speed); !errors.Is(err, clock.ErrSpeed) {
			t.Errorf("speed %v: %v", speed, err)
		}
	}
	for _, d := range []time.Duration{-1, math.MinInt64, math.MaxInt64} {
		if _, err := s.Plan(d, 1); !errors.Is(err, clock.ErrAdvance) {
			t.Errorf("advance %v: %v", d, err)
		}
	}
}

// TestTimeEnds: it stands still at the latest moment that keys can hold.
func TestTimeEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := clock.NewService(clock.System{})
		set(t, s, clock.Latest.Sub(s.Now())-time.Hour, clock.MaxSpeed)
		time.Sleep(365 * 24 * time.Hour)
		if !s.Now().Equal(clock.Latest) {
			t.Errorf("the time is %v", s.Now())
		}
		if _, err := s.Plan(time.Second, 1); !errors.Is(err, clock.ErrAdvance) {
			t.Errorf("advance at the end: %v", err)
		}
	})
}

// manual is a machine's clock that a test moves, also backwards.
type manual struct {
	clock.System

	mu  sync.Mutex
	now time.Time
}

func (m *manual) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

func (m *manual) move(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = m.now.Add(d)
}

// TestNeverBackwards: neither with the machine's clock, nor by an anchor that is behind, nor at a lower speed.
func TestNeverBackwards(t *testing.T) {
	t.Parallel()
	m := &manual{now: time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)}
	s := clock.NewService(m)
	last := s.Now()
	check := func(what string) {
		t.Helper()
		now := s.Now()
		if now.Before(last) {
			t.Errorf("%s: the time went back by %v", what, last.Sub(now))
		}
		last = now
	}
	old, err := s.Plan(0, 1)
	if err != nil {
		t.Fatal(err)
	}
	set(t, s, time.Hour, 100)
	for _, d := range []time.Duration{time.Second, -time.Hour, time.Minute, -time.Minute, 2 * time.Hour, 1} {
		m.move(d)
		check("after a move of " + d.String())
	}
	before := last
	s.Set(old)
	check("after an anchor that is behind")
	m.move(time.Minute)
	check("and a minute later")
	if !last.Equal(before) {
		t.Errorf("the time went on by %v while the anchor was behind", last.Sub(before))
	}
	m.move(1000 * time.Hour)
	if check("after long"); !last.After(before) {
		t.Error("the time stands still for ever")
	}
}

// TestAnchorOutlivesTheProcess: another clock with the same anchor tells the same time, and goes on from it at once when
// the machine's clock was set back in between.
func TestAnchorOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	m := &manual{now: time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)}
	first := clock.NewService(m)
	a, err := first.Plan(36*time.Hour, 60)
	if err != nil {
		t.Fatal(err)
	}
	first.Set(a)
	m.move(time.Second)
	second := clock.NewService(m)
	second.Set(a)
	if got, want := second.Now(), first.Now(); !got.Equal(want) {
		t.Errorf("after a restart it is %v, before it was %v", got, want)
	}
	m.move(-time.Hour)
	third := clock.NewService(m)
	third.Set(a)
	set(t, third, 0, 1)
	if got := third.Now(); got.Before(a.Service) {
		t.Errorf("it is %v, before the anchor's %v", got, a.Service)
	}
	was := third.Now()
	m.move(time.Second)
	if got := third.Now().Sub(was); got != time.Second {
		t.Errorf("%v passed in a second", got)
	}
}

// TestConcurrentMoves: readers never see time go back, and every timer fires, none before its time, however the clock is moved.
func TestConcurrentMoves(t *testing.T) {
	t.Parallel()
	s := clock.NewService(clock.System{})
	ctx, cancel := context.WithCancel(t.Context())
	var readers, waiters, movers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for last := s.Now(); ctx.Err() == nil; {
				now := s.Now()
				if now.Before(last) {
					t.Errorf("the time went back by %v", last.Sub(now))
					return
				}
				last = now
			}
		})
	}
	for i := range 50 {
		waiters.Go(func() {
			at := s.Now().Add(time.Duration(i) * time.Hour)
			timer := s.NewTimer(at.Add(time.Hour))
			timer.Reset(at)
			if got := <-timer.C; got.Before(at) {
				t.Errorf("fired at %v, %v early", got, at.Sub(got))
			}
		})
	}
	for i := range 4 {
		movers.Go(func() {
			for n := range 100 {
				a, err := s.Plan(time.Hour, float64(1+(n*(i+7))%1000))
				if err != nil {
					t.Error(err)
					return
				}
				s.Set(a)
			}
		})
	}
	movers.Wait()
	a, err := s.Plan(100*time.Hour, 1)
	if err != nil {
		t.Fatal(err)
	}
	s.Set(a)
	waiters.Wait() // a timer that is lost hangs here until the test's deadline
	cancel()
	readers.Wait()
}
