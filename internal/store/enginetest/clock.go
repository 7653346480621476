// SPDX-License-Identifier: Apache-2.0

package enginetest

import (
	"context"
	"sync"
	"time"

	"github.com/gustcloud/gust/internal/base/clock"
)

// Clock is moved by hand. Its timers and sleeps take real time: engines are not tested on them.
type Clock struct {
	clock.System

	mu  sync.Mutex
	now time.Time
}

var _ clock.Clock = (*Clock)(nil)

// Now implements clock.Clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Sleep returns when ctx ends or d has passed on the real clock.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error { return c.System.Sleep(ctx, d) }

// Move moves the time by d, also backwards.
func (c *Clock) Move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
