// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gustcloud/gust/internal/invoke"
	"github.com/gustcloud/gust/internal/worker/lifecycle"
)

func TestTryUsesTheMostRecentlyUsedIdleEnvironment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, Limits{})
		defer h.stop()
		f := version("f", "1")
		a, releaseA := h.hold(t, f)
		b, releaseB := h.hold(t, f)
		releaseB()
		releaseA()
		if got := h.once(t, f); got != a || a == b {
			t.Errorf("got %s, want %s", got, a)
		}
		if c := h.Counters(); c.Cold != 2 || c.Warm != 1 {
			t.Errorf("counters %+v", c)
		}
	})
}

func TestTryKeepsRevisionsAndFunctionsApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, Limits{})
		defer h.stop()
		seen := map[string]bool{}
		for _, v := range []*invoke.Version{version("f", "1"), version("f", "2"), version("g", "1")} {
			seen[h.once(t, v)] = true
		}
		if len(seen) != 3 {
			t.Errorf("%d environments for 3 revisions", len(seen))
		}
	})
}

func TestFreezeComesAMillisecondAfterRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, Limits{})
		defer h.stop()
		f := version("f", "1")
		h.once(t, f)
		time.Sleep(freezeDelay / 2)
		synctest.Wait()
		if n, _ := h.envs[0].counts(); n != 0 {
			t.Errorf("frozen %d times before the delay", n)
		}
		h.once(t, f) // taken again: the delay starts anew
		time.Sleep(freezeDelay * 3 / 4)
		synctest.Wait()
		if n, _ := h.envs[0].counts(); n != 0 {
			t.Errorf("frozen %d times although it was taken again", n)
		}
		time.Sleep(freezeDelay)
		synctest.Wait()
		if n, _ := h.envs[0].counts(); n != 1 || h.envs[0].State() != lifecycle.Frozen {
			t.Errorf("frozen %d times, state %s", n, h.envs[0].State())
		}
		h.once(t, f)
		if _, n := h.envs[0].counts(); n != 1 || len(h.envs) != 1 {
			t.Errorf("thawed %d times, %d environments", n, len(h.envs))
		}
	})
}

func TestSlowlySettlingEnvironmentIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, Limits{})
		defer h.stop()
		h.make = func(e *fakeEnv) { e.tail = 200 * time.Millisecond }
		f := version("f", "1")
		a := h.once(t, f)
		if b := h.once(t, f); b == a {
			t.Error("waited for an environment that had not settled")
		}
		if s := h.envs[0].State(); s != lifecycle.Settling {
			t.Errorf("state %s", s)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if s := h.envs[0].State(); s != lifecycle.Frozen {
			t.Errorf("after it settled: state %s", s)
		}
	})
}

func TestSlowlySettlingEnvironmentsCostOneWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, Limits{})
		defer h.stop()
		h.make = func(e *fakeEnv) { e.tail = time.Hour }
		f := version("f", "1")
		var releases []func()
		for range 10 {
			_, release := h.hold(t, f)
			releases = append(releases, release)
		}
		for _, release := range releases {
			release()
		}
		start := time.Now()
		h.once(t, f)
		if d := time.Since(start); d > 2*settleGrace {
			t.Errorf("ten environments that settle cost %v", d)
		}
	})
}

func TestIdleEnvironmentsAreEvicted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, Limits{Idle: time.Minute})
		defer h.stop()
		h.once(t, version("f", "1"))
		time.Sleep(50 * time.Second)
		synctest.Wait()
		if s := h.envs[0].State(); s == lifecycle.Dead {
			t.Error("evicted too early")
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if s := h.envs[0].State(); s != lifecycle.Dead {
			t.Errorf("state %s", s)
		}
		if n := len(h.Snapshot().Environments); n != 0 {
			t.Errorf("%d environments in the snapshot", n)
		}
	})
}

func TestFullNodeEvictsTheOldestIdleEnvironment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, Limits{Environments: 2})
		defer h.stop()
		h.once(t, version("a", "1"))
		time.Sleep(time.Second)
		h.once(t, version("b", "1"))
		time.Sleep(time.Second)
		h.once(t, version("c", "1"))
		synctest.Wait()
		if a, b := h.envs[0].State(), h.envs[1].State(); a != lifecycle.Dead || b == lifecycle.Dead {
			t.Errorf("a is %s, b is %s", a, b)
		}
	})
}

func TestFullNodeMakesCallersWaitInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, Limits{Environments: 1, Waiters: 2})
		defer h.stop()
		f, g := version("f", "1"), version("g", "1")
		a, release := h.hold(t, f)
		var order []string
		var mu sync.Mutex
		var wg sync.WaitGroup
		for _, v := range []*invoke.Version{f, g} {
			wg.Go(func() {
				id, release := h.hold(t, v)
				mu.Lock() // before the release, which lets the next caller in
				order = append(order, v.FunctionARN+" "+id)
				mu.Unlock()
				release()
			})
			synctest.Wait()
		}
		var busy *invoke.BusyError
		if err := h.Try(t.Context(), f, nil); !errors.As(err, &busy) {
			t.Errorf("a third waiter got %v", err)
		}
		release()
		wg.Wait()
		if len(order) != 2 || order[0] != "f "+a || order[1] != "g "+h.envs[1].id {
			t.Errorf("order %v", order)
		}
	})
}

func TestWaiterGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, Limits{Environments: 1})
		defer h.stop()
		f := version("f", "1")
		_, release := h.hold(t, f)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var busy *invoke.BusyError
		if err := h.Try(ctx, f, nil); !errors.As(err, &busy) {
			t.Errorf("got %v", err)
		}
		release()
		h.once(t, f) // the place in the queue was given up
	})
}

func TestRetire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, Limits{})
		defer h.stop()
		old, kept, other := version("f", "1"), version("f", "2"), version("g", "1")
		h.once(t, old)
		busy, release := h.hold(t, old)
		if busy != h.envs[0].id {
			t.Fatal("the idle environment was not used")
		}
		idle, releaseIdle := h.hold(t, old)
		releaseIdle()
		h.once(t, kept)
		h.once(t, other)
		h.Retire("f", "$LATEST", "2")
		synctest.Wait()
		states := map[string]lifecycle.State{}
		for _, e := range h.envs {
			states[e.id] = e.State()
		}
		if states[idle] != lifecycle.Dead || states[busy] == lifecycle.Dead {
			t.Errorf("idle one %s, busy one %s", states[idle], states[busy])
		}
		release()
		synctest.Wait()
		if s := h.envs[0].State(); s != lifecycle.Dead {
			t.Errorf("after its invocation: %s", s)
		}
		if n := len(h.Snapshot().Environments); n != 2 {
			t.Errorf("%d environments are left, want 2", n)
		}
	})
}

func TestEnvironmentWithOldCredentialsIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, Limits{})
		defer h.stop()
		h.make = func(e *fakeEnv) { e.expires = time.Now().Add(credentialMargin - time.Second) }
		a := h.once(t, version("f", "1"))
		if b := h.once(t, version("f", "1")); a == b {
			t.Error("an environment was used although its credentials expire")
		}
	})
}

func TestErrorsOfPacksAndCodeReachTheCaller(t *testing.T) {
	for _, tc := range []struct {
		name string
		set  func(*Pool)
		want error
	}{
		{"pack", func(p *Pool) { p.deps.Runtimes = fakeRuntimes{&invoke.PackError{Runtime: "x"}} }, &invoke.PackError{}},
		{"code", func(p *Pool) { p.deps.Code = fakeCode{&invoke.CodeError{Message: "x"}} }, &invoke.CodeError{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHarness(t, Limits{Environments: 1})
				defer h.stop()
				tc.set(h.Pool)
				for range 2 { // the second would wait for ever if the first kept its room
					errTry := h.Try(t.Context(), version("f", "1"), nil)
					errPrepare := h.Prepare(t.Context(), version("f", "1"))
					for _, err := range []error{errTry, errPrepare} {
						var pack *invoke.PackError
						var code *invoke.CodeError
						packError := &invoke.PackError{}
						wantPack := errors.As(tc.want, &packError)
						if errors.As(err, &pack) != wantPack || errors.As(err, &code) == wantPack {
							t.Errorf("got %v", err)
						}
					}
				}
			})
		})
	}
}

func TestRunClosesEverythingAtItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, Limits{Environments: 2})
		h.once(t, version("f", "1"))
		_, release := h.hold(t, version("g", "1"))
		h.stop()
		for _, e := range h.envs {
			if e.State() != lifecycle.Dead {
				t.Errorf("an environment is %s", e.State())
			}
		}
		var busy *invoke.BusyError
		if err := h.Try(t.Context(), version("f", "1"), nil); !errors.As(err, &busy) {
			t.Errorf("Try after the end: %v", err)
		}
		release()
	})
}

func TestCodeIsRetiredWithItsLastRevision(t *testing.T) {
	version := func(name, revision, sha string) *invoke.Version {
		return &invoke.Version{FunctionARN: name, Version: "$LATEST", Revision: revision, CodeSHA256: sha}
	}
	for _, tc := range []struct {
		name string
		used []*invoke.Version
		keep string // of function f
		want string
	}{
		{"new code", []*invoke.Version{version("f", "1", "old"), version("f", "2", "new")}, "2", "old"},
		{"new configuration only", []*invoke.Version{version("f", "1", "same"), version("f", "2", "same")}, "2", ""},
		{"deleted", []*invoke.Version{version("f", "1", "old")}, "", "old"},
		{"another function runs it", []*invoke.Version{version("f", "1", "old"), version("g", "1", "old")}, "", ""},
		{"never used", nil, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			u := make(used)
			for _, v := range tc.used {
				u.note(v)
			}
			if got := strings.Join(u.retire("f", "$LATEST", tc.keep), " "); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if again := u.retire("f", "$LATEST", tc.keep); len(again) != 0 {
				t.Errorf("retired again: %v", again)
			}
		})
	}
}
