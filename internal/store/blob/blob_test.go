// SPDX-License-Identifier: Apache-2.0

package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/gustcloud/gust/internal/store"
)

// seeded is a repeatable source of ids.
func seeded(seed uint64) io.Reader {
	var s [32]byte
	s[0], s[1] = byte(seed), byte(seed>>8)
	return rand.NewChaCha8(s)
}

func mustOpen(t *testing.T, fsys vfs.FS, dir string) *Files {
	t.Helper()
	f, err := Open(Options{Dir: dir, Random: seeded(rand.Uint64()), FS: fsys})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return f
}

func mustCreate(t *testing.T, f *Files, data string) Ref {
	t.Helper()
	w, err := f.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, strings.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	ref, err := w.Commit()
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func read(ctx context.Context, f *Files, ref Ref) (string, error) {
	r, err := f.Open(ctx, ref)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(NewReader(r))
	return string(b), errors.Join(err, r.Close())
}

// files returns how many files are below dir/kind.
func files(t *testing.T, dir, kind string) int {
	t.Helper()
	n := 0
	err := filepath.WalkDir(filepath.Join(dir, kind), func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return n
}

func TestWriteReadDelete(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := mustOpen(t, nil, dir)
	one, two := mustCreate(t, f, "hello"), mustCreate(t, f, "hello")
	if one.ID == two.ID || one.Size != 5 || one.SHA256 != sha256.Sum256([]byte("hello")) {
		t.Errorf("refs %+v, %+v", one, two)
	}
	var stored Ref // as metadata has it
	b, err := json.Marshal(one)
	if err = errors.Join(err, json.Unmarshal(b, &stored)); err != nil || stored != one {
		t.Errorf("JSON %s gives %+v, %v", b, stored, err)
	}
	f = mustOpen(t, nil, dir)
	if got, err := read(t.Context(), f, stored); got != "hello" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	r, err := f.Open(t.Context(), one)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // absent: no error
		if err := f.Delete(t.Context(), one); err != nil {
			t.Errorf("delete: %v", err)
		}
	}
	if got, err := io.ReadAll(NewReader(r)); string(got) != "hello" || err != nil {
		t.Errorf("read while deleted: %q, %v", got, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := f.Open(t.Context(), one); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open after delete: %v", err)
	}
	if got, err := read(t.Context(), f, two); got != "hello" || err != nil {
		t.Errorf("the other blob: %q, %v", got, err)
	}
}

func TestContentIsStoredOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := mustOpen(t, nil, dir)
	for range 2 {
		ref, err := PutContent(t.Context(), f, []byte("code"))
		if err != nil {
			t.Fatal(err)
		}
		// printf code | openssl dgst -sha256 -binary | base64
		if got, want := ref.SHA256.Base64(), "VpTQii5T/8rgwxA+Wtb2B2q9lg6x+KVldwQLwQKPcCs="; ref.ID != "" || got != want {
			t.Errorf("ref %+v, CodeSha256 %s, want %s", ref, got, want)
		}
		if got, err := read(t.Context(), f, ref); got != "code" || err != nil {
			t.Errorf("read %q, %v", got, err)
		}
		if err := f.Delete(t.Context(), ref); !errors.Is(err, ErrShared) {
			t.Errorf("delete: %v, want ErrShared", err)
		}
	}
	if n := files(t, dir, contentDir); n != 1 {
		t.Errorf("%d files, want 1", n)
	}
}

func TestAbortLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := mustOpen(t, nil, dir)
	ctx, cancel := context.WithCancel(t.Context())
	w, err := f.Create(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("half")); err != nil {
		t.Fatal(err)
	}
	w.Abort()
	w.Abort()
	if _, err := w.Write(nil); !errors.Is(err, errAborted) {
		t.Errorf("write after abort: %v", err)
	}
	if _, err := w.Commit(); !errors.Is(err, errAborted) {
		t.Errorf("commit after abort: %v", err)
	}
	if w, err = f.CreateContent(ctx); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := w.Commit(); !errors.Is(err, context.Canceled) {
		t.Errorf("commit after the end of the context: %v", err)
	}
	if n := files(t, dir, "."); n != 0 {
		t.Errorf("%d files are left", n)
	}
	ref := mustCreate(t, f, "whole")
	if _, err := f.create(t.Context(), "left by a crash", ""); err != nil { // never ended
		t.Fatal(err)
	}
	f = mustOpen(t, nil, dir)
	if n := files(t, dir, tmpDir); n != 0 {
		t.Errorf("a new start left %d temporary files", n)
	}
	if got, err := read(t.Context(), f, ref); got != "whole" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestAbortAfterCommitKeepsTheBlob(t *testing.T) {
	t.Parallel()
	f := mustOpen(t, nil, t.TempDir())
	w, err := f.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ref, err := w.Commit()
	if err != nil {
		t.Fatal(err)
	}
	w.Abort()
	if _, err := w.Commit(); !errors.Is(err, errCommitted) {
		t.Errorf("second commit: %v", err)
	}
	if got, err := read(t.Context(), f, ref); got != "" || err != nil {
		t.Errorf("read of an empty blob: %q, %v", got, err)
	}
}

func TestOpenRefusesWhatItDidNotWrite(t *testing.T) {
	t.Parallel()
	f := mustOpen(t, nil, t.TempDir())
	good := mustCreate(t, f, "hello")
	wrongSize := good
	wrongSize.Size = 4
	if _, err := f.Open(t.Context(), wrongSize); !errors.As(err, new(*store.CorruptError)) {
		t.Errorf("wrong size: %v, want CorruptError", err)
	}
	for _, id := range []string{"..", "../../../etc/passwd", "ab", strings.Repeat("z", 32), good.ID + "00"} {
		if _, err := f.Open(t.Context(), Ref{ID: id, Size: 5}); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("id %q: %v, want it refused", id, err)
		}
		if err := f.Delete(t.Context(), Ref{ID: id}); err == nil {
			t.Errorf("delete of id %q was not refused", id)
		}
	}
}

func TestSweepRemovesWhatNothingNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := mustOpen(t, nil, dir)
	named, lost := mustCreate(t, f, "named"), mustCreate(t, f, "lost")
	code, err := PutContent(t.Context(), f, []byte("code"))
	old, err2 := PutContent(t.Context(), f, []byte("old code"))
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	keep := func(r Ref) (bool, error) { return r.ID == named.ID && r.ID != "" || r.SHA256 == code.SHA256, nil }
	now := time.Now()
	if n, err := f.Sweep(t.Context(), now.Add(-time.Hour), keep); n != 0 || err != nil {
		t.Errorf("sweep of what is older than an hour: %d, %v, want none", n, err)
	}
	failed := errors.New("on purpose")
	if n, err := f.Sweep(t.Context(), now.Add(time.Hour), func(Ref) (bool, error) { return false, failed }); n != 0 || !errors.Is(err, failed) {
		t.Errorf("sweep without an answer: %d, %v", n, err)
	}
	if n, err := f.Sweep(t.Context(), now.Add(time.Hour), keep); n != 2 || err != nil {
		t.Errorf("sweep: %d, %v, want 2", n, err)
	}
	for _, tt := range []struct {
		ref  Ref
		want error
	}{{named, nil}, {code, nil}, {lost, fs.ErrNotExist}, {old, fs.ErrNotExist}} {
		if _, err := read(t.Context(), f, tt.ref); !errors.Is(err, tt.want) {
			t.Errorf("%+v: %v, want %v", tt.ref, err, tt.want)
		}
	}
}

// fullFS has room for a number of bytes.
type fullFS struct {
	vfs.FS
	mu   sync.Mutex
	room int
}

