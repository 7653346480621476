// SPDX-License-Identifier: Apache-2.0

package timer_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/enginetest"
	"github.com/gustcloud/gust/internal/store/storetest"
	"github.com/gustcloud/gust/internal/store/timer"
)

var set = timer.Of([]byte("x-timer-"))

// fixture counts firings in the store: what a transaction that ran again or did not commit wrote does not count.
type fixture struct {
	store store.Store
	clock *clock.Service
	mu    sync.Mutex
	fail  map[string]bool
}

func (f *fixture) fire(_ context.Context, tx store.Tx, t timer.Timer) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail[t.ID] {
		return errors.New("on purpose")
	}
	tx.Append([]byte("x-fired-"), []byte(t.ID+"="+string(t.Data)))
	return nil
}

func (f *fixture) put(t *testing.T, at time.Time, id, data string) timer.Timer {
	t.Helper()
	var out timer.Timer
	if err := f.store.Update(t.Context(), func(tx store.Tx) (err error) {
		out, err = set.Put(tx, f.store.Now(), timer.Timer{At: at, ID: id, Data: []byte(data)})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

func (f *fixture) fired(t *testing.T) []string {
	t.Helper()
	var out []string
	if err := f.store.View(t.Context(), func(r store.Reader) error {
		out = nil
		for it, err := range r.Scan(store.PrefixRange([]byte("x-fired-")), store.ScanOptions{}) {
			if err != nil {
				return err
			}
			out = append(out, string(it.Value))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// with runs fn beside n nodes that fire timers.
func with(t *testing.T, n int, fn func(*testing.T, *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := clock.NewService(clock.System{})
		f := &fixture{store: storetest.NewWithTime(t, c), clock: c, fail: map[string]bool{}}
		stop := f.start(t, n)
		defer stop()
		fn(t, f)
	})
}

func (f *fixture) start(t *testing.T, n int) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			d := timer.Deps{Store: f.store, Clock: f.clock, Log: slog.New(slog.DiscardHandler), Fire: f.fire}
			if err := set.Run(ctx, d); err != nil {
				t.Error(err)
			}
		})
	}
	return func() {
		cancel()
		wg.Wait()
	}
}

// until waits, in the bubble's time, until count timers have fired, and a little longer for one too many.
func (f *fixture) until(t *testing.T, count int) []string {
	t.Helper()
	for range 10_000 {
		if len(f.fired(t)) >= count {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	time.Sleep(3 * time.Second)
	return f.fired(t)
}

func TestTimersFireOnceWhenTheyAreDue(t *testing.T) {
	for _, nodes := range []int{1, 3} {
		t.Run(fmt.Sprintf("%d nodes", nodes), func(t *testing.T) {
			with(t, nodes, func(t *testing.T, f *fixture) {
				t.Helper()
				start := f.store.Now()
				const count = 600
				for i := range count {
					f.put(t, start.Add(time.Duration(i%60)*time.Second), fmt.Sprintf("t%03d", i), "d")
				}
				far := f.put(t, start.Add(2*time.Hour), "far", "")
				got := f.until(t, count)
				if late := f.store.Now().Sub(start); late < time.Minute {
					t.Errorf("all fired after %v", late)
				}
				slices.Sort(got)
				if len(got) != count || len(slices.Compact(got)) != count {
					t.Errorf("%d firings of %d timers, %d different", len(got), count, len(slices.Compact(got)))
				}
				time.Sleep(far.At.Sub(f.store.Now()) + time.Second)
				if got := f.until(t, count+1); !slices.Contains(got, "far=") {
					t.Errorf("the far timer has not fired: %d firings", len(got))
				}
			})
		})
	}
}

func TestCancelledAndReplacedTimers(t *testing.T) {
	with(t, 1, func(t *testing.T, f *fixture) {
		t.Helper()
		at := f.store.Now().Add(time.Minute)
		f.put(t, at, "cancelled", "")
		f.put(t, at, "replaced", "old")
		f.put(t, at, "replaced", "new")
		past := f.put(t, at.Add(-time.Hour), "past", "")
		if past.At.Before(at.Add(-time.Minute)) {
			t.Errorf("a timer of the past was set at %v", past.At)
		}
		if err := f.store.Update(t.Context(), func(tx store.Tx) error { set.Cancel(tx, at, "cancelled"); return nil }); err != nil {
			t.Fatal(err)
		}
		if got, want := f.until(t, 2), []string{"past=", "replaced=new"}; !slices.Equal(got, want) {
			t.Errorf("fired %q, want %q", got, want)
		}
	})
}

func TestWhatWasDueWhileNobodyRanFiresAtTheStart(t *testing.T) {
	with(t, 0, func(t *testing.T, f *fixture) {
		t.Helper()
		f.put(t, f.store.Now().Add(time.Minute), "late", "")
		time.Sleep(48 * time.Hour)
		if got := f.fired(t); len(got) != 0 {
			t.Fatalf("fired %q with nobody there", got)
		}
		stop := f.start(t, 2)
		defer stop()
		if got := f.until(t, 1); !slices.Equal(got, []string{"late="}) {
			t.Errorf("fired %q", got)
		}
	})
}

func TestATimerThatFailsHoldsUpNoOther(t *testing.T) {
	with(t, 1, func(t *testing.T, f *fixture) {
		t.Helper()
		f.mu.Lock()
		f.fail["bad"] = true
		f.mu.Unlock()
		now := f.store.Now()
		f.put(t, now, "bad", "")
		f.put(t, now.Add(time.Second), "good", "")
		if got := f.until(t, 1); !slices.Equal(got, []string{"good="}) {
			t.Errorf("fired %q", got)
		}
		time.Sleep(time.Hour) // long enough for the longest wait
		f.mu.Lock()
		f.fail = nil
		f.mu.Unlock()
		if got := f.until(t, 2); !slices.Equal(got, []string{"good=", "bad="}) {
			t.Errorf("fired %q when it could", got)
		}
	})
}

// advance moves service time forwards.
func (f *fixture) advance(t *testing.T, d time.Duration, speed float64) {
	t.Helper()
	a, err := f.clock.Plan(d, speed)
	if err != nil {
		t.Fatal(err)
	}
	f.clock.Set(a)
}

// TestAJumpFiresAtOnce: what an advance makes due fires without any of the machine's time.
func TestAJumpFiresAtOnce(t *testing.T) {
	with(t, 1, func(t *testing.T, f *fixture) {
		t.Helper()
		start := f.store.Now()
		f.put(t, start.Add(time.Hour), "a", "")
		f.put(t, start.Add(36*time.Hour), "b", "")
		f.put(t, start.Add(37*time.Hour), "c", "")
		time.Sleep(2500 * time.Millisecond) // hints may be lost: past a poll, and not at the next one
		machine := time.Now()
		f.advance(t, 36*time.Hour, 1)
		synctest.Wait()
		if got := slices.Sorted(slices.Values(f.fired(t))); !slices.Equal(got, []string{"a=", "b="}) || !time.Now().Equal(machine) {
			t.Errorf("fired %q after %v", got, time.Since(machine))
		}
		f.advance(t, 0, 3600)
		time.Sleep(time.Second)
		synctest.Wait()
		if got := slices.Sorted(slices.Values(f.fired(t))); !slices.Equal(got, []string{"a=", "b=", "c="}) {
			t.Errorf("fired %q at an hour in each second", got)
		}
	})
}

// TestATransactionThatAJumpOvertakes: a timer is set at the time when its transaction began, which is long ago when that ends.
func TestATransactionThatAJumpOvertakes(t *testing.T) {
	with(t, 1, func(t *testing.T, f *fixture) {
		t.Helper()
		time.Sleep(time.Minute)
		began := f.store.Now()
		f.advance(t, 36*time.Hour, 3600)
		time.Sleep(2 * time.Second) // the runner has gone past that time
		if err := f.store.Update(t.Context(), func(tx store.Tx) error {
			_, err := set.Put(tx, began, timer.Timer{At: began, ID: "old"})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if got := f.fired(t); !slices.Equal(got, []string{"old="}) {
			t.Errorf("fired %q", got)
		}
	})
}

func TestATimerOfTheFarthestFutureWaits(t *testing.T) {
	with(t, 1, func(t *testing.T, f *fixture) {
		t.Helper()
		for _, year := range []int{2262, 2300, 9999} {
			far := f.put(t, time.Date(year, 12, 31, 0, 0, 0, 0, time.UTC), fmt.Sprint("in ", year), "")
			if year == 9999 {
				if err := f.store.Update(t.Context(), func(tx store.Tx) error { set.Cancel(tx, far.At, far.ID); return nil }); err != nil {
					t.Fatal(err)
				}
			}
		}
		time.Sleep(time.Hour)
		if got := f.fired(t); len(got) != 0 {
			t.Errorf("fired %q", got)
		}
		left := 0
		if err := f.store.View(t.Context(), func(r store.Reader) error {
			left = 0
			return set.Check(r, func(timer.Timer) { left++ })
		}); err != nil || left != 2 {
			t.Errorf("%d timers are set, %v, want 2: one was cancelled", left, err)
		}
	})
}

// TestUnknownOutcomesOfFirings: whatever the store does not know, a timer fires once; three nodes try, many are due at one
// moment.
func TestUnknownOutcomesOfFirings(t *testing.T) {
	const count = 300
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	synctest.Test(t, func(t *testing.T) {
		c := clock.NewService(clock.System{})
		s := enginetest.Check(storetest.NewWithTime(t, c), enginetest.Faults{Unknown: 0.2, Seed: seed})
		f := &fixture{store: s, clock: c, fail: map[string]bool{}}
		at := s.Now().Add(time.Second)
		for i := range count {
			for {
				err := s.Update(t.Context(), func(tx store.Tx) error {
					_, err := set.Put(tx, s.Now(), timer.Timer{At: at.Add(time.Duration(i%3) * time.Second), ID: fmt.Sprint(i)})
					return err
				})
				if err == nil {
					break
				}
				if !errors.Is(err, store.ErrUnknownOutcome) {
					t.Fatal(err)
				}
			}
		}
		stop := f.start(t, 3)
		defer stop()
		got := f.until(t, count)
		slices.Sort(got)
		if n := len(slices.Compact(slices.Clone(got))); n != count || len(got) != count {
			t.Errorf("%d firings of %d timers, want %d", len(got), n, count)
		}
	})
}

func TestIDsAreChecked(t *testing.T) {
	s := storetest.New(t)
	for _, id := range []string{"", strings.Repeat("x", timer.MaxID+1)} {
		err := s.Update(t.Context(), func(tx store.Tx) error {
			_, err := set.Put(tx, s.Now(), timer.Timer{At: s.Now(), ID: id})
			return err
		})
		if !errors.Is(err, timer.ErrID) {
			t.Errorf("id of %d bytes: %v", len(id), err)
		}
	}
}
