// SPDX-License-Identifier: Apache-2.0

// Package clock is where time enters Gust: a decision takes `now`, a loop takes a clock. There are two kinds, and neither
// can be given where the other is wanted:
//
//   - Clock, in practice System, is the machine's time: signatures, tokens and sessions, timeouts and budgets, node leases,
//     the times in logs, metering, the limits of a transaction, polls for hints that were lost.
//   - *Service is service time, which is that of the store too: retries, visibility, schedules, retention, waits, TTLs. A
//     test server lets it run fast or moves it forwards.
//
// Read this file, then service.go and timer.go.
package clock

import (
	"context"
	"time"
)

// Clock tells the machine's time and waits. It is safe for concurrent use.
type Clock interface {
	// Now carries a monotonic reading: differences of two Nows are durations that no clock step changes.
	Now() time.Time
	// NewTimer fires once after d; the caller stops it.
	NewTimer(d time.Duration) *time.Timer
	// Sleep returns nil after d, or ctx's error when ctx ends first.
	Sleep(ctx context.Context, d time.Duration) error
}

// System is the machine's clock. Inside a testing/synctest bubble it is the bubble's.
type System struct{}

var _ Clock = System{}

// Now returns the current time.
func (System) Now() time.Time { return time.Now() }

// NewTimer returns a running timer.
func (System) NewTimer(d time.Duration) *time.Timer { return time.NewTimer(d) }

// Sleep waits for d or for the end of ctx.
func (System) Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
