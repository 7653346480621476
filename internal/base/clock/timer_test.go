// SPDX-License-Identifier: Apache-2.0

package clock_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gustcloud/gust/internal/base/clock"
)

// fired tells whether a timer has fired once everything else waits.
func fired(t *clock.Timer) bool {
	synctest.Wait()
	select {
	case <-t.C:
		return true
	default:
		return false
	}
}

func TestTimers(t *testing.T) {
	t.Parallel()
	tests := map[string]func(t *testing.T, s *clock.Service, timer *clock.Timer){ // the timer is due in an hour
		"as the machine": func(t *testing.T, _ *clock.Service, timer *clock.Timer) {
			t.Helper()
			if time.Sleep(time.Hour - 1); fired(timer) {
				t.Error("fired early")
			}
			if time.Sleep(time.Nanosecond); !fired(timer) {
				t.Error("did not fire")
			}
			if time.Sleep(2 * time.Hour); fired(timer) {
				t.Error("fired twice")
			}
		},
		"a jump": func(t *testing.T, s *clock.Service, timer *clock.Timer) {
			t.Helper()
			if set(t, s, time.Hour-1, 1); fired(timer) {
				t.Error("fired before its time had come")
			}
			if set(t, s, 1, 1); !fired(timer) {
				t.Error("did not fire at once")
			}
		},
		"a speed": func(t *testing.T, s *clock.Service, timer *clock.Timer) {
			t.Helper()
			set(t, s, 0, 60)
			if time.Sleep(time.Minute - 1); fired(timer) {
				t.Error("fired early")
			}
			if time.Sleep(2 * time.Nanosecond); !fired(timer) {
				t.Error("did not fire after a minute at 60")
			}
		},
		"slower": func(t *testing.T, s *clock.Service, timer *clock.Timer) {
			t.Helper()
			set(t, s, 0, 60)
			time.Sleep(30 * time.Second)
			set(t, s, 0, 1)
			if time.Sleep(30*time.Minute - 1); fired(timer) {
				t.Error("fired early")
			}
			if time.Sleep(time.Nanosecond); !fired(timer) {
				t.Error("did not fire")
			}
		},
		"stopped": func(t *testing.T, s *clock.Service, timer *clock.Timer) {
			t.Helper()
			timer.Stop()
			if set(t, s, 2*time.Hour, 1); fired(timer) {
				t.Error("fired")
			}
		},
		"stopped after it fired": func(t *testing.T, s *clock.Service, timer *clock.Timer) {
			t.Helper()
			set(t, s, 2*time.Hour, 1)
			synctest.Wait()
			if timer.Stop(); fired(timer) {
				t.Error("something stale was received")
			}
		},
		"reset after it fired": func(t *testing.T, s *clock.Service, timer *clock.Timer) {
			t.Helper()
			set(t, s, 2*time.Hour, 1)
			synctest.Wait()
			if timer.Reset(s.Now().Add(time.Minute)); fired(timer) {
				t.Error("something stale was received")
			}
			if time.Sleep(time.Minute); !fired(timer) {
				t.Error("did not fire")
			}
		},
		"reset to the past": func(t *testing.T, s *clock.Service, timer *clock.Timer) {
			t.Helper()
			if timer.Reset(s.Now().Add(-time.Hour)); !fired(timer) {
				t.Error("did not fire")
			}
		},
	}
	for name, fn := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := clock.NewService(clock.System{})
				timer := s.NewTimer(s.Now().Add(time.Hour))
				defer timer.Stop()
				fn(t, s, timer)
			})
		})
	}
}

// TestTimerWithTheMachineSetBack: service time runs at half speed then, and a timer waits for it.
func TestTimerWithTheMachineSetBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		back := &behind{}
		s := clock.NewService(back)
		start := s.Now()
		timer := s.NewTimer(start.Add(time.Minute))
		defer timer.Stop()
		back.by.Store(int64(time.Hour))
		s.Now() // the clock of the test has no monotonic part: the step itself is no time that passes
		time.Sleep(time.Minute)
		if fired(timer) {
			t.Errorf("fired when %v of service time had passed", s.Now().Sub(start))
		}
		time.Sleep(time.Minute + time.Second)
		if !fired(timer) {
			t.Errorf("did not fire when %v of service time had passed", s.Now().Sub(start))
		}
	})
}

// behind is the machine's clock after it was set back.
type behind struct {
	clock.System

	by atomic.Int64 // nanoseconds
}

func (b *behind) Now() time.Time { return b.System.Now().Add(-time.Duration(b.by.Load())) }

func TestSleep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := clock.NewService(clock.System{})
		slept := make(chan error, 1)
		go func() { slept <- s.Sleep(t.Context(), 48*time.Hour) }()
		synctest.Wait()
		set(t, s, 48*time.Hour, 1)
		if err := <-slept; err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("on purpose")
		go func() { slept <- s.Sleep(ctx, time.Hour) }()
		synctest.Wait()
		cancel(why)
		if err := <-slept; !errors.Is(err, why) {
			t.Errorf("after the end of ctx: %v", err)
		}
	})
}
