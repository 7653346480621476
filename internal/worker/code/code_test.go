// SPDX-License-Identifier: Apache-2.0

package code

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gustcloud/gust/internal/invoke"
)

type reader struct{ *bytes.Reader }

func (reader) Close() error { return nil }

// source counts how often a package was opened.
type source struct {
	zip    []byte
	opened atomic.Int32
}

func (s *source) open(context.Context) (invoke.CodeReader, error) {
	s.opened.Add(1)
	return reader{bytes.NewReader(s.zip)}, nil
}

func (s *source) sha() string {
	sum := sha256.Sum256(s.zip)
	return hex.EncodeToString(sum[:])
}

func newCache(dir, epoch string) *Cache {
	return New(Deps{Dir: dir, Log: slog.New(slog.DiscardHandler), Epoch: epoch})
}

func mustAcquire(t *testing.T, c *Cache, s *source) *Package {
	t.Helper()
	p, err := c.Acquire(t.Context(), s.sha(), s.open)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func exists(t *testing.T, path string) bool {
	t.Helper()
	_, err := os.Stat(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

func TestConcurrentCallersShareOneUnpacking(t *testing.T) {
	s := &source{zip: mustZip(t, zipEntry{"app.py", "x", 0o644})}
	c := newCache(t.TempDir(), "boot")
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			p, err := c.Acquire(t.Context(), s.sha(), s.open)
			if err != nil {
				t.Error(err)
				return
			}
			defer p.Release()
			if _, err := os.Stat(filepath.Join(p.Dir, "app.py")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := s.opened.Load(); n != 1 {
		t.Errorf("opened %d times", n)
	}
}

func TestRetiredCodeGoesWithItsLastEnvironment(t *testing.T) {
	s := &source{zip: mustZip(t, zipEntry{"app.py", "x", 0o644})}
	c := newCache(t.TempDir(), "boot")
	a, b := mustAcquire(t, c, s), mustAcquire(t, c, s)
	c.Retire(s.sha())
	a.Release()
	a.Release() // a second one must not take b's reference
	if !exists(t, b.Dir) {
		t.Fatal("removed under an environment")
	}
	b.Release()
	if exists(t, b.Dir) {
		t.Error("still there")
	}
	if again := mustAcquire(t, c, s); !exists(t, again.Dir) || s.opened.Load() != 2 {
		t.Errorf("not unpacked anew (%d)", s.opened.Load())
	}
}

func TestAcquireAfterRetireKeepsTheCode(t *testing.T) {
	s := &source{zip: mustZip(t, zipEntry{"app.py", "x", 0o644})}
	c := newCache(t.TempDir(), "boot")
	a := mustAcquire(t, c, s)
	c.Retire(s.sha())
	b := mustAcquire(t, c, s) // another function has the same code
	a.Release()
	b.Release()
	if !exists(t, b.Dir) || s.opened.Load() != 1 {
		t.Error("removed although a version uses it")
	}
}

func TestAnotherProcessOfTheSameBootKeepsTheCode(t *testing.T) {
	s := &source{zip: mustZip(t, zipEntry{"app.py", "x", 0o644})}
	dir := t.TempDir()
	first := mustAcquire(t, newCache(dir, "boot"), s)
	half := filepath.Join(filepath.Dir(first.Dir), "tmp-1")
	if err := os.Mkdir(half, 0o755); err != nil {
		t.Fatal(err)
	}
	second := newCache(dir, "boot")
	if p := mustAcquire(t, second, s); !exists(t, p.Dir) || s.opened.Load() != 1 {
		t.Error("unpacked twice")
	}
	if exists(t, half) {
		t.Error("half an unpacking was left")
	}
	if p := mustAcquire(t, newCache(dir, "next-boot"), s); !exists(t, p.Dir) || s.opened.Load() != 2 || exists(t, first.Dir) {
		t.Error("files that a power cut may have damaged were trusted")
	}
}

func TestRetireWithoutEnvironmentRemovesWhatAnEarlierProcessLeft(t *testing.T) {
	s := &source{zip: mustZip(t, zipEntry{"app.py", "x", 0o644})}
	dir := t.TempDir()
	p := mustAcquire(t, newCache(dir, "boot"), s)
	newCache(dir, "boot").Retire(s.sha())
	if exists(t, p.Dir) {
		t.Error("still there")
	}
}

func TestAcquireErrors(t *testing.T) {
	good := &source{zip: mustZip(t, zipEntry{"app.py", "x", 0o644})}
	bad := &source{zip: []byte("not a zip")}
	c := newCache(t.TempDir(), "boot")
	var ce *invoke.CodeError
	if _, err := c.Acquire(t.Context(), bad.sha(), bad.open); !errors.As(err, &ce) || ce.Message != textUnzip {
		t.Errorf("bad package: %v", err)
	}
	if _, err := c.Acquire(t.Context(), bad.sha(), good.open); err == nil || errors.As(err, &ce) {
		t.Errorf("wrong digest: %v", err)
	}
	if _, err := c.Acquire(t.Context(), "../../etc", good.open); err == nil {
		t.Error("a digest that is a path")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Acquire(ctx, good.sha(), good.open); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if p := mustAcquire(t, c, good); !exists(t, p.Dir) {
		t.Error("a failed call spoils the next one")
	}
	entries, err := os.ReadDir(filepath.Dir(c.path(good.sha())))
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v %v", entries, err)
	}
}
