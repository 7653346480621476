// SPDX-License-Identifier: Apache-2.0

//go:build linux

package tmpimage

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const testMB = 48

func mustOpen(tb testing.TB, o Options) *Maker {
	tb.Helper()
	if os.Geteuid() != 0 {
		tb.Skip("needs root: file systems are mounted")
	}
	if o.Dir == "" {
		o.Dir = tb.TempDir()
	}
	if o.ProbeMB == 0 {
		o.ProbeMB = testMB
	}
	m, err := Open(tb.Context(), o)
	if err != nil {
		tb.Skipf("this host cannot: %v", err)
	}
	tb.Cleanup(func() {
		if err := m.Close(); err != nil {
			tb.Error(err)
		}
		entries, err := os.ReadDir(m.dir)
		if err != nil {
			tb.Fatal(err)
		}
		for _, e := range entries {
			if !isTemplate(e.Name()) && e.Name() != "dev" {
				tb.Errorf("%s is left", e.Name())
			}
		}
	})
	return m
}

func mustNew(tb testing.TB, m *Maker, s Spec) *Image {
	tb.Helper()
	i, err := m.New(tb.Context(), s)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := i.Close(); err != nil {
			tb.Error(err)
		}
	})
	return i
}

func mustMount(tb testing.TB, i *Image) *os.File {
	tb.Helper()
	f, err := i.Mount()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = f.Close() })
	return f
}

// as runs fn with another user's file system rights, on a thread that is thrown away.
func as(uid int, fn func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		_, _, _ = unix.RawSyscall(unix.SYS_SETFSGID, uintptr(uid), 0, 0)
		_, _, _ = unix.RawSyscall(unix.SYS_SETFSUID, uintptr(uid), 0, 0)
		fn()
	}()
	<-done
}

// fill writes to a new file until there is no space and returns how much fitted.
func fill(tb testing.TB, mnt *os.File, name string) int64 {
	tb.Helper()
	fd, err := unix.Openat(int(mnt.Fd()), name, unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
	if err != nil {
		tb.Error(err)
		return 0
	}
	defer unix.Close(fd)
	chunk := bytes.Repeat([]byte("gust"), 1<<18)
	total := int64(0)
	for {
		n, err := unix.Write(fd, chunk)
		total += int64(max(n, 0))
		if errors.Is(err, unix.ENOSPC) {
			return total
		}
		if err != nil {
			tb.Error(err)
			return total
		}
		if total > 4*testMB<<20 {
			tb.Error("no limit")
			return total
		}
	}
}

func TestSizedKindsHoldWhatWasAskedForAndNoMuchMore(t *testing.T) {
	for _, k := range []Kind{Ext4, Tmpfs} {
		t.Run(string(k), func(t *testing.T) {
			m := mustOpen(t, Options{Kind: k})
			i := mustNew(t, m, Spec{MB: testMB, UID: 12345, GID: 12345, Mode: 0o700})
			mnt := mustMount(t, i)
			var s unix.Statfs_t
			if err := unix.Fstatfs(int(mnt.Fd()), &s); err != nil {
				t.Fatal(err)
			}
			if free := int64(s.Bavail) * s.Bsize; free < testMB<<20 || free > testMB<<20*21/20 {
				t.Errorf("df says %d bytes, want %d MB", free, testMB)
			}
			as(12345, func() {
				if n := fill(t, mnt, "big"); n < testMB<<20 || n > testMB<<20*21/20 {
					t.Errorf("%d bytes fit, want %d MB", n, testMB)
				}
			})
			as(12346, func() {
				fd, err := unix.Openat(int(mnt.Fd()), "big", unix.O_RDONLY, 0)
				if err == nil {
					unix.Close(fd)
					t.Error("another user reads it")
				}
			})
		})
	}
}

func TestNewIsEmptyOwnedAndWithoutDevices(t *testing.T) {
	for _, k := range []Kind{Ext4, Tmpfs, Dir} {
		t.Run(string(k), func(t *testing.T) {
			m := mustOpen(t, Options{Kind: k})
			i := mustNew(t, m, Spec{MB: testMB, UID: 5, GID: 7, Mode: 0o1777})
			if i.Kind() != k || i.MB() != testMB || m.Kind() != k || m.Reason() != "" {
				t.Errorf("kind %s, %d MB, %q", i.Kind(), i.MB(), m.Reason())
			}
			mnt := mustMount(t, i)
			var st unix.Stat_t
			if err := unix.Fstatat(int(mnt.Fd()), ".", &st, 0); err != nil {
				t.Fatal(err)
			}
			if st.Uid != 5 || st.Gid != 7 || st.Mode&0o7777 != 0o1777 {
				t.Errorf("owner %d:%d mode %o", st.Uid, st.Gid, st.Mode)
			}
			if names := list(t, mnt); len(names) != 0 {
				t.Errorf("not empty: %v", names)
			}
			if err := unix.Mknodat(int(mnt.Fd()), "null", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))); err != nil {
				t.Fatal(err)
			}
			fd, err := unix.Openat(int(mnt.Fd()), "null", unix.O_RDONLY, 0)
			if err == nil {
				unix.Close(fd)
			}
			if !errors.Is(err, unix.EACCES) {
				t.Errorf("open a device: %v", err)
			}
		})
	}
}

func list(tb testing.TB, dir *os.File) []string {
	tb.Helper()
	fd, err := unix.Openat(int(dir.Fd()), ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		tb.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "dir")
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		tb.Fatal(err)
	}
	return names
}

