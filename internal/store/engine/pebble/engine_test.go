// SPDX-License-Identifier: Apache-2.0

package pebble

import (
	"log/slog"
	"testing"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/enginetest"
)

var (
	testClock = clock.System{}
	testLog   = slog.New(slog.DiscardHandler)
)

// mustOpen opens a store that logs to the test; what is unset in o is filled in.
func mustOpen(tb testing.TB, o Options) *Store {
	tb.Helper()
	if o.Clock == nil {
		o.Clock = testClock
	}
	o.Log = testLog
	s, err := Open(o)
	if err != nil {
		tb.Fatalf("open: %v", err)
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

// TestFourthRunHasTheCommitLock: what conflicts again and again is at last run where it cannot.
func TestFourthRunHasTheCommitLock(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Options{Ephemeral: true})
	runs := 0
	set := func(tx store.Tx) error { tx.Set([]byte("a"), nil); return nil }
	if err := s.Update(t.Context(), func(st store.Tx) error {
		if _, err := st.Get([]byte("a")); err != nil {
			return err
		}
		runs++
		if own, ok := st.(*tx); !ok || own.exclusive != (runs > maxConflicts) {
			t.Errorf("run %d: exclusive = %v", runs, own.exclusive)
		}
		if runs <= maxConflicts {
			other := make(chan error)
			go func() { other <- s.Update(t.Context(), set) }()
			if err := <-other; err != nil {
				return err
			}
		} else if s.commitMu.TryLock() {
			t.Error("the commit lock is free")
			s.commitMu.Unlock()
		}
		return set(st)
	}); err != nil || runs != maxConflicts+1 {
		t.Errorf("%d runs, %v", runs, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
