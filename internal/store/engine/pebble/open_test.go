// SPDX-License-Identifier: Apache-2.0

package pebble

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/gustcloud/gust/internal/store"
)

// mustFill makes a store with a table file, a log and 2,000 keys.
func mustFill(t *testing.T, dir string) {
	t.Helper()
	s := mustOpen(t, Options{Dir: dir})
	for i := range 20 {
		if err := s.Update(t.Context(), func(tx store.Tx) error {
			for j := range 100 {
				tx.Set(fmt.Appendf(nil, "key %d %d", i, j), []byte(strings.Repeat("x", i*j)))
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if i == 10 {
			if err := s.db.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// readAll opens the store and reads everything.
func readAll(t *testing.T, dir string) error {
	t.Helper()
	s, err := Open(Options{Dir: dir, Clock: testClock, Log: testLog})
	if err != nil {
		return err
	}
	err = s.View(t.Context(), func(r store.Reader) error {
		for _, err := range r.Scan(store.Range{}, store.ScanOptions{}) {
			if err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, s.Close())
}

// damage overwrites the middle of each file that matches pattern.
func damage(t *testing.T, dir, pattern string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(names) == 0 {
		t.Fatalf("no file %s: %v", pattern, err)
	}
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		for i := len(b) / 3; i < 2*len(b)/3; i++ {
			b[i] ^= 0x5a
		}
		if err := os.WriteFile(n, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpenOfADirectoryThatIsNotRight(t *testing.T) {
	t.Parallel()
	write := func(text string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			if err := os.WriteFile(filepath.Join(dir, formatFile), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(pattern string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			names, _ := filepath.Glob(filepath.Join(dir, pattern))
			for _, n := range names {
				if err := os.Remove(n); err != nil {
					t.Fatal(err)
				}
			}
			if len(names) == 0 {
				t.Fatalf("no file %s", pattern)
			}
		}
	}
	spoil := func(pattern string) func(*testing.T, string) {
		return func(t *testing.T, dir string) { t.Helper(); damage(t, dir, pattern) }
	}
	corrupt, format := new(*store.CorruptError), new(*store.FormatError)
	tests := []struct {
		name  string
		spoil func(*testing.T, string)
		want  any // nil: it opens
	}{
		{"untouched", func(*testing.T, string) {}, nil},
		{"newer format", write("gust store, format 2\n"), format},
		{"much newer format", write("gust store, format 4711\n"), format},
		{"format is no number", write("gust store, format x\n"), corrupt},
		{"format is zero", write("gust store, format 0\n"), corrupt},
		{"format file is empty", write(""), corrupt},
		{"format file of something else", write("hello"), corrupt},
		{"no format file", remove(formatFile), corrupt},
		{"damaged table", spoil("*.sst"), corrupt},
		{"missing table", remove("*.sst"), corrupt},
		{"damaged manifest", spoil("MANIFEST-*"), corrupt},
		{"missing manifest", remove("MANIFEST-*"), corrupt},
		{"format of pebble is unknown", func(t *testing.T, dir string) {
			t.Helper()
			names, _ := filepath.Glob(filepath.Join(dir, "marker.format-version.*"))
			if err := os.Rename(names[0], filepath.Join(dir, "marker.format-version.000099.999")); err != nil {
				t.Fatal(err)
			}
		}, corrupt},
		{"damaged log", spoil("*.log"), corrupt},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			mustFill(t, dir)
			tt.spoil(t, dir)
			err := readAll(t, dir)
			if tt.want == nil && err != nil || tt.want != nil && !errors.As(err, tt.want) {
				t.Fatalf("got %v, want %T", err, tt.want)
			}
			if err != nil {
				t.Log(err)
				if !strings.Contains(err.Error(), dir) {
					t.Error("the error does not name the directory")
				}
				if again := readAll(t, dir); again == nil || errors.Is(again, store.ErrInUse) {
					t.Errorf("a second try: %v", again)
				}
			}
		})
	}
}

func TestOpenTwice(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, Options{Dir: dir})
	if err := readAll(t, dir); !errors.Is(err, store.ErrInUse) {
		t.Errorf("second open: %v, want ErrInUse", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := readAll(t, dir); err != nil {
		t.Errorf("open after close: %v", err)
	}
}

func TestOpenWhereNothingCanBeMade(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{dir, filepath.Join(dir, "below")} {
		err := readAll(t, d)
		if err == nil || errors.As(err, new(*store.CorruptError)) || errors.Is(err, store.ErrInUse) {
			t.Errorf("%s: %v, want the error of the file system", d, err)
		}
	}
}

// TestPowerCutWhileOpening cuts the power at each operation of the first start.
func TestPowerCutWhileOpening(t *testing.T) {
	t.Parallel()
	cuts := &cutFS{FS: vfs.NewCrashableMem()}
	s := mustOpen(t, Options{Dir: "/data/store", FS: cuts})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if len(cuts.after) < 10 {
		t.Errorf("only %d operations were seen", len(cuts.after))
	}
	for i, disk := range cuts.after {
		s := mustOpen(t, Options{Dir: "/data/store", FS: disk})
		if err := s.Update(t.Context(), func(tx store.Tx) error { tx.Set([]byte("a"), nil); return nil }); err != nil {
			t.Errorf("after operation %d: %v", i, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// cutFS keeps what a power cut would leave after each change of a directory.
type cutFS struct {
	vfs.FS
	after []vfs.FS
}

func (c *cutFS) cut() {
	if mem, ok := c.FS.(*vfs.MemFS); ok {
		c.after = append(c.after, mem.CrashClone(vfs.CrashCloneCfg{}))
	}
}

func (c *cutFS) Create(name string, w vfs.DiskWriteCategory) (vfs.File, error) {
	defer c.cut()
	return c.FS.Create(name, w)
}

func (c *cutFS) Rename(from, to string) error {
	defer c.cut()
	return c.FS.Rename(from, to)
}

func (c *cutFS) OpenDir(name string) (vfs.File, error) {
	defer c.cut()
	return c.FS.OpenDir(name)
}

func (c *cutFS) MkdirAll(name string, mode os.FileMode) error {
	defer c.cut()
	return c.FS.MkdirAll(name, mode)
}
