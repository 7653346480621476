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

func TestEngine(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgtest.Options{})
	enginetest.Run(t, func(t *testing.T, c clock.Clock) store.Store {
		t.Helper()
		return mustOpen(t, server.URL(), c)
	})
}
