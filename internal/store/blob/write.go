// SPDX-License-Identifier: Apache-2.0

package blob

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// writer writes a file below tmp, and moves it to its place when it is on the disk.
type writer struct {
	f     *Files
	ended func() error // the context's
	file  vfs.File
	tmp   string
	id    string // "": named by content
	sum   hash.Hash
	size  int64
	err   error // aborted or committed
}

var (
	errAborted   = errors.New("blob: writer was aborted")
	errCommitted = errors.New("blob: writer was committed")
)

// Create implements Blobs.
func (f *Files) Create(ctx context.Context) (Writer, error) {
	id, err := f.newID()
	if err != nil {
		return nil, err
	}
	return f.create(ctx, id, id)
}

// CreateContent implements Blobs.
func (f *Files) CreateContent(ctx context.Context) (Writer, error) {
	tmp, err := f.newID()
	if err != nil {
		return nil, err
	}
	return f.create(ctx, tmp, "")
}

func (f *Files) create(ctx context.Context, tmp, id string) (*writer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w := &writer{f: f, ended: ctx.Err, tmp: f.fs.PathJoin(f.dir, tmpDir, tmp), id: id, sum: sha256.New()}
	var err error
	if w.file, err = f.fs.Create(w.tmp, vfs.WriteCategoryUnspecified); err != nil {
		return nil, fmt.Errorf("blob: create: %w", err)
	}
	return w, nil
}

// Write implements Writer.
func (w *writer) Write(b []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	if err := w.ended(); err != nil {
		return 0, w.abort(err)
	}
	n, err := w.file.Write(b)
	w.sum.Write(b[:n])
	w.size += int64(n)
	if err != nil {
		return n, w.abort(fmt.Errorf("blob: write: %w", err))
	}
	return n, nil
}

// Commit implements Writer: the data reaches the disk first, then its name.
func (w *writer) Commit() (Ref, error) {
	if w.err != nil {
		return Ref{}, w.err
	}
	if err := w.ended(); err != nil {
		return Ref{}, w.abort(err)
	}
	ref := Ref{ID: w.id, SHA256: Digest(w.sum.Sum(nil)), Size: w.size}
	if err := w.file.Sync(); err != nil {
		return Ref{}, w.abort(fmt.Errorf("blob: sync: %w", err))
	}
	if err := w.f.place(w.tmp, ref); err != nil {
		return Ref{}, w.abort(fmt.Errorf("blob: commit: %w", err))
	}
	w.err = errCommitted
	if err := w.file.Close(); err != nil {
		return Ref{}, fmt.Errorf("blob: close: %w", err)
	}
	return ref, nil
}

// Abort implements Writer.
func (w *writer) Abort() {
	if w.err == nil {
		_ = w.abort(errAborted)
	}
}

// abort frees the space at once: the disk may be full.
func (w *writer) abort(err error) error {
	w.err = err
	cerr, rerr := w.file.Close(), w.f.fs.Remove(w.tmp)
	if errors.Is(rerr, fs.ErrNotExist) { // it had its name already
		rerr = nil
	}
	return errors.Join(err, cerr, rerr)
}

// place gives a synced file its name. Content that is there already is replaced by the same bytes, which also makes
// it young for a sweep.
func (f *Files) place(tmp string, ref Ref) error {
	name, err := f.path(ref)
	if err != nil {
		return err
	}
	shard := f.fs.PathDir(name)
	if err := f.rename(tmp, shard, name); err != nil {
		return err
	}
	return f.syncDir(shard)
}

func (f *Files) rename(tmp, shard, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.makeDirLocked(shard); err != nil {
		return err
	}
	return f.fs.Rename(tmp, name)
}

func (f *Files) makeDir(dir string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.makeDirLocked(dir)
}

// makeDirLocked makes dir and its parents, and their names durable. What existed above Options.Dir is its owner's.
func (f *Files) makeDirLocked(dir string) error {
	if f.synced[dir] {
		return nil
	}
	if !strings.HasPrefix(dir, f.dir) {
		if _, err := f.fs.Stat(dir); err == nil {
			return nil
		}
	}
	parent := f.fs.PathDir(dir)
	if parent != dir {
		if err := f.makeDirLocked(parent); err != nil {
			return err
		}
	}
	if err := f.fs.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := f.syncDir(parent); err != nil {
		return err
	}
	f.synced[dir] = true
	return nil
}

func (f *Files) syncDir(dir string) error {
	d, err := f.fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
