// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// attempt tries one way out of the sandbox. Answer.Error stays empty when it worked.
func attempt(ctx context.Context, e Event, a *Answer) {
	switch e.Do {
	case "try-processes": // is a process seen whose command line contains e.Text?
		a.N, a.Error = findProcess(e.Text)
	case "try-files": // what is seen of a directory
		entries, err := os.ReadDir(e.Path)
		for _, entry := range entries {
			a.Text += entry.Name() + "\n"
		}
		a.Error = text(err)
	case "try-dial":
		network, address, _ := strings.Cut(e.Path, "!")
		d := net.Dialer{Timeout: time.Second}
		c, err := d.DialContext(ctx, network, address)
		if err == nil {
			_ = c.Close()
		}
		a.Error = text(err)
	case "try-mount":
		a.Error = tryMount()
	case "try-ptrace":
		a.Error = tryTrace(e.N)
	case "try-kill":
		a.Error = text(syscall.Kill(e.N, 0))
	case "try-userns":
		// In a child: a process with threads may not unshare its user namespace anywhere.
		c := exec.CommandContext(ctx, "/proc/self/exe")
		c.Env = []string{"PROBE_EXIT=1"}
		c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS}
		a.Error = text(c.Run())
	case "try-setuid":
		a.Error = errno(syscall.RawSyscall(syscall.SYS_SETUID, uintptr(e.N), 0, 0))
	case "try-chroot":
		a.Error = text(syscall.Chroot(e.Path))
	case "try-mknod":
		a.Error = text(syscall.Mknod(e.Path, syscall.S_IFBLK|0o600, 7<<8))
	case "try-raw":
		fd, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_RAW, 0)
		if err == nil {
			_ = syscall.Close(fd)
		}
		a.Error = text(err)
	case "try-bpf":
		const sysBPF = 321
		a.Error = errno(syscall.RawSyscall(sysBPF, 0, 0, 0))
	default:
		a.Error = "unknown: " + e.Do
	}
}

// tryMount mounts over a directory of its own and takes the mount away again: without a sandbox this is the host.
func tryMount() string {
	dir, err := os.MkdirTemp("", "mount-")
	if err != nil {
		return err.Error()
	}
	defer func() { _ = os.Remove(dir) }()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
		return err.Error()
	}
	return text(syscall.Unmount(dir, syscall.MNT_DETACH))
}

// tryTrace attaches to a process and lets it go again.
func tryTrace(pid int) string {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := syscall.PtraceAttach(pid); err != nil {
		return err.Error()
	}
	var status syscall.WaitStatus
	_, err := syscall.Wait4(pid, &status, syscall.WALL, nil)
	return text(errors.Join(err, syscall.PtraceDetach(pid)))
}

func errno(_, _ uintptr, e syscall.Errno) string {
	if e == 0 {
		return ""
	}
	return e.Error()
}

// findProcess returns the pid of another process whose command line or environment contains mark.
func findProcess(mark string) (int64, string) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err.Error()
	}
	for _, entry := range entries {
		var pid int64
		if _, err := fmt.Sscan(entry.Name(), &pid); err != nil || pid == int64(os.Getpid()) {
			continue
		}
		for _, file := range []string{"cmdline", "environ"} {
			b, err := os.ReadFile("/proc/" + entry.Name() + "/" + file)
			if err == nil && strings.Contains(string(b), mark) {
				return pid, ""
			}
		}
	}
	return 0, "no such process"
}