func TestFilesOutliveTheirMount(t *testing.T) {
	for _, k := range []Kind{Ext4, Tmpfs, Dir} {
		t.Run(string(k), func(t *testing.T) {
			m := mustOpen(t, Options{Kind: k})
			i := mustNew(t, m, Spec{MB: testMB, Mode: 0o700})
			first := mustMount(t, i)
			fd, err := unix.Openat(int(first.Fd()), "state", unix.O_CREAT|unix.O_RDWR, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := unix.Write(fd, []byte("kept")); err != nil {
				t.Fatal(err)
			}
			unix.Close(fd)
			second := mustMount(t, i) // while the first one stands
			first.Close()
			second.Close()
			third := mustMount(t, i) // after both have gone
			fd, err = unix.Openat(int(third.Fd()), "state", unix.O_RDONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			var b [8]byte
			if n, err := unix.Read(fd, b[:]); err != nil || string(b[:n]) != "kept" {
				t.Errorf("read %q, %v", b[:max(n, 0)], err)
			}
			if err := i.Close(); err != nil {
				t.Error(err)
			}
			if err := i.Close(); err != nil {
				t.Errorf("second close: %v", err)
			}
			if _, err := i.Mount(); !errors.Is(err, os.ErrClosed) {
				t.Errorf("mount after close: %v", err)
			}
		})
	}
}

func TestDeletedFilesGiveTheDiskSpaceBack(t *testing.T) {
	// The images' directory stands on a file system of its own, so that nobody else's files are counted.
	outer := mustOpen(t, Options{Kind: Ext4, ProbeMB: 200})
	disk := mustMount(t, mustNew(t, outer, Spec{MB: 200, Mode: 0o700}))
	dir := fmt.Sprintf("/proc/%d/fd/%d/images", os.Getpid(), disk.Fd()) // mkfs looks there too
	m := mustOpen(t, Options{Kind: Ext4, Dir: dir})
	i := mustNew(t, m, Spec{MB: testMB, Mode: 0o700})
	mnt := mustMount(t, i)
	sync := func() {
		t.Helper()
		for _, f := range []*os.File{mnt, disk} {
			fd, err := unix.Openat(int(f.Fd()), ".", unix.O_RDONLY|unix.O_CLOEXEC, 0) // a mount is only a path
			if err == nil {
				err = errors.Join(unix.Syncfs(fd), unix.Close(fd))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	sync()
	before := usedBytes(t, dir)
	fill(t, mnt, "big")
	sync()
	if full := usedBytes(t, dir) - before; full < testMB<<20*9/10 {
		t.Fatalf("the full image takes %d bytes of the disk", full)
	}
	if err := unix.Unlinkat(int(mnt.Fd()), "big", 0); err != nil {
		t.Fatal(err)
	}
	sync()
	if left := usedBytes(t, dir) - before; left > 4<<20 {
		t.Errorf("the emptied image still takes %d bytes of the disk", left)
	}
}

// usedBytes is how much of the disk below dir is in use: the image's file has no name to ask.
func usedBytes(t *testing.T, dir string) int64 {
	t.Helper()
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		t.Fatal(err)
	}
	return int64(s.Blocks-s.Bfree) * s.Bsize
}

func TestOpenSweepsWhatWasLeft(t *testing.T) {
	dir := t.TempDir()
	m := mustOpen(t, Options{Dir: dir, Kind: Tmpfs})
	left, err := m.New(t.Context(), Spec{MB: testMB, Mode: 0o700})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"dir-9", "ext4-v0-512.img", "ext4-v1-512.img.new", "image-123"} {
		if err := os.MkdirAll(filepath.Join(dir, name, "x"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	mustOpen(t, Options{Dir: dir, Kind: Dir})
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 0 {
		t.Errorf("left: %v", entries)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(mounts), left.path) {
		t.Errorf("still mounted, %v", err)
	}
}

func TestWithoutLoopDevicesOrMkfsItFallsBackAndSaysWhy(t *testing.T) {
	for _, tt := range []struct {
		name string
		o    Options
		want string
	}{
		{"no mkfs", Options{Mkfs: "/nonexistent/mkfs"}, "mkfs.ext4 is not installed"},
		{"no loop control", Options{Dev: "/nonexistent"}, "/nonexistent/loop-control"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := mustOpen(t, tt.o)
			if m.Kind() != Tmpfs || !strings.Contains(m.Reason(), tt.want) {
				t.Errorf("kind %s, reason %q", m.Kind(), m.Reason())
			}
		})
	}
}

func TestMakesItsOwnDeviceNodes(t *testing.T) {
	dev := t.TempDir() // like a container's /dev: the control device, but no loopN
	if os.Geteuid() != 0 {
		t.Skip("needs root: device nodes are made")
	}
	if err := unix.Mknod(dev+"/loop-control", unix.S_IFCHR|0o600, int(unix.Mkdev(10, 237))); err != nil {
		t.Skip(err)
	}
	m := mustOpen(t, Options{Dev: dev, Kind: Ext4})
	i := mustNew(t, m, Spec{MB: testMB, Mode: 0o700})
	if !strings.HasPrefix(i.path, m.dir) {
		t.Errorf("device %s", i.path)
	}
	fill(t, mustMount(t, i), "big")
}

func TestNewRefusesSizesOutOfRange(t *testing.T) {
	m := &Maker{kind: Dir}
	for _, mb := range []int{-1, 0, 1<<20 + 1} {
		if _, err := m.New(t.Context(), Spec{MB: mb}); err == nil {
			t.Errorf("%d MB was taken", mb)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	for _, k := range []Kind{Ext4, Tmpfs, Dir} {
		b.Run(string(k), func(b *testing.B) {
			m := mustOpen(b, Options{Kind: k, ProbeMB: 512})
			for b.Loop() {
				i, err := m.New(b.Context(), Spec{MB: 512, UID: 1, GID: 1, Mode: 0o700})
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := i.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}
