// SPDX-License-Identifier: Apache-2.0

package blob

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/gustcloud/gust/internal/store"
)

// Directories below Options.Dir. A blob is DIR/KIND/ab/abcd...
const (
	tmpDir     = "tmp"    // being written; emptied at start
	contentDir = "sha256" // by content
	ownedDir   = "id"     // by random id
)

// Options says where the files are. Dir and Random are required.
type Options struct {
	Dir    string    // of this process alone: the lock of the store's directory covers it
	Random io.Reader // of ids; must not fail
	FS     vfs.FS    // nil: the machine's
}

// Files keeps each blob in a file.
type Files struct {
	fs  vfs.FS
	dir string

	randomMu sync.Mutex
	random   io.Reader

	// mu keeps a commit of content apart from the sweep of the same content. It also guards synced.
	mu     sync.Mutex
	synced map[string]bool // directories that exist on the disk for certain
}

var _ Blobs = (*Files)(nil)

// Open makes the directories and removes what a crash left half written.
func Open(o Options) (*Files, error) {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	f := &Files{fs: o.FS, dir: o.Dir, random: o.Random, synced: map[string]bool{}}
	tmp := f.fs.PathJoin(f.dir, tmpDir)
	if err := f.makeDir(tmp); err != nil {
		return nil, fmt.Errorf("blob: make %s: %w", tmp, err)
	}
	names, err := f.fs.List(tmp)
	if err != nil {
		return nil, fmt.Errorf("blob: list %s: %w", tmp, err)
	}
	for _, n := range names {
		if err := f.fs.Remove(f.fs.PathJoin(tmp, n)); err != nil {
			return nil, fmt.Errorf("blob: remove what was left half written: %w", err)
		}
	}
	return f, nil
}

// Open implements Blobs.
func (f *Files) Open(ctx context.Context, ref Ref) (Reader, error) {
	name, err := f.path(ref)
	if err = errors.Join(err, ctx.Err()); err != nil {
		return nil, err
	}
	file, err := f.fs.Open(name, vfs.RandomReadsOption)
	if err != nil {
		return nil, fmt.Errorf("blob: open: %w", err)
	}
	info, err := file.Stat()
	if err == nil && info.Size() != ref.Size {
		err = &store.CorruptError{Dir: f.dir, Err: fmt.Errorf("blob %s has %d bytes, want %d", name, info.Size(), ref.Size)}
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &reader{file, ref.Size}, nil
}

type reader struct {
	vfs.File
	size int64
}

// Size implements Reader.
func (r *reader) Size() int64 { return r.size }

// Delete implements Blobs.
func (f *Files) Delete(ctx context.Context, ref Ref) error {
	if ref.ID == "" {
		return ErrShared
	}
	name, err := f.path(ref)
	if err = errors.Join(err, ctx.Err()); err != nil {
		return err
	}
	// Not synced: after a power cut it is again there, and nothing names it.
	if err := f.fs.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("blob: delete: %w", err)
	}
	return nil
}

// Sweep implements Blobs.
func (f *Files) Sweep(ctx context.Context, before time.Time, keep func(Ref) (bool, error)) (removed int, err error) {
	for _, kind := range []string{contentDir, ownedDir} {
		top := f.fs.PathJoin(f.dir, kind)
		shards, err := f.list(top)
		if err != nil {
			return removed, err
		}
		for _, shard := range shards {
			names, err := f.list(f.fs.PathJoin(top, shard))
			if err != nil {
				return removed, err
			}
			for _, n := range names {
				gone, err := f.sweepOne(ctx, kind, n, before, keep)
				if err != nil {
					return removed, err
				}
				if gone {
					removed++
				}
			}
		}
	}
	return removed, nil
}

func (f *Files) sweepOne(ctx context.Context, kind, name string, before time.Time, keep func(Ref) (bool, error)) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	ref := Ref{ID: name}
	if kind == contentDir {
		ref.ID = ""
		if err := ref.SHA256.UnmarshalText([]byte(name)); err != nil {
			return false, nil // not ours
		}
	}
	path, err := f.path(ref)
	if err != nil {
		return false, nil // not ours
	}
	if kept, err := keep(ref); kept || err != nil {
		return false, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := f.fs.Stat(path) // under the lock: it may just have been committed again
	if errors.Is(err, fs.ErrNotExist) || (err == nil && !info.ModTime().Before(before)) {
		return false, nil
	}
	if err == nil {
		err = f.fs.Remove(path)
	}
	if err != nil {
		return false, fmt.Errorf("blob: sweep: %w", err)
	}
	return true, nil
}

// list is empty for a directory that is not there.
func (f *Files) list(dir string) ([]string, error) {
	names, err := f.fs.List(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("blob: list: %w", err)
	}
	return names, nil
}

// path refuses ids that this package did not make: they come from records.
func (f *Files) path(ref Ref) (string, error) {
	kind, name := ownedDir, ref.ID
	if ref.ID == "" {
		kind, name = contentDir, ref.SHA256.String()
	} else if b, err := hex.DecodeString(ref.ID); err != nil || len(b) != idBytes {
		return "", fmt.Errorf("blob: malformed id %.80q", ref.ID)
	}
	return f.fs.PathJoin(f.dir, kind, name[:2], name), nil
}

func (f *Files) newID() (string, error) {
	f.randomMu.Lock()
	defer f.randomMu.Unlock()
	b := make([]byte, idBytes)
	if _, err := io.ReadFull(f.random, b); err != nil {
		return "", fmt.Errorf("blob: random id: %w", err)
	}
	return hex.EncodeToString(b), nil
}

const idBytes = 16
