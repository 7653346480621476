// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/blob"
)

// errBackup is a request for a backup that cannot be made.
var errBackup = errors.New("no backup")

// backup copies a running server's data directory to another directory, from which a server can start.
type backup struct {
	data  *dataDir
	store store.Store
	blobs *blob.Files
}

// to makes the backup in dir, which must not exist. It appears whole or not at all. Packages and files are hard links where
// dir is on the same file system. Whatever was acknowledged before the call is in it.
func (b backup) to(ctx context.Context, dir string) (err error) {
	st, ok := b.store.(interface {
		Backup(ctx context.Context, dir string) error
	})
	if !ok {
		return fmt.Errorf("%w: the store is in a database: back that up with its own tools, then copy %s", errBackup, b.data.path)
	}
	if err := b.check(dir); err != nil {
		return err
	}
	half := dir + ".partial"
	if err := os.RemoveAll(half); err != nil {
		return err
	}
	if err := os.Mkdir(half, 0o700); err != nil {
		return fmt.Errorf("%w: %w", errBackup, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(half))
		}
	}()
	blobs := filepath.Join(half, "blobs")
	// What the store names was there before; what came meanwhile is taken after it.
	if _, err := b.blobs.Backup(ctx, blobs); err != nil {
		return err
	}
	if err := st.Backup(ctx, filepath.Join(half, "kv")); err != nil {
		return err
	}
	if _, err := b.blobs.Backup(ctx, blobs); err != nil {
		return err
	}
	if err := syncDir(half); err != nil {
		return err
	}
	if err := os.Rename(half, dir); err != nil {
		return fmt.Errorf("%w: %w", errBackup, err)
	}
	return syncDir(filepath.Dir(dir))
}

func (b backup) check(dir string) error {
	if !filepath.IsAbs(dir) {
		return fmt.Errorf("%w: %q is not an absolute path", errBackup, dir)
	}
	inside, err := filepath.Rel(b.data.path, dir)
	if err == nil && inside != ".." && !strings.HasPrefix(inside, "../") {
		return fmt.Errorf("%w: %s is inside the data directory", errBackup, dir)
	}
	if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
		if err == nil {
			err = os.ErrExist
		}
		return fmt.Errorf("%w: %s: %w", errBackup, dir, err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the operator names the directory
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