func (f *fullFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, c)
	return &fullFile{file, f}, err
}

type fullFile struct {
	vfs.File
	fs *fullFS
}

func (f *fullFile) Write(b []byte) (int, error) {
	f.fs.mu.Lock()
	n := min(len(b), f.fs.room)
	f.fs.room -= n
	f.fs.mu.Unlock()
	n, err := f.File.Write(b[:n])
	if err == nil && n < len(b) {
		err = syscall.ENOSPC
	}
	return n, err
}

func TestFullDiskIsFreedAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := mustOpen(t, &fullFS{FS: vfs.Default, room: 100}, dir)
	w, err := f.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n, err := w.Write(make([]byte, 200)); n != 100 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("write: %d, %v, want ENOSPC", n, err)
	}
	if _, err := w.Commit(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("commit: %v, want ENOSPC", err)
	}
	if n := files(t, dir, "."); n != 0 {
		t.Errorf("%d files are left", n)
	}
}

// noSyncFS forgets to sync files, or directories.
type noSyncFS struct {
	vfs.FS
	files, dirs bool
}

func (f noSyncFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, c)
	return noSyncFile{file, f.files}, err
}

func (f noSyncFS) OpenDir(name string) (vfs.File, error) {
	file, err := f.FS.OpenDir(name)
	return noSyncFile{file, f.dirs}, err
}

type noSyncFile struct {
	vfs.File
	not bool
}

func (f noSyncFile) Sync() error {
	if f.not {
		return nil
	}
	return f.File.Sync()
}

// TestPowerCut: a committed blob is whole after a power cut; without either sync the same test sees the loss.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		files, dirs bool // not synced
		wantLoss    bool
	}{
		{"synced", false, false, false},
		{"files not synced", true, false, true},
		{"directories not synced", false, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			disk, lost := vfs.NewCrashableMem(), 0
			random := rand.New(rand.NewPCG(rand.Uint64(), 0))
			var refs []Ref
			var contents []string
			for round := range 20 {
				f := mustOpen(t, noSyncFS{disk, tt.files, tt.dirs}, "/data/blobs")
				for i := range 10 {
					data := strings.Repeat(fmt.Sprint(round, i, " "), random.IntN(3000))
					ref := mustCreate(t, f, data)
					if i%2 == 0 {
						var err error
						if ref, err = PutContent(t.Context(), f, []byte(data)); err != nil {
							t.Fatal(err)
						}
					}
					refs, contents = append(refs, ref), append(contents, data)
				}
				disk = disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: random.IntN(100), RNG: random})
				f = mustOpen(t, disk, "/data/blobs")
				for i, ref := range refs {
					got, err := read(t.Context(), f, ref)
					if err != nil || !bytes.Equal([]byte(got), []byte(contents[i])) {
						lost++
					}
				}
			}
			if (lost > 0) != tt.wantLoss {
				t.Errorf("%d lost, want loss %v", lost, tt.wantLoss)
			}
		})
	}
}

func TestBackupTakesEveryBlob(t *testing.T) {
	t.Parallel()
	f := mustOpen(t, nil, t.TempDir())
	owned := mustCreate(t, f, "owned")
	code, err := PutContent(t.Context(), f, []byte("code"))
	if err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	for i, want := range []int{2, 0} { // what is there stays
		if n, err := f.Backup(t.Context(), to); err != nil || n != want {
			t.Errorf("backup %d: %d blobs, %v, want %d", i, n, err, want)
		}
	}
	if err := f.Delete(t.Context(), owned); err != nil {
		t.Fatal(err)
	}
	copied := mustOpen(t, nil, to)
	for _, tt := range []struct {
		ref  Ref
		want string
	}{{owned, "owned"}, {code, "code"}} {
		if got, err := read(t.Context(), copied, tt.ref); err != nil || got != tt.want {
			t.Errorf("read %q: %q, %v", tt.want, got, err)
		}
	}
}
