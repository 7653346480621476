// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gustcloud/gust/internal/invoke"
	"github.com/gustcloud/gust/internal/worker/lifecycle"
)

// settleGrace is how long an invocation waits for an environment whose last answer is there but whose runtime did not
// ask for its next event yet, before it takes another: runtimes need 50 us, a cold start costs milliseconds.
const settleGrace = 5 * time.Millisecond

// credentialMargin is how long before the end of its credentials an environment takes no invocation any more.
const credentialMargin = 5 * time.Minute

// waiter is a Try that waits for room. got gives an environment of its key, or nil for room to make one; it is closed
// when the pool closes.
type waiter struct {
	key key
	got chan *slot
}

// Try holds an environment while fn runs.
func (p *Pool) Try(ctx context.Context, v *invoke.Version, fn func(invoke.Environment) error) error {
	k := key{v.FunctionARN, v.Version, v.Revision}
	sl, err := p.take(ctx, k)
	if err != nil {
		return err
	}
	if sl == nil {
		if sl, err = p.create(ctx, k, v); err != nil {
			return err
		}
	}
	defer p.put(sl)
	return fn(sl.env)
}

// take returns an environment that can take an invocation, or nil when the caller has the right to make one.
func (p *Pool) take(ctx context.Context, k key) (*slot, error) {
	var slow []*slot // still settling; given back at the end
	defer func() {
		for _, sl := range slow {
			p.put(sl)
		}
	}()
	for {
		sl, w, err := p.pop(k)
		if err != nil {
			return nil, err
		}
		grace := settleGrace
		if len(slow) > 0 {
			grace = 0 // one wait is enough
		}
		if w != nil {
			if sl, err = p.wait(ctx, w); err != nil {
				return nil, err
			}
			grace = longestTimeout // there is no room for another one
		}
		if sl == nil {
			return nil, nil // room
		}
		ok, err := p.awaken(ctx, sl, grace)
		if ok || err != nil {
			return sl, err
		}
		slow = append(slow, sl)
	}
}

// longestTimeout is that of a function, which also bounds its settling.
const longestTimeout = 15 * time.Minute

// awaken waits for the keeper, the end of the last invocation and the thaw. It returns false for one that settles too
// slowly.
func (p *Pool) awaken(ctx context.Context, sl *slot, grace time.Duration) (bool, error) {
	p.mu.Lock()
	held := sl.held
	p.mu.Unlock()
	if held != nil {
		<-held
	}
	if !sl.env.Settle(grace) {
		return false, nil
	}
	if sl.env.State() == lifecycle.Frozen {
		p.mu.Lock()
		sl.pace.thawed(p.deps.Clock.Now())
		p.mu.Unlock()
	}
	if err := sl.env.Thaw(ctx); err != nil {
		p.put(sl)
		return false, fmt.Errorf("thaw: %w", err)
	}
	return true, nil
}

// pop returns the most recently used idle environment, or a waiter, or neither: then one may be made.
func (p *Pool) pop(k key) (*slot, *waiter, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, nil, &invoke.BusyError{Message: "the worker is shutting down"}
	}
	if s := p.sets[k]; s != nil && len(s.idle) > 0 {
		sl := s.idle[len(s.idle)-1]
		s.idle = s.idle[:len(s.idle)-1]
		sl.idle = false
		p.count.warm++
		return sl, nil, nil
	}
	if len(p.waiters) == 0 && (p.total < p.deps.Limits.Environments || p.evictOldest()) {
		p.total++
		p.count.cold++
		return nil, nil, nil
	}
	if len(p.waiters) >= p.deps.Limits.Waiters {
		p.count.refused++
		return nil, nil, &invoke.BusyError{Message: fmt.Sprintf(
			"%d execution environments are busy on this node and %d invocations wait", p.total, len(p.waiters))}
	}
	w := &waiter{key: k, got: make(chan *slot, 1)}
	p.waiters = append(p.waiters, w)
	return nil, w, nil
}

// wait returns the environment that a waiter was given, or nil for room.
func (p *Pool) wait(ctx context.Context, w *waiter) (*slot, error) {
	var sl *slot
	ok := true
	select {
	case sl, ok = <-w.got:
	case <-ctx.Done():
		p.mu.Lock()
		i := slices.Index(p.waiters, w)
		if i >= 0 {
			p.waiters = slices.Delete(p.waiters, i, i+1)
		}
		p.mu.Unlock()
		if i >= 0 {
			return nil, &invoke.BusyError{Message: "no execution environment was free in time: " + context.Cause(ctx).Error()}
		}
		sl, ok = <-w.got // given at the same moment
	}
	if !ok {
		return nil, &invoke.BusyError{Message: "the worker is shutting down"}
	}
	return sl, nil
}

