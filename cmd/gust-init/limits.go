// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// Beside the control groups, the kernel counts some things for each user and adds them up for the owner of the user
// namespace: that is the host's root, for every sandbox. Without the limits below one function could use up what all
// other sandboxes, and root's own programs, may have.

// rlimits hold for every process of the sandbox; none of them can raise its hard limit.
var rlimits = []struct {
	resource int
	value    uint64
}{
	// No core dumps: a file would fill the function's /tmp, and a handler of the host (a pipe in core_pattern) would parse
	// what the function prepared, as root. Only the value 1 keeps the kernel from starting a handler.
	{unix.RLIMIT_CORE, 1},
	{unix.RLIMIT_SIGPENDING, 1024},    // queued signals; each POSIX timer takes one
	{unix.RLIMIT_MSGQUEUE, 128 << 10}, // bytes of POSIX message queues: one of the default size
	{unix.RLIMIT_MEMLOCK, 64 << 10},   // bytes
}

// perUser are files of /proc/sys/user: they limit this user namespace only. The sum of all sandboxes and root is limited
// by the host, for inotify to 128 instances where nobody raised fs.inotify.max_user_instances.
var perUser = []struct{ name, value string }{
	{"max_inotify_instances", "16"},
	{"max_inotify_watches", "8192"},
	{"max_fanotify_groups", "0"},
	{"max_fanotify_marks", "0"},
	// The seccomp filter refuses namespaces too. The control group namespace is still to be made, by the starter.
	{"max_user_namespaces", "0"},
	{"max_mnt_namespaces", "0"},
	{"max_pid_namespaces", "0"},
	{"max_net_namespaces", "0"},
	{"max_ipc_namespaces", "0"},
	{"max_uts_namespaces", "0"},
	{"max_time_namespaces", "0"},
}

// oomScore makes the kernel end functions before the server and the host's programs when the host has no memory left.
// It also replaces a lower value that the server was started with: a function must not be exempt.
const oomScore = "500"

func limitProcesses() error {
	for _, l := range rlimits {
		var old syscall.Rlimit
		if err := syscall.Getrlimit(l.resource, &old); err != nil {
			return err
		}
		n := min(l.value, old.Max)
		if err := syscall.Setrlimit(l.resource, &syscall.Rlimit{Cur: n, Max: n}); err != nil {
			return err
		}
	}
	return nil
}

// limitShared is called between the mount of proc, relative to the working directory, and its protection. What this
// kernel does not count is skipped.
func limitShared() error {
	for _, f := range perUser {
		if err := writeFile("proc/sys/user/"+f.name, f.value); err != nil && !errors.Is(err, unix.ENOENT) {
			return step(f.name, err)
		}
	}
	// EACCES: this process was made easier to kill than that, for good.
	if err := writeFile("proc/self/oom_score_adj", oomScore); err != nil && !errors.Is(err, unix.EACCES) {
		return step("oom_score_adj", err)
	}
	return nil
}

func writeFile(name, value string) error {
	fd, err := unix.Open(name, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	_, err = unix.Write(fd, []byte(value))
	_ = unix.Close(fd)
	return err
}

// limitFiles sets RLIMIT_NOFILE for the processes to come. It goes through package syscall, which otherwise restores the
// limit that init was started with in each child.
func limitFiles(n uint64) error {
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		return err
	}
	n = min(n, old.Max) // raising the hard limit takes CAP_SYS_RESOURCE in the host's namespace
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: n, Max: n})
}
