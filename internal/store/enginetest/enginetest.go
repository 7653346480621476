// SPDX-License-Identifier: Apache-2.0

// Package enginetest is the one test suite of all store engines, and a checking wrapper that makes the faults of
// code above the store show early. It knows no engine.
//
// Read this file for the list of tests; check.go has the wrapper, faults.go what runs through it.
package enginetest

import (
	"errors"
	"testing"
	"time"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/store"
)

// Open returns an empty store whose time is c's. The suite closes it.
type Open func(t *testing.T, c clock.Clock) store.Store

// Run tests an engine.
func Run(t *testing.T, open Open) {
	t.Helper()
	tests := []struct {
		name string
		test func(*fixture)
	}{
		{"get and set", testGetSet},
		{"arguments and results are copies", testCopies},
		{"scan", testScan},
		{"read your writes", testReadYourWrites},
		{"scan while writing", testScanWhileWriting},
		{"delete range", testDeleteRange},
		{"reserved keys", testReservedKeys},
		{"failed transaction writes nothing", testFailure},
		{"panic leaves the store usable", testPanic},
		{"use after return", testUseAfterReturn},
		{"sticky errors", testSticky},
		{"limits", testLimits},
		{"duration", testDuration},
		{"cancelled context", testCancelled},
		{"on commit", testOnCommit},
		{"watch", testWatch},
		{"time never goes backwards", testTime},
		{"allocate id", testAllocateID},
		{"close", testClose},
		{"conflicts", testConflicts},
		{"conflicts end", testConflictsEnd},
		{"view is one snapshot", testViewSnapshot},
		{"transaction reads one snapshot", testTxSnapshot},
		{"lost update", testLostUpdate},
		{"write skew", testWriteSkew},
		{"phantom", testPhantom},
		{"append order", testAppendOrder},
		{"append in one transaction", testAppendInTransaction},
		{"transfers under load", testTransfers},
		{"history replays in commit order", testReplay},
		{"history is linearizable", testLinearizable},
		{"delete range at one moment", testDeleteRangeOrder},
		{"functions run again", testRunAgain},
		{"unknown outcome", testUnknownOutcome},
		{"lost hints", testLostHints},
		{"cancelled contexts under load", testCancelledUnderLoad},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &fixture{t: t, clock: &Clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}}
			f.Store = open(t, f.clock)
			t.Cleanup(func() {
				if err := f.Close(); err != nil && !errors.Is(err, store.ErrClosed) {
					t.Errorf("close: %v", err)
				}
			})
			tt.test(f)
		})
	}
}

// fixture is a store under test.
type fixture struct {
	store.Store
	t     *testing.T
	clock *Clock
}

// mustUpdate commits fn.
func (f *fixture) mustUpdate(t *testing.T, fn func(store.Tx)) {
	t.Helper()
	if err := f.Update(t.Context(), func(tx store.Tx) error { fn(tx); return nil }); err != nil {
		t.Fatalf("update: %v", err)
	}
}

// mustSet stores each key with itself as its value.
func (f *fixture) mustSet(t *testing.T, keys ...string) {
	t.Helper()
	f.mustUpdate(t, func(tx store.Tx) {
		for _, k := range keys {
			tx.Set([]byte(k), []byte(k))
		}
	})
}

// get returns the value at key, "<nil>" when it is absent.
func (f *fixture) get(t *testing.T, key string) string {
	t.Helper()
	var out string
	if err := f.View(t.Context(), func(r store.Reader) error {
		var err error
		out, err = getString(r, key)
		return err
	}); err != nil {
		t.Fatalf("get %q: %v", key, err)
	}
	return out
}

// keys returns all keys that start with prefix, joined by spaces.
func (f *fixture) keys(t *testing.T, prefix string) string {
	t.Helper()
	var out string
	if err := f.View(t.Context(), func(r store.Reader) error {
		var err error
		out, err = scanString(r, store.PrefixRange([]byte(prefix)), store.ScanOptions{KeysOnly: true})
		return err
	}); err != nil {
		t.Fatalf("scan %q: %v", prefix, err)
	}
	return out
}

func getString(r store.Reader, key string) (string, error) {
	v, err := r.Get([]byte(key))
	if v == nil {
		return "<nil>", err
	}
	return string(v), err
}

// scanString returns "key" or "key=value" of each item that differs from it, joined by spaces.
func scanString(r store.Reader, rng store.Range, o store.ScanOptions) (string, error) {
	out := ""
	for it, err := range r.Scan(rng, o) {
		if err != nil {
			return out, err
		}
		if out != "" {
			out += " "
		}
		out += string(it.Key)
		if !o.KeysOnly && string(it.Value) != string(it.Key) {
			out += "=" + string(it.Value)
		}
	}
	return out, nil
}

// must fails the test from any goroutine.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// beside runs fn in a goroutine of its own and waits: another client while a transaction runs.
func beside(fn func() error) error {
	done := make(chan error, 1)
	go func() { done <- fn() }()
	return <-done
}
