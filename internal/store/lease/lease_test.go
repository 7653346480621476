// SPDX-License-Identifier: Apache-2.0

package lease_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/lease"
	"github.com/gustcloud/gust/internal/store/storetest"
)

func node(s store.Store, owner string) *lease.Leases {
	return lease.Of(lease.Deps{Store: s, Clock: clock.System{}, Prefix: []byte("x-lease-"), Owner: owner})
}

func TestOneOwnerAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		var mu sync.Mutex
		inside, turns, last := 0, 0, uint64(0)
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				n := node(s, fmt.Sprint("node ", i))
				for done := 0; done < 5; {
					err := n.Hold(t.Context(), "job", nil, func(ctx context.Context, h lease.Held) error {
						mu.Lock()
						if inside++; inside != 1 {
							t.Errorf("%d owners at once", inside)
						}
						if h.Epoch <= last {
							t.Errorf("epoch %d after %d", h.Epoch, last)
						}
						last = h.Epoch
						mu.Unlock()
						time.Sleep(20 * time.Second) // longer than the lease: it has to be renewed
						mu.Lock()
						defer mu.Unlock()
						inside--
						turns++
						return ctx.Err()
					})
					switch {
					case err == nil:
						done++
					case !errors.Is(err, lease.ErrHeld):
						t.Error(err)
						return
					default:
						time.Sleep(time.Second)
					}
				}
			})
		}
		wg.Wait()
		if turns != 20 {
			t.Errorf("%d turns, want 20", turns)
		}
	})
}

// stalled is a store whose updates wait: what a paused node, or one without its database, is to the others.
type stalled struct {
	store.Store
	deaf  bool // the end of a context does not end the wait
	mu    sync.Mutex
	until chan struct{}
}

