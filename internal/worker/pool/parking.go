// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/worker/lifecycle"
	"github.com/gustcloud/gust/internal/worker/sandbox"
)

const (
	refillPause   = 20 * time.Millisecond // after a sandbox was taken: the cold start goes first
	firstBackoff  = 100 * time.Millisecond
	maxBackoff    = 30 * time.Second
	maxTemplates  = 8 // with parked sandboxes; the one unused for longest gives way
	prepareBudget = 30 * time.Second
)

// parking holds sandboxes that were made in advance, for each template.
type parking struct {
	driver      sandbox.Driver
	clock       clock.Clock
	log         *slog.Logger
	perTemplate int // for each template

	mu     sync.Mutex
	stocks map[string]*stock
	closed bool
	wake   chan struct{}
	hits   int64
	misses int64
}

// stock is the parked sandboxes of one template.
type stock struct {
	template  sandbox.Template
	ready     []*lifecycle.Place
	lastUsed  time.Time
	notBefore time.Time
	backoff   time.Duration
}

func newParking(d Deps) *parking {
	return &parking{
		driver: d.Driver, clock: d.Clock, log: d.Log, perTemplate: d.Limits.Parked,
		stocks: make(map[string]*stock), wake: make(chan struct{}, 1),
	}
}

func stockKey(t sandbox.Template) string {
	return fmt.Sprintf("%q %d %q", t.Name, t.EphemeralMB, t.Binds)
}

// want makes the parking hold sandboxes of a template from now on.
func (k *parking) want(t sandbox.Template) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stock(t)
	notify(k.wake)
}

// stock returns the template's stock. Precondition: k.mu is held.
func (k *parking) stock(t sandbox.Template) *stock {
	id := stockKey(t)
	st := k.stocks[id]
	if st == nil {
		st = &stock{template: t}
		k.stocks[id] = st
	}
	st.lastUsed = k.clock.Now()
	return st
}

// place gives a parked sandbox, or makes one.
func (k *parking) place(ctx context.Context, t sandbox.Template) (*lifecycle.Place, error) {
	k.mu.Lock()
	if k.closed {
		k.mu.Unlock()
		return nil, lifecycle.ErrDead
	}
	st := k.stock(t)
	st.notBefore = later(st.notBefore, k.clock.Now().Add(refillPause))
	var p *lifecycle.Place
	if n := len(st.ready); n > 0 {
		p = st.ready[n-1]
		st.ready = st.ready[:n-1]
		k.hits++
	} else {
		k.misses++
	}
	k.mu.Unlock()
	notify(k.wake)
	if p != nil {
		return p, nil
	}
	return k.make(ctx, t)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (k *parking) make(ctx context.Context, t sandbox.Template) (*lifecycle.Place, error) {
	t.Listeners = []sandbox.Address{
		{Network: "tcp", Address: lifecycle.RuntimeAddress},
		{Network: "unix", Address: lifecycle.RuntimeSocket},
		{Network: "tcp", Address: lifecycle.APIAddress},
	}
	sb, err := k.driver.Prepare(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("prepare a sandbox: %w", err)
	}
	p := &lifecycle.Place{Sandbox: sb}
	if p.Runtime, err = sb.Listen(ctx, "tcp", lifecycle.RuntimeAddress); err == nil {
		if p.Socket, err = sb.Listen(ctx, "unix", lifecycle.RuntimeSocket); err == nil {
			p.API, err = sb.Listen(ctx, "tcp", lifecycle.APIAddress)
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen in a sandbox: %w", err), sb.Close())
	}
	return p, nil
}

// run refills the stocks, one sandbox at a time, until ctx ends.
func (k *parking) run(ctx context.Context) {
	timer := k.clock.NewTimer(time.Hour)
	defer timer.Stop()
	for k.perTemplate > 0 {
		st, wait := k.next()
		if st == nil {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
				return
			case <-k.wake:
			case <-timer.C:
			}
			continue
		}
		k.refill(ctx, st)
		if ctx.Err() != nil {
			return
		}
	}
}

// next returns a stock to refill now, or how long there is none.
func (k *parking) next() (*stock, time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.trim()
	now := k.clock.Now()
	wait := time.Hour
	for _, st := range k.stocks {
		if len(st.ready) >= k.perTemplate {
			continue
		}
		if d := st.notBefore.Sub(now); d > 0 {
			wait = min(wait, d)
			continue
		}
		return st, 0
	}
	return nil, wait
}

// trim gives up the stock that was not used for longest when there are too many. Precondition: k.mu is held.
func (k *parking) trim() {
	if len(k.stocks) <= maxTemplates {
		return
	}
	var oldest string
	for id, st := range k.stocks {
		if oldest == "" || st.lastUsed.Before(k.stocks[oldest].lastUsed) {
			oldest = id
		}
	}
	st := k.stocks[oldest]
	delete(k.stocks, oldest)
	for _, p := range st.ready {
		k.discard(p)
	}
}

func (k *parking) discard(p *lifecycle.Place) {
	if err := p.Sandbox.Close(); err != nil {
		k.log.Warn("parked sandbox could not be closed", "error", err)
	}
}

func (k *parking) refill(ctx context.Context, st *stock) {
	bounded, cancel := context.WithTimeout(ctx, prepareBudget)
	defer cancel()
	p, err := k.make(bounded, st.template)
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case err != nil && ctx.Err() == nil:
		st.backoff = min(max(2*st.backoff, firstBackoff), maxBackoff)
		st.notBefore = k.clock.Now().Add(st.backoff)
		k.log.WarnContext(ctx, "no sandbox could be parked", "template", st.template.Name, "retry_in", st.backoff, "error", err)
	case err != nil:
	case k.closed:
		k.discard(p)
	default:
		st.backoff = 0
		st.ready = append(st.ready, p)
	}
}

// close closes the parked sandboxes.
func (k *parking) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
	for _, st := range k.stocks {
		for _, p := range st.ready {
			k.discard(p)
		}
		st.ready = nil
	}
}
