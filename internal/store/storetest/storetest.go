// SPDX-License-Identifier: Apache-2.0

// Package storetest gives tests of the code above the store a store: Pebble in memory, with the faults that the
// contract allows. It is not for engines: those have enginetest.
package storetest

import (
	"log/slog"
	"math/rand/v2"
	"testing"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/engine/pebble"
	"github.com/gustcloud/gust/internal/store/enginetest"
)

// New returns an empty store that re-runs functions at random, loses hints at random, and overwrites scanned items
// after their step. It is closed at the end of the test. A test in a bubble of testing/synctest calls it inside the
// bubble, with the bubble's T: the store's goroutines have to be there too.
func New(tb testing.TB) store.Store {
	tb.Helper()
	return NewWithClock(tb, clock.System{})
}

// NewWithClock is New with a clock of the test's.
func NewWithClock(tb testing.TB, c clock.Clock) store.Store {
	tb.Helper()
	return NewWithTime(tb, clock.NewService(c))
}

// NewWithTime is New with the test's service time.
func NewWithTime(tb testing.TB, c *clock.Service) store.Store {
	tb.Helper()
	s, err := pebble.Open(pebble.Options{Ephemeral: true, Clock: c.Machine(), Time: c, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		tb.Fatalf("open a store in memory: %v", err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("close the store: %v", err)
		}
	})
	seed := rand.Uint64()
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("faults of the store came from seed %d", seed)
		}
	})
	return enginetest.Check(s, enginetest.Faults{Rerun: 0.3, DropHint: 0.3, Seed: seed})
}
