// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"path/filepath"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/engine/pebble"
	"github.com/gustcloud/gust/internal/store/engine/postgres"
)

// openStore opens the store that --store names, else the one in the data directory.
func openStore(ctx context.Context, c Config, d *dataDir, t *clock.Service, log *slog.Logger) (store.Store, error) {
	if c.Store != "" {
		return openDatabase(ctx, c, t, log)
	}
	return openDirectory(d, t, log)
}

// openDatabase connects to PostgreSQL and says what can be done where that fails.
func openDatabase(ctx context.Context, c Config, t *clock.Service, log *slog.Logger) (store.Store, error) {
	st, err := postgres.Open(ctx, postgres.Options{URL: c.Store, Clock: t.Machine(), Time: t, Log: log})
	var (
		corrupt *store.CorruptError
		format  *store.FormatError
	)
	switch {
	case err == nil:
		return st, nil
	case errors.Is(err, store.ErrUnavailable):
		return nil, &setupError{err, "Check the URL in --store, and that the server runs and lets this machine in."}
	case errors.As(err, &corrupt):
		return nil, &setupError{err, "Nothing was changed. Restore the database from a backup, or name another one with --store."}
	case errors.As(err, &format):
		return nil, &setupError{err, "Nothing was changed. Use that version, or name another database with --store."}
	}
	return nil, err
}

// openDirectory opens the embedded store and says what can be done where it cannot be opened.
func openDirectory(d *dataDir, t *clock.Service, log *slog.Logger) (store.Store, error) {
	st, err := pebble.Open(pebble.Options{Dir: filepath.Join(d.path, "kv"), Ephemeral: d.temporary, Clock: t.Machine(), Time: t, Log: log})
	var (
		corrupt *store.CorruptError
		format  *store.FormatError
	)
	switch {
	case err == nil:
		return st, nil
	case errors.Is(err, store.ErrInUse):
		return nil, inUse(d.path, "")
	case errors.As(err, &corrupt):
		return nil, &setupError{
			err, "Nothing was changed. Restore " + d.path + " from a backup, or start with another --data DIR.",
		}
	case errors.As(err, &format):
		return nil, &setupError{err, "Nothing was changed. Use that version, or start with another --data DIR."}
	case errors.Is(err, fs.ErrPermission):
		return nil, &setupError{err, "The data directory belongs to another user. Choose another one with --data DIR."}
	}
	return nil, err
}
