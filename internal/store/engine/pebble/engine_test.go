// SPDX-License-Identifier: Apache-2.0

package pebble

import (
	"log/slog"
	"testing"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/enginetest"
)

// mustOpen opens a store that logs to the test; what is unset in o is filled in.
func mustOpen(t testing.TB, o Options) *Store {
	t.Helper()
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	o.Log = slog.New(slog.DiscardHandler)
	s, err := Open(o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return s
}

func TestEngineOnDisk(t *testing.T) {
	t.Parallel()
	enginetest.Run(t, func(t *testing.T, c clock.Clock) store.Store {
		t.Helper()
		return mustOpen(t, Options{Dir: t.TempDir(), Clock: c})
	})
}

func TestEngineInMemory(t *testing.T) {
	t.Parallel()
	enginetest.Run(t, func(t *testing.T, c clock.Clock) store.Store {
		t.Helper()
		return mustOpen(t, Options{Ephemeral: true, Clock: c})
	})
}
