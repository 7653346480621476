// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cgroup

import (
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestBornInAGroup: a child of a thread that has entered is in every hierarchy of the group, and the thread is back
// afterwards.
func TestBornInAGroup(t *testing.T) {
	g := mustGroup(t, mustHost(t), Limits{})
	before, err := os.ReadFile("/proc/thread-self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "cat")
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if dir, err := g.CloneDir(); err != nil {
		t.Fatal(err)
	} else if dir != nil {
		defer dir.Close()
		cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(dir.Fd())
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := g.Enter(); err != nil {
		t.Fatal(err)
	}
	err = cmd.Start()
	if err := g.Leave(); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile("/proc/thread-self/cgroup")
	if err != nil || string(after) != string(before) {
		t.Errorf("the thread is in\n%s, was in\n%s (%v)", after, before, err)
	}
	for _, dir := range g.dirs {
		procs, err := os.ReadFile(dir + "/cgroup.procs")
		if err != nil || !slices.Contains(strings.Fields(string(procs)), strconv.Itoa(cmd.Process.Pid)) {
			t.Errorf("%s has %q, want %d (%v)", dir, procs, cmd.Process.Pid, err)
		}
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func BenchmarkEnterAndLeave(b *testing.B) {
	g := mustGroup(b, mustHost(b), Limits{})
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for b.Loop() {
		if err := g.Enter(); err != nil {
			b.Fatal(err)
		}
		if err := g.Leave(); err != nil {
			b.Fatal(err)
		}
	}
}