func (s *stalled) Update(ctx context.Context, fn func(store.Tx) error) error {
	s.mu.Lock()
	until := s.until
	s.mu.Unlock()
	if until != nil && s.deaf {
		<-until
	} else if until != nil {
		select {
		case <-until:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return s.Store.Update(ctx, fn)
}

func TestAPausedOwnerIsReplacedAndCannotCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		paused, other := &stalled{Store: s}, node(s, "second")
		err := node(paused, "first").Hold(t.Context(), "job", nil, func(ctx context.Context, h lease.Held) error {
			wake := make(chan struct{})
			paused.mu.Lock()
			paused.until = wake
			paused.mu.Unlock()
			if err := other.Hold(t.Context(), "job", nil, nil); !errors.Is(err, lease.ErrHeld) {
				t.Errorf("taken while it is held: %v", err)
			}
			<-ctx.Done()
			if !errors.Is(context.Cause(ctx), lease.ErrLost) {
				t.Errorf("the owner's context ended with %v", context.Cause(ctx))
			}
			return other.Hold(t.Context(), "job", nil, func(_ context.Context, second lease.Held) error {
				if second.Epoch <= h.Epoch {
					t.Errorf("epoch %d after %d", second.Epoch, h.Epoch)
				}
				close(wake)
				paused.mu.Lock()
				paused.until = nil
				paused.mu.Unlock()
				for _, tt := range []struct {
					held lease.Held
					want error
				}{{h, lease.ErrLost}, {second, nil}} {
					err := s.Update(t.Context(), func(tx store.Tx) error {
						tx.Set([]byte("x-work"), []byte("done"))
						return tt.held.Check(tx)
					})
					if !errors.Is(err, tt.want) {
						t.Errorf("commit of epoch %d: %v, want %v", tt.held.Epoch, err, tt.want)
					}
				}
				return nil
			})
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// shifted is a clock that is wrong, and may be set.
type shifted struct {
	clock.System
	mu sync.Mutex
	by time.Duration
}

func (c *shifted) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.System.Now().Add(c.by)
}

// TestWrongClocks: whatever the time is at an owner, a lease that is kept is not taken, and one that is not is taken after
// its life as the others see it.
func TestWrongClocks(t *testing.T) {
	for _, by := range []time.Duration{-time.Hour, -3 * time.Second, 3 * time.Second, time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := storetest.New(t)
				paused, wrong := &stalled{Store: s}, &shifted{}
				owner := lease.Of(lease.Deps{Store: paused, Clock: wrong, Prefix: []byte("x-lease-"), Owner: "owner"})
				other := node(s, "other")
				err := owner.Hold(t.Context(), "job", nil, func(ctx context.Context, _ lease.Held) error {
					try := func() error {
						return other.Hold(t.Context(), "job", nil, func(context.Context, lease.Held) error { return nil })
					}
					if err := try(); !errors.Is(err, lease.ErrHeld) {
						t.Errorf("at first: %v", err)
					}
					synctest.Wait() // durations that have begun are not those of a clock step
					wrong.mu.Lock()
					wrong.by = by // the clock is set while it has the lease
					wrong.mu.Unlock()
					for range 60 {
						time.Sleep(time.Second)
						if err := try(); !errors.Is(err, lease.ErrHeld) {
							t.Fatalf("taken while it is kept: %v", err)
						}
					}
					if ctx.Err() != nil {
						t.Errorf("lost while it is kept: %v", context.Cause(ctx))
					}
					if list, err := other.Members(t.Context()); err != nil || len(list) != 1 {
						t.Errorf("members: %+v, %v", list, err)
					}
					wake := make(chan struct{})
					defer close(wake)
					paused.mu.Lock()
					paused.until = wake
					paused.mu.Unlock()
					began := time.Now()
					for try() != nil {
						time.Sleep(100 * time.Millisecond)
						if time.Since(began) > time.Minute {
							t.Fatal("never taken from an owner that is gone")
						}
					}
					if took := time.Since(began); took < 5*time.Second || took > 10*time.Second {
						t.Errorf("taken after %v", took)
					}
					if ctx.Err() == nil {
						t.Error("taken before the owner was told")
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestOneHoldOfANodeAtATime: also when the one before it panicked.
func TestOneHoldOfANodeAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := node(storetest.New(t), "node")
		err := n.Hold(t.Context(), "job", nil, func(context.Context, lease.Held) error {
			return n.Hold(t.Context(), "job", nil, func(context.Context, lease.Held) error { return nil })
		})
		if !errors.Is(err, lease.ErrHeld) {
			t.Errorf("a second Hold: %v", err)
		}
		func() {
			defer func() { _ = recover() }()
			_ = n.Hold(t.Context(), "job", nil, func(context.Context, lease.Held) error { panic("on purpose") })
		}()
		if list, err := n.Members(t.Context()); err != nil || len(list) != 0 {
			t.Errorf("after the panic: %+v, %v", list, err)
		}
		if err := n.Hold(t.Context(), "job", nil, func(context.Context, lease.Held) error { return nil }); err != nil {
			t.Errorf("after the panic: %v", err)
		}
	})
}

// TestARenewalThatHangsLosesTheLease: the owner is told although the store does not even heed contexts.
func TestARenewalThatHangsLosesTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hung := &stalled{Store: storetest.New(t), deaf: true}
		if err := node(hung, "node").Hold(t.Context(), "job", nil, func(ctx context.Context, _ lease.Held) error {
			wake := make(chan struct{})
			defer close(wake)
			hung.mu.Lock()
			hung.until = wake
			hung.mu.Unlock()
			began := time.Now()
			<-ctx.Done()
			if took := time.Since(began); took > 8*time.Second || !errors.Is(context.Cause(ctx), lease.ErrLost) {
				t.Errorf("told after %v: %v", took, context.Cause(ctx))
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	})
}

func TestMembersAreThoseWhoLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		names := func() (out []string) {
			list, err := node(s, "reader").Members(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range list {
				out = append(out, m.Name+"="+string(m.Data))
			}
			return out
		}
		var wg sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		for _, n := range []string{"a", "b"} {
			wg.Go(func() {
				if err := node(s, n+" 1").Hold(ctx, n, []byte("10.0.0.1"), func(ctx context.Context, _ lease.Held) error {
					<-ctx.Done()
					return nil
				}); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(time.Minute)
		if got, want := names(), []string{"a=10.0.0.1", "b=10.0.0.1"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		cancel()
		wg.Wait()
		if got := names(); len(got) != 0 {
			t.Errorf("after they left: %q", got)
		}
	})
}

func TestRankIsFairAndMovesLittle(t *testing.T) {
	nodes := []string{"a", "b", "c", "d", "e"}
	first, moved := map[string]int{}, 0
	const names = 5000
	for i := range names {
		name := fmt.Sprint("shard-", i)
		all := lease.Rank(name, nodes)
		if sorted := slices.Sorted(slices.Values(all)); !slices.Equal(sorted, nodes) {
			t.Fatalf("rank of %s is %q", name, all)
		}
		first[all[0]]++
		without := lease.Rank(name, nodes[1:]) // node a has gone
		rest := slices.DeleteFunc(slices.Clone(all), func(n string) bool { return n == "a" })
		if !slices.Equal(without, rest) {
			moved++
		}
	}
	for _, n := range nodes {
		if share := float64(first[n]) / names * float64(len(nodes)); share < 0.9 || share > 1.1 {
			t.Errorf("%s is first for %.2f of its share", n, share)
		}
	}
	if moved > 0 {
		t.Errorf("the order of the others changed for %d names", moved)
	}
}
