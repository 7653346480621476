// SPDX-License-Identifier: Apache-2.0

package enginetest_test

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/engine/pebble"
	"github.com/gustcloud/gust/internal/store/enginetest"
)

func mustOpen(t *testing.T, c clock.Clock) store.Store {
	t.Helper()
	s, err := pebble.Open(pebble.Options{Ephemeral: true, Clock: c, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestWrapperKeepsTheContract: without reruns the suite does not notice the wrapper.
func TestWrapperKeepsTheContract(t *testing.T) {
	t.Parallel()
	enginetest.Run(t, func(t *testing.T, c clock.Clock) store.Store {
		t.Helper()
		return enginetest.Check(mustOpen(t, c), enginetest.Faults{})
	})
}

func TestWrapperShowsFaultsOfItsUsers(t *testing.T) {
	t.Parallel()
	inner := mustOpen(t, clock.System{})
	defer func() {
		if err := inner.Close(); err != nil {
			t.Error(err)
		}
	}()
	s := enginetest.Check(inner, enginetest.Faults{Rerun: 1, DropHint: 1})
	hint, stop := s.Watch([]byte("topic"))
	defer stop()
	outside, hooks := 0, 0
	if err := s.Update(t.Context(), func(tx store.Tx) error {
		outside++ // the fault: an effect outside the transaction
		tx.Append([]byte("a"), []byte("x"))
		tx.OnCommit(func() { hooks++ })
		tx.Notify([]byte("topic"))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var kept store.Item // the fault: an item kept beyond its step
	n := 0
	if err := s.View(t.Context(), func(r store.Reader) error {
		for it, err := range r.Scan(store.Range{}, store.ScanOptions{}) {
			if err != nil {
				return err
			}
			kept, n = it, n+1
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if outside != 2 || hooks != 1 || n != 1 || string(kept.Value) != "\xdb" || len(hint) != 0 {
		t.Errorf("%d runs, %d hooks, %d entries, kept %q, %d hints", outside, hooks, n, kept.Value, len(hint))
	}
}

func TestWrapperAnswersUnknownOutcome(t *testing.T) {
	t.Parallel()
	inner := mustOpen(t, clock.System{})
	defer func() {
		if err := inner.Close(); err != nil {
			t.Error(err)
		}
	}()
	s := enginetest.Check(inner, enginetest.Faults{Unknown: 1, Seed: 1})
	there := 0
	for i := range 20 {
		key := []byte{'k', byte(i)}
		err := s.Update(t.Context(), func(tx store.Tx) error {
			tx.Set(key, nil)
			tx.OnCommit(func() { t.Error("a hook ran") })
			return nil
		})
		if !errors.Is(err, store.ErrUnknownOutcome) {
			t.Fatalf("update: %v", err)
		}
		if err := s.View(t.Context(), func(r store.Reader) error {
			v, err := r.Get(key)
			if v != nil {
				there++
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if there == 0 || there == 20 {
		t.Errorf("%d of 20 were committed, want some", there)
	}
	if err := s.Update(t.Context(), func(store.Tx) error { return nil }); err != nil {
		t.Errorf("an update without writes: %v", err)
	}
}
