// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gustcloud/gust/internal/worker/spawner/initproto"
	"github.com/gustcloud/gust/internal/worker/spawner/seccomp"
)

// starter forks from one thread that holds no_new_privs, the seccomp filter, an empty bounding set and no capability but
// the two that change its child's ids. The thread keeps init's uid, so processes of the function's uid can neither
// signal nor trace it; the child gives the last two capabilities up when it changes its uid. All of this is done before
// a claim: a start costs a fork and an exec.
type starter struct {
	uid, gid uint32
	null     int
	requests chan startRequest
	results  chan startResult
}

type startRequest struct {
	m           initproto.Start
	out, errOut int
}

type startResult struct {
	pid int
	err error
}

// begin returns when the thread has dropped its privileges.
func (s *starter) begin(uid, gid uint32) error {
	s.uid, s.gid = uid, gid
	s.requests, s.results = make(chan startRequest), make(chan startResult)
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return step("open /dev/null", err)
	}
	s.null = null
	ready := make(chan error)
	go s.loop(ready)
	return <-ready
}

// loop runs for the life of the sandbox and never gives its thread back.
func (s *starter) loop(ready chan<- error) {
	runtime.LockOSThread()
	err := dropPrivileges()
	ready <- err
	if err != nil {
		return
	}
	for r := range s.requests {
		pid, err := syscall.ForkExec(r.m.Path, r.m.Args, &syscall.ProcAttr{ //nolint:gosec // what the server asks for
			Dir:   r.m.Dir,
			Env:   r.m.Env,
			Files: []uintptr{uintptr(s.null), uintptr(r.out), uintptr(r.errOut)},
			Sys:   &syscall.SysProcAttr{Setsid: true, Credential: &syscall.Credential{Uid: s.uid, Gid: s.gid}},
		})
		s.results <- startResult{pid, err}
	}
}

func (s *starter) run(m initproto.Start, out, errOut int) (uint32, error) {
	s.requests <- startRequest{m, out, errOut}
	r := <-s.results
	return uint32(r.pid), r.err
}

// dropPrivileges changes the calling thread only.
func dropPrivileges() error {
	// Hide the host's control group path from /proc/self/cgroup; a kernel without the namespace shows a name, no more.
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil && err != unix.EINVAL {
		return step("unshare the control group namespace", err)
	}
	for c := range uintptr(64) {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		if err == unix.EINVAL {
			break // the kernel's last capability was the one before
		}
		if err != nil {
			return step("drop the bounding set", err)
		}
	}
	const keep = 1<<unix.CAP_SETUID | 1<<unix.CAP_SETGID
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := [2]unix.CapUserData{{Effective: keep, Permitted: keep}}
	if err := unix.Capset(&header, &data[0]); err != nil {
		return step("drop capabilities", err)
	}
	// Dumpable is the process's: nobody inside may read or trace PID 1.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return step("clear dumpable", err)
	}
	if err := seccomp.Install(); err != nil {
		return step("install the seccomp filter", err)
	}
	return nil
}
