// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"log/slog"
	"testing"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/engine/postgres/pgtest"
	"github.com/gustcloud/gust/internal/store/enginetest"
)

var testLog = slog.New(slog.DiscardHandler)

// mustOpen opens the store at url.
func mustOpen(tb testing.TB, url string, c clock.Clock) *Store {
	tb.Helper()
	s, err := Open(tb.Context(), Options{URL: url, Clock: c, Log: testLog})
	if err != nil {
		tb.Fatalf("open: %v", err)
	}
	return s
}

// TestOnOneServer has the tests that leave the server alone.
func TestOnOneServer(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgtest.Options{Settings: []string{"synchronous_commit=off"}})
	for _, tt := range []struct {
		name string
		test func(*testing.T, *pgtest.Server)
	}{
		{"engine", testEngine},
		{"two nodes", testTwoNodes},
		{"open at once", testOpenAtOnce},
		{"open refuses", testOpenRefuses},
		{"synchronous commit", testSynchronousCommit},
		{"fourth run keeps others out", testFourthRunKeepsOthersOut},
		{"lost answer to commit", testLostAnswerToCommit},
		{"end inside commit", testEndInsideCommit},
		{"lock wait", testLockWait},
		{"few connections", testFewConnections},
	} {
		t.Run(tt.name, func(t *testing.T) { t.Parallel(); tt.test(t, server) })
	}
}

// testEngine runs the suite of all engines.
func testEngine(t *testing.T, server *pgtest.Server) {
	t.Helper()
	enginetest.Run(t, func(t *testing.T, c clock.Clock) store.Store {
		t.Helper()
		return mustOpen(t, server.URL(), c)
	})
}
