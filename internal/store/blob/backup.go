// SPDX-License-Identifier: Apache-2.0

package blob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Backup gives dir every blob that is there, as hard links where it is on the same file system and as copies elsewhere; what
// dir has already stays. It returns how many it added. A blob that is deleted meanwhile may be missing: take the blobs, then
// the store, then the blobs again, and whatever the store names is there.
func (f *Files) Backup(ctx context.Context, dir string) (added int, err error) {
	for _, kind := range []string{contentDir, ownedDir} {
		shards, err := f.list(f.fs.PathJoin(f.dir, kind))
		if err != nil {
			return added, err
		}
		for _, shard := range shards {
			n, err := f.backupShard(ctx, f.fs.PathJoin(kind, shard), dir)
			if added += n; err != nil {
				return added, err
			}
		}
	}
	return added, nil
}

func (f *Files) backupShard(ctx context.Context, shard, dir string) (added int, err error) {
	from, to := f.fs.PathJoin(f.dir, shard), f.fs.PathJoin(dir, shard)
	names, err := f.list(from)
	if err != nil || len(names) == 0 {
		return 0, err
	}
	if err := f.fs.MkdirAll(to, 0o700); err != nil {
		return 0, fmt.Errorf("blob: back up: %w", err)
	}
	for _, n := range names {
		if err := ctx.Err(); err != nil {
			return added, err
		}
		target := f.fs.PathJoin(to, n)
		if _, err := f.fs.Stat(target); err == nil {
			continue
		}
		switch err := vfs.LinkOrCopy(f.fs, f.fs.PathJoin(from, n), target); {
		case errors.Is(err, fs.ErrNotExist): // deleted meanwhile
		case err != nil:
			return added, fmt.Errorf("blob: back up: %w", err)
		default:
			added++
		}
	}
	d, err := f.fs.OpenDir(to)
	if err != nil {
		return added, fmt.Errorf("blob: back up: %w", err)
	}
	return added, errors.Join(d.Sync(), d.Close())
}
