// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"sync"
	"time"
)

const (
	maxPatience = 100 * time.Millisecond // between two looks at an environment that settles slowly
	minSweep    = 10 * time.Millisecond  // between two sweeps for idle environments
	maxSweep    = 10 * time.Second
)

// keep freezes environments that were released a moment ago, and evicts those that were idle for too long, until ctx
// ends; then it waits for the freezes that run.
func (p *Pool) keep(ctx context.Context) {
	var freezes sync.WaitGroup
	defer freezes.Wait()
	sweep := min(max(p.deps.Limits.Idle/10, minSweep), maxSweep)
	nextSweep := p.deps.Clock.Now().Add(sweep)
	timer := p.deps.Clock.NewTimer(sweep)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		case <-timer.C:
		}
		now := p.deps.Clock.Now()
		due, next := p.dueToFreeze(now)
		for _, sl := range due {
			freezes.Go(func() { p.rest(ctx, sl) })
		}
		if !now.Before(nextSweep) {
			p.evictIdle(now)
			nextSweep = now.Add(sweep)
		}
		if next.IsZero() || nextSweep.Before(next) {
			next = nextSweep
		}
		timer.Reset(max(next.Sub(now), 0))
	}
}

// look puts an idle environment before the keeper. Precondition: p.mu is held.
func (p *Pool) look(sl *slot) {
	if sl.inFresh {
		return
	}
	sl.inFresh = true
	p.fresh = append(p.fresh, sl)
	if len(p.fresh) == 1 {
		notify(p.wake)
	}
}

// dueToFreeze takes hold of the environments that were idle for long enough; next is when another one will be.
func (p *Pool) dueToFreeze(now time.Time) (due []*slot, next time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	rest := p.fresh[:0]
	for _, sl := range p.fresh {
		at := sl.idleSince.Add(sl.patience)
		switch {
		case !sl.idle || sl.held != nil:
			sl.inFresh = false
		case at.After(now):
			rest = append(rest, sl)
			if next.IsZero() || at.Before(next) {
				next = at
			}
		default:
			sl.inFresh = false
			sl.held = make(chan struct{})
			due = append(due, sl)
		}
	}
	clear(p.fresh[len(rest):])
	p.fresh = rest
	return due, next
}

// rest freezes an environment whose invocation has ended, and else looks again later. The keeper holds it.
func (p *Pool) rest(ctx context.Context, sl *slot) {
	again, frozen := !sl.env.Settle(0), false
	if !again && p.freeze {
		err := sl.env.Freeze(ctx)
		if frozen = err == nil; !frozen && ctx.Err() == nil {
			p.deps.Log.WarnContext(ctx, "execution environment could not be frozen", "environment", sl.env.ID(), "error", err)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if frozen {
		sl.pace.froze(p.deps.Clock.Now())
	}
	close(sl.held)
	sl.held = nil
	s := p.sets[sl.key]
	switch {
	case !sl.idle || s == nil || p.closed: // somebody waits for it, or it is being closed
	case s.retired:
		p.count.retired++
		p.drop(sl)
		p.giveRoom()
	case again:
		sl.patience = min(2*sl.patience, maxPatience) + p.deps.Clock.Now().Sub(sl.idleSince)
		p.look(sl)
	}
}

// evictIdle drops the environments that were idle for Limits.Idle.
func (p *Pool) evictIdle(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.sets {
		for _, sl := range s.idle {
			if sl.held == nil && now.Sub(sl.idleSince) >= p.deps.Limits.Idle {
				p.count.evicted++
				p.drop(sl)
			}
		}
	}
}

func notify(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
