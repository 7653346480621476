// SPDX-License-Identifier: Apache-2.0

//go:build linux

package tmpimage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	blockSize  = 4096
	inodeRatio = 16384 // bytes for each inode: 32,768 files in 512 MB

	// templateVersion changes with anything that mkfs is told: old templates are then swept.
	templateVersion = "ext4-v1-"

	// slack is for what files need beside their contents: extent blocks, directories.
	slack = 1 << 20
)

// template is a formatted, empty, sparse image file that each image of its size is a copy of.
type template struct {
	file *os.File
	size int64 // bytes
}

func isTemplate(name string) bool {
	return strings.HasPrefix(name, templateVersion) && strings.HasSuffix(name, ".img")
}

func findMkfs(given string) string {
	for _, name := range []string{given, "mkfs.ext4", "/usr/sbin/mkfs.ext4", "/sbin/mkfs.ext4"} {
		if name == "" {
			continue
		}
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
		if given != "" {
			break
		}
	}
	return ""
}

func (m *Maker) newExt4(ctx context.Context, s Spec) (*Image, error) {
	t, err := m.template(ctx, s.MB)
	if err != nil {
		return nil, fmt.Errorf("template: %w", err)
	}
	backing, err := unnamedFile(m.dir)
	if err != nil {
		return nil, fmt.Errorf("image file: %w", err)
	}
	defer func() { _ = backing.Close() }() // the loop device keeps it
	if err := copySparse(backing, t.file, t.size); err != nil {
		return nil, fmt.Errorf("copy template: %w", err)
	}
	loop, err := m.attachLoop(backing)
	if err != nil {
		return nil, fmt.Errorf("loop device: %w", err)
	}
	i := &Image{kind: Ext4, path: loop.Name(), mb: s.MB, loop: loop}
	if i.ready, err = mountExt4(i.path); err == nil {
		err = setOwner(i.ready, s)
	}
	if err != nil {
		return nil, errors.Join(err, i.Close())
	}
	return i, nil
}

// template returns the template of a size, from memory, from disk, or newly made.
func (m *Maker) template(ctx context.Context, mb int) (*template, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := m.templates[mb]; t != nil {
		return t, nil
	}
	path := filepath.Join(m.dir, templateVersion+strconv.Itoa(mb)+".img")
	f, err := os.Open(path) //nolint:gosec // in our own directory
	if errors.Is(err, os.ErrNotExist) {
		if err = m.makeTemplate(ctx, path, int64(mb)<<20); err == nil {
			f, err = os.Open(path) //nolint:gosec // in our own directory
		}
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	m.templates[mb] = &template{file: f, size: info.Size()}
	return m.templates[mb], nil
}

// makeTemplate formats an image with at least want usable bytes. How much a file system of some size needs for itself
// is only known afterwards, so it looks and corrects the size. The file appears under its name when it is whole.
func (m *Maker) makeTemplate(ctx context.Context, path string, want int64) error {
	if m.mkfs == "" {
		return errors.New("mkfs.ext4 is not installed (package e2fsprogs)")
	}
	want += slack
	size := want + want/32
	tmp := path + ".new"
	for range 8 {
		f, err := os.OpenFile(tmp, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // in our own directory
		if err != nil {
			return err
		}
		free, err := m.format(ctx, f, size)
		if err == nil && free >= want && free <= want+want/64 {
			err = f.Sync()
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return errors.Join(err, os.Remove(tmp))
		}
		if free >= want && free <= want+want/64 {
			return os.Rename(tmp, path)
		}
		size += want - free + want/256
		size = (size + blockSize - 1) / blockSize * blockSize
	}
	return errors.Join(errors.New("found no size with the wanted free space"), os.Remove(tmp))
}

// format makes the file system, empties it (mkfs leaves lost+found) and returns its usable bytes.
func (m *Maker) format(ctx context.Context, f *os.File, size int64) (int64, error) {
	if err := f.Truncate(size); err != nil {
		return 0, err
	}
	// No journal, no blocks kept for root, no zeroed tables: the file is new and reads as zeros.
	cmd := exec.CommandContext(ctx, m.mkfs, //nolint:gosec // the operator's mkfs, on our own file
		"-q", "-F", "-b", strconv.Itoa(blockSize), "-m", "0",
		"-i", strconv.Itoa(inodeRatio), "-O", "^has_journal,^resize_inode,^metadata_csum,uninit_bg",
		"-E", "lazy_itable_init=1,nodiscard", f.Name())
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%s: %w: %s", m.mkfs, err, strings.TrimSpace(string(out)))
	}
	loop, err := m.attachLoopLocked(f)
	if err != nil {
		return 0, fmt.Errorf("loop device: %w", err)
	}
	free, err := emptyRoot(loop.Name())
	if err == nil {
		err = loop.Sync()
	}
	return free, errors.Join(err, loop.Close())
}

func emptyRoot(device string) (free int64, err error) {
	mnt, err := mountExt4(device)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, mnt.Close()) }()
	if err := unix.Unlinkat(int(mnt.Fd()), "lost+found", unix.AT_REMOVEDIR); err != nil && !errors.Is(err, unix.ENOENT) {
		return 0, fmt.Errorf("remove lost+found: %w", err)
	}
	var s unix.Statfs_t
	if err := unix.Fstatfs(int(mnt.Fd()), &s); err != nil {
		return 0, fmt.Errorf("statfs: %w", err)
	}
	return int64(s.Bavail) * s.Bsize, nil
}

// unnamedFile makes a file that is gone when nobody has it open.
func unnamedFile(dir string) (*os.File, error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC|unix.O_EXCL, 0o600)
	if err == nil {
		return os.NewFile(uintptr(fd), dir+"/image"), nil
	}
	f, err := os.CreateTemp(dir, "image-") // a file system without O_TMPFILE
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// copySparse makes dst a copy of src: shared blocks where the file system can, else only the written extents.
func copySparse(dst, src *os.File, size int64) error {
	d, s := int(dst.Fd()), int(src.Fd())
	if unix.IoctlFileClone(d, s) == nil {
		return nil
	}
	if err := dst.Truncate(size); err != nil {
		return err
	}
	// src is shared: SEEK_DATA moves its offset, which nobody uses, and its result does not depend on it.
	for at := int64(0); at < size; {
		start, err := unix.Seek(s, at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return nil
		}
		if err != nil {
			return os.NewSyscallError("seek data", err)
		}
		end, err := unix.Seek(s, start, unix.SEEK_HOLE)
		if err != nil {
			return os.NewSyscallError("seek hole", err)
		}
		if err := copyRange(d, s, start, end); err != nil {
			return err
		}
		at = end
	}
	return nil
}

func copyRange(d, s int, start, end int64) error {
	for start < end {
		from, to := start, start
		n, err := unix.CopyFileRange(s, &from, d, &to, int(end-start), 0)
		if err == nil && n == 0 {
			err = errors.New("template is shorter than it was")
		}
		if err != nil {
			return fmt.Errorf("copy file range: %w", err)
		}
		start += int64(n)
	}
	return nil
}
