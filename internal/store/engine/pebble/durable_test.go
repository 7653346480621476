// SPDX-License-Identifier: Apache-2.0

package pebble

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/enginetest"
)

// diskFS holds back or fails the syncs of files that were made while it does so.
type diskFS struct {
	vfs.FS
	mu   sync.Mutex
	gate chan struct{} // syncs wait until it is closed
	err  error         // of syncs
	full error         // of writes
}

func (d *diskFS) set(gate chan struct{}, err, full error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gate, d.err, d.full = gate, err, full
}

func (d *diskFS) sync(fn func() error) error {
	d.mu.Lock()
	gate, err := d.gate, d.err
	d.mu.Unlock()
	if gate != nil {
		<-gate
	}
	if err != nil {
		return err
	}
	return fn()
}

func (d *diskFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.Create(name, c)
	return diskFile{f, d}, err
}

type diskFile struct {
	vfs.File
	disk *diskFS
}

func (f diskFile) Write(b []byte) (int, error) {
	f.disk.mu.Lock()
	err := f.disk.full
	f.disk.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return f.File.Write(b)
}

func (f diskFile) Sync() error     { return f.disk.sync(f.File.Sync) }
func (f diskFile) SyncData() error { return f.disk.sync(f.File.SyncData) }

// TestNothingIsSeenBeforeItIsDurable: what is visible but not on the disk yet makes its readers wait. They show it by
// ending with the error of their context, which they end themselves.
func TestNothingIsSeenBeforeItIsDurable(t *testing.T) {
	t.Parallel()
	disk := &diskFS{FS: vfs.NewMem()}
	s := mustOpen(t, Options{Dir: "/store", FS: disk})
	gate := make(chan struct{})
	disk.set(gate, nil, nil)
	written := make(chan error, 1)
	go func() {
		written <- s.Update(t.Context(), func(tx store.Tx) error { tx.Set([]byte("a"), []byte("1")); return nil })
	}()
	sees := func(r store.Reader) bool {
		v, err := r.Get([]byte("a"))
		if err != nil {
			t.Error(err)
		}
		return v != nil
	}
	refuse := errors.New("exists")
	readers := map[string]func(context.Context, func(store.Reader)) error{
		"view": func(ctx context.Context, seen func(store.Reader)) error {
			return s.View(ctx, func(r store.Reader) error { seen(r); return nil })
		},
		"update that fails": func(ctx context.Context, seen func(store.Reader)) error {
			return s.Update(ctx, func(tx store.Tx) error { seen(tx); return refuse })
		},
	}
	for visible := false; !visible; {
		ctx, cancel := context.WithCancel(t.Context())
		if err := s.View(ctx, func(r store.Reader) error { visible = sees(r); cancel(); return nil }); visible && err == nil {
			t.Fatal("a view returned what is not durable")
		}
	}
	for name, read := range readers {
		ctx, cancel := context.WithCancel(t.Context())
		if err := read(ctx, func(r store.Reader) {
			if !sees(r) {
				t.Errorf("%s: the write has gone", name)
			}
			cancel()
		}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s returned %v before the write was durable", name, err)
		}
	}
	close(gate)
	if err := <-written; err != nil {
		t.Error(err)
	}
	for name, read := range readers {
		if err := read(t.Context(), func(r store.Reader) { sees(r) }); err != nil && !errors.Is(err, refuse) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestFailedDisk: a commit that does not reach the disk has an unknown outcome, its hooks do not run, and the store
// stops, with an error that names the cause.
func TestFailedDisk(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		sync, full error
	}{{"sync fails", syscall.EIO, nil}, {"disk is full", nil, syscall.ENOSPC}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			disk := &diskFS{FS: vfs.NewMem()}
			s := mustOpen(t, Options{Dir: "/store", FS: disk})
			cause, ran := cmp.Or(tt.sync, tt.full), false
			disk.set(nil, tt.sync, tt.full)
			set := func(tx store.Tx) error {
				tx.Set([]byte("a"), nil)
				tx.OnCommit(func() { ran = true })
				return nil
			}
			if err := s.Update(t.Context(), set); !errors.Is(err, store.ErrUnknownOutcome) || !errors.Is(err, cause) {
				t.Errorf("update: %v, want ErrUnknownOutcome and the cause", err)
			}
			for name, err := range map[string]error{
				"Update": s.Update(t.Context(), set),
				"View":   s.View(t.Context(), func(store.Reader) error { return nil }),
				"Err":    s.Err(),
				"Close":  s.Close(),
			} {
				if !errors.Is(err, cause) {
					t.Errorf("%s after the failure: %v", name, err)
				}
			}
			if ran {
				t.Error("the hook of a commit with an unknown outcome ran")
			}
		})
	}
}

func TestAppendNumbersSurviveARestart(t *testing.T) {
	t.Parallel()
	dir, last := t.TempDir(), ""
	for round := range 3 {
		s := mustOpen(t, Options{Dir: dir})
		for range 2 {
			if err := s.Update(t.Context(), func(tx store.Tx) error { tx.Append([]byte("p"), nil); return nil }); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.View(t.Context(), func(r store.Reader) error {
			n := 0
			for it, err := range r.Scan(store.PrefixRange([]byte("p")), store.ScanOptions{}) {
				if err != nil {
					return err
				}
				if n++; n > 2*round && string(it.Key) <= last {
					t.Errorf("round %d: key %q after %q", round, it.Key, last)
				}
				last = string(it.Key)
			}
			if n != 2*(round+1) {
				t.Errorf("round %d: %d entries: numbers were given out twice", round, n)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestHistoryIsBounded: a transaction that lives long neither fills the memory nor misses a conflict.
func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Options{Ephemeral: true, Clock: &enginetest.Clock{}}) // on a slow machine it takes long
	write := func(from, n int) error {
		return s.Update(t.Context(), func(tx store.Tx) error {
			for i := range n {
				tx.Set(fmt.Appendf(nil, "k%d", from+i), nil)
			}
			return nil
		})
	}
	sizes := func() (keys, byKey, live int) {
		s.commitMu.Lock()
		defer s.commitMu.Unlock()
		return s.history.keys, len(s.history.byKey), len(s.live.entries)
	}
	runs := 0
	if err := s.Update(t.Context(), func(tx store.Tx) error {
		if _, err := tx.Get([]byte("k0")); err != nil {
			return err
		}
		if runs++; runs == 1 {
			done := make(chan error)
			go func() {
				err := error(nil)
				for i := range 8 {
					err = errors.Join(err, write(i*10_000, 10_000))
				}
				done <- err
			}()
			if err := <-done; err != nil {
				return err
			}
			if keys, byKey, _ := sizes(); keys > maxHistory || byKey > keys {
				t.Errorf("%d keys are remembered, at most %d", keys, maxHistory)
			}
		}
		tx.Set([]byte("result"), nil)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if runs != 2 {
		t.Errorf("%d runs, want 2: k0 was written while the first ran", runs)
	}
	if err := write(0, 1); err != nil {
		t.Fatal(err)
	}
	if keys, byKey, live := sizes(); keys+byKey+live != 0 {
		t.Errorf("nothing runs, but %d keys, %d versions, %d transactions are remembered", keys, byKey, live)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
