// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"golang.org/x/sys/unix"

	"github.com/gustcloud/gust/internal/worker/spawner/initproto"
)

// buildRoot makes the template tree the root and removes everything of the host from the mount namespace. The tree is
// read-only already; only /proc, /tmp and what a claim attaches are mounts of this sandbox.
func buildRoot(s initproto.Setup, fds []int) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return step("make mounts private", err)
	}
	// Where the tree is attached does not matter: what it hides is detached with the rest of the host below.
	if err := attach(fds[0], "/dev"); err != nil {
		return step("attach the tree", err)
	}
	if err := unix.Fchdir(fds[0]); err != nil {
		return step("enter the tree", err)
	}
	_ = unix.Close(fds[0])
	// /proc must be mounted while the host's is still visible: the kernel compares the two.
	const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if err := unix.Mount("proc", "proc", "proc", flags, "hidepid=2"); err != nil {
		return step("mount /proc", err)
	}
	if err := limitShared(); err != nil {
		return err
	}
	for _, path := range s.ProcMasks {
		if err := mask(path[1:]); err != nil {
			return step("mask "+path, err)
		}
	}
	for _, path := range s.ProcRO {
		if err := readOnly(path[1:]); err != nil {
			return step("protect "+path, err)
		}
	}
	if s.TmpAttached {
		if err := attach(fds[1], "tmp"); err != nil {
			return step("mount /tmp", err)
		}
		_ = unix.Close(fds[1])
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return step("pivot_root", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return step("detach the host's root", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return step("enter /", err)
	}
	return nil
}

// mask hides a file behind /dev/null and a directory behind an empty one; what the kernel does not have is skipped.
func mask(path string) error {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		if err == unix.ENOENT {
			return nil
		}
		return err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return unix.Mount("tmpfs", path, "tmpfs", unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "size=4k,mode=555")
	}
	return unix.Mount("dev/null", path, "", unix.MS_BIND, "")
}

func readOnly(path string) error {
	err := unix.Mount(path, path, "", unix.MS_BIND|unix.MS_REC, "")
	if err == unix.ENOENT {
		return nil
	}
	if err != nil {
		return err
	}
	const flags = unix.MS_REMOUNT | unix.MS_BIND | unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	return unix.Mount("", path, "", flags, "")
}

func attach(mount int, target string) error {
	return unix.MoveMount(mount, "", unix.AT_FDCWD, target, unix.MOVE_MOUNT_F_EMPTY_PATH)
}

// claim attaches the function's mounts. They come detached and with their final flags.
func claim(m initproto.Claim, fds []int) initproto.Reply {
	r := initproto.Reply{Seq: m.Seq}
	refuse := func(step string, err error) initproto.Reply {
		r.Step, r.Errno = step, errno(err)
		return r
	}
	if len(fds) != len(m.Targets) {
		return refuse("mounts", unix.EINVAL)
	}
	for i, target := range m.Targets {
		if m.Replace&(1<<i) != 0 {
			if err := unix.Unmount(target, unix.MNT_DETACH); err != nil {
				return refuse("unmount "+target, err)
			}
		}
		if err := attach(fds[i], target); err != nil {
			return refuse("mount "+target, err)
		}
	}
	if m.Files > 0 {
		if err := limitFiles(uint64(m.Files)); err != nil {
			return refuse("limit open files", err)
		}
	}
	return r
}

type stepError struct {
	step string
	err  error
}

func (e *stepError) Error() string { return e.step + ": " + e.err.Error() }

func (e *stepError) Unwrap() error { return e.err }

func step(name string, err error) error { return &stepError{name, err} }
