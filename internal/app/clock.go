// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/store"
)

// clockAnchor is the record of where service time is, of a store in which it was moved once. It makes service time go on from
// there after a restart, whatever --clock-speed says then.
var clockAnchor = store.Record[clock.Anchor]{Name: "service time", Version: 1}

func clockKey() []byte { return store.Key(store.PrefixServer, "service-time") }

// mover moves service time, so that it does not go backwards over a restart either: the store knows of a move before
// anybody sees it.
type mover struct {
	store store.Store
	time  *clock.Service
	mu    sync.Mutex
}

// openMover takes up service time where the store's last server left it and lets it run at a speed; nil: that of the
// machine, for a server whose time is not moved.
func openMover(ctx context.Context, st store.Store, t *clock.Service, speed *float64, log *slog.Logger) (*mover, error) {
	m := &mover{store: st, time: t}
	var (
		a     clock.Anchor
		found bool
	)
	if err := st.View(ctx, func(r store.Reader) (err error) {
		a, found, err = clockAnchor.Get(r, clockKey())
		return err
	}); err != nil {
		return nil, fmt.Errorf("service time: %w", err)
	}
	if found {
		if err := clock.CheckSpeed(a.Speed); err != nil {
			return nil, fmt.Errorf("service time: damaged record: %w", err)
		}
		t.Set(a)
	}
	want := 1.0
	if speed != nil {
		want = *speed
	}
	if want != t.Speed() {
		if err := m.move(ctx, 0, want); err != nil {
			return nil, err
		}
	}
	if ahead := t.Ahead(); speed != nil {
		log.WarnContext(ctx, "a server for tests: whoever reaches the API can move service time", "speed", want, "ahead", ahead)
	} else if ahead >= time.Second {
		log.WarnContext(ctx, "service time is ahead of the machine's: a server with --clock-speed has used this data", "ahead", ahead)
	}
	return m, nil
}

// move takes service time forwards by advance and lets it run at speed from there; 0 is the speed that it has.
//
// Errors: clock.ErrSpeed, clock.ErrAdvance, and those of the store, after which nothing has changed.
func (m *mover) move(ctx context.Context, advance time.Duration, speed float64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.time.Speed()
	if speed == 0 {
		speed = old
	}
	if _, err := m.time.Plan(advance, speed); err != nil {
		return err
	}
	// Until the new anchor is stored time may not run faster than that says: it would have to stand still afterwards.
	if err := m.set(0, min(old, speed)); err != nil {
		return err
	}
	a, err := m.time.Plan(advance, speed)
	if err == nil {
		err = m.save(ctx, a)
	}
	if err != nil {
		if err := m.set(0, old); err != nil {
			return err
		}
		return fmt.Errorf("service time was not moved: %w", err)
	}
	m.time.Set(a)
	return nil
}

func (m *mover) set(advance time.Duration, speed float64) error {
	a, err := m.time.Plan(advance, speed)
	if err != nil {
		return err
	}
	m.time.Set(a)
	return nil
}

func (m *mover) save(ctx context.Context, a clock.Anchor) error {
	return m.store.Update(ctx, func(tx store.Tx) error { return clockAnchor.Put(tx, clockKey(), a) })
}

// slowDown lets service time pass as the machine's while no server runs. After a kill it goes on at its speed.
func (m *mover) slowDown(ctx context.Context) error {
	if m.time.Speed() == 1 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, store.MaxDuration)
	defer cancel()
	return m.move(ctx, 0, 1)
}

// moves opens the mover, and returns how service time is moved: nil on a server that is not for tests.
func (s *server) moves(ctx context.Context, c Config, st store.Store, t *clock.Service) (func(context.Context, time.Duration, float64) error, error) {
	m, err := openMover(ctx, st, t, c.ClockSpeed, s.log)
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, func() error { return m.slowDown(context.WithoutCancel(ctx)) })
	if c.ClockSpeed == nil {
		return nil, nil
	}
	return m.move, nil
}