// create makes an environment in room that the caller has.
func (p *Pool) create(ctx context.Context, k key, v *invoke.Version) (*slot, error) {
	sl, err := p.build(ctx, k, v)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err != nil:
		p.total--
		p.giveRoom()
		return nil, err
	case p.closed:
		p.mu.Unlock()
		sl.close()
		p.mu.Lock()
		return nil, &invoke.BusyError{Message: "the worker is shutting down"}
	}
	p.used.note(v)
	s := p.sets[k]
	if s == nil {
		s = &set{live: make(map[*slot]struct{})}
		p.sets[k] = s
	}
	s.live[sl] = struct{}{}
	return sl, nil
}

func (p *Pool) build(ctx context.Context, k key, v *invoke.Version) (*slot, error) {
	launch, err := p.deps.Runtimes.Launch(ctx, v)
	if err != nil {
		return nil, err
	}
	dir, release, err := p.deps.Code.Dir(ctx, v.CodeSHA256, v.OpenCode)
	if err != nil {
		return nil, err
	}
	env, err := p.open(lifecycle.Config{
		ID: p.deps.IDs.Hex(16), Version: v, Launch: launch, CodeDir: dir,
		InitLimit: p.deps.Limits.InitLimit, InitType: "on-demand",
	})
	if err != nil {
		release()
		return nil, err
	}
	return &slot{env: env, key: k, release: release}, nil
}

// newEnvironment is Pool.open outside tests.
func (p *Pool) newEnvironment(c lifecycle.Config) (environment, error) {
	return lifecycle.New(lifecycle.Deps{
		Clock: p.deps.Clock, Log: p.deps.Log, Output: p.writer,
		Place: p.parking.place, Credentials: p.deps.Credentials, APIDoor: p.deps.APIDoor,
	}, c)
}

func (s *slot) close() {
	s.env.Close()
	s.release()
}

// put gives an environment back: to the first waiter, to the idle ones, or to its end.
func (p *Pool) put(sl *slot) {
	now := p.deps.Clock.Now()
	expires := sl.env.Expires()
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.sets[sl.key]
	switch {
	case p.closed || s == nil: // closeAll closes it
		return
	case s.retired || sl.env.State() == lifecycle.Dead || !expires.IsZero() && expires.Sub(now) < credentialMargin:
		p.drop(sl)
		p.giveRoom()
		return
	}
	if len(p.waiters) > 0 {
		w := p.waiters[0]
		if w.key == sl.key {
			p.waiters = p.waiters[1:]
			p.count.warm++
			w.got <- sl
			return
		}
		p.count.evicted++
		p.drop(sl)
		p.giveRoom()
		return
	}
	sl.idle, sl.idleSince, sl.patience = true, now, sl.pace.wait()
	s.idle = append(s.idle, sl)
	p.look(sl)
}

// drop takes an environment out of the pool and closes it in the background. Precondition: p.mu is held.
func (p *Pool) drop(sl *slot) {
	s := p.sets[sl.key]
	delete(s.live, sl)
	if i := slices.Index(s.idle, sl); i >= 0 {
		s.idle = slices.Delete(slices.Clone(s.idle), i, i+1) // a caller may iterate over the old slice
	}
	if len(s.live) == 0 {
		delete(p.sets, sl.key)
	}
	sl.idle = false
	p.total--
	p.wg.Go(sl.close)
}

// giveRoom lets waiters make environments while there is room. Precondition: p.mu is held.
func (p *Pool) giveRoom() {
	for len(p.waiters) > 0 && (p.total < p.deps.Limits.Environments || p.evictOldest()) {
		w := p.waiters[0]
		p.waiters = p.waiters[1:]
		p.total++
		p.count.cold++
		w.got <- nil
	}
}

// evictOldest drops the environment that is idle for the longest time, of whatever function. Precondition: p.mu is
// held.
func (p *Pool) evictOldest() bool {
	var oldest *slot
	for _, s := range p.sets {
		for _, sl := range s.idle {
			if sl.held == nil && (oldest == nil || sl.idleSince.Before(oldest.idleSince)) {
				oldest = sl
			}
		}
	}
	if oldest == nil {
		return false
	}
	p.count.evicted++
	p.drop(oldest)
	return true
}
