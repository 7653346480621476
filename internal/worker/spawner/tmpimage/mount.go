// SPDX-License-Identifier: Apache-2.0

//go:build linux

package tmpimage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

const (
	tmpfsPrefix = "tmpfs-"
	dirPrefix   = "dir-"

	mountAttrs = unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOATIME
)

// option is one mount option; without a value it is a flag.
type option struct{ key, value string }

// detached makes a file system and a mount of it that stands nowhere.
func detached(kind string, options []option) (*os.File, error) {
	fs, err := unix.Fsopen(kind, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("fsopen "+kind, err)
	}
	defer func() { _ = unix.Close(fs) }() // a context only
	for _, o := range options {
		if o.value == "" {
			err = unix.FsconfigSetFlag(fs, o.key)
		} else {
			err = unix.FsconfigSetString(fs, o.key, o.value)
		}
		if err != nil {
			return nil, fmt.Errorf("mount option %s=%s: %w", o.key, o.value, err)
		}
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return nil, os.NewSyscallError("fsconfig create "+kind, err)
	}
	fd, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, mountAttrs)
	if err != nil {
		return nil, os.NewSyscallError("fsmount "+kind, err)
	}
	return os.NewFile(uintptr(fd), kind), nil
}

// mountExt4 mounts a device. Its data need not survive the host, so flushes are not passed down (nobarrier) and the
// tables are not zeroed (noinit_itable); freed blocks are given back to the host's disk at once (discard).
func mountExt4(device string) (*os.File, error) {
	return detached("ext4", []option{{"source", device}, {"discard", ""}, {"nobarrier", ""}, {"noinit_itable", ""}})
}

// cloneTree returns a detached copy of the mount, or of the directory, at path.
func cloneTree(path string) (*os.File, error) {
	fd, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return nil, &os.PathError{Op: "open_tree", Path: path, Err: err}
	}
	f := os.NewFile(uintptr(fd), path)
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV}
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &attr); err != nil {
		return nil, errors.Join(os.NewSyscallError("mount_setattr", err), f.Close())
	}
	return f, nil
}

// setOwner gives the root directory of a mount to the function.
func setOwner(root *os.File, s Spec) error {
	fd := int(root.Fd())
	if err := unix.Fchownat(fd, "", s.UID, s.GID, unix.AT_EMPTY_PATH); err != nil {
		return os.NewSyscallError("chown", err)
	}
	if err := unix.Fchmodat(fd, ".", s.Mode, 0); err != nil {
		return os.NewSyscallError("chmod", err)
	}
	return nil
}

// newTmpfs attaches the tmpfs below m.dir: only from there kernels before 6.15 can copy its mount again and again.
func (m *Maker) newTmpfs(s Spec) (*Image, error) {
	mnt, err := detached("tmpfs", []option{
		{"source", "gust-tmp"},
		{"size", strconv.Itoa(s.MB) + "m"},
		{"nr_inodes", strconv.Itoa(max(s.MB<<20/inodeRatio, 1024))},
	})
	if err != nil {
		return nil, err
	}
	defer func() { _ = mnt.Close() }() // attached by then, or given up
	if err := setOwner(mnt, s); err != nil {
		return nil, err
	}
	path, err := m.newPlace(tmpfsPrefix)
	if err != nil {
		return nil, err
	}
	if err := unix.MoveMount(int(mnt.Fd()), "", unix.AT_FDCWD, path, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return nil, errors.Join(os.NewSyscallError("move_mount", err), os.Remove(path))
	}
	return &Image{kind: Tmpfs, path: path, mb: s.MB}, nil
}

func (m *Maker) newDir(s Spec) (*Image, error) {
	path, err := m.newPlace(dirPrefix)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path) //nolint:gosec // in our own directory
	if err == nil {
		err = errors.Join(setOwner(f, s), f.Close())
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(path))
	}
	return &Image{kind: Dir, path: path, mb: s.MB}, nil
}

func (m *Maker) newPlace(prefix string) (string, error) {
	m.mu.Lock()
	n := m.next
	m.next++
	m.mu.Unlock()
	path := filepath.Join(m.dir, prefix+strconv.FormatUint(n, 10))
	return path, os.Mkdir(path, 0o700)
}
