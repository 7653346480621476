// SPDX-License-Identifier: Apache-2.0

package sandboxtest

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// attempt is something that a function must not be able to do. Without isolation it answers "ok", as root at least.
type attempt struct {
	name    string
	args    []string
	refused []string // answers of a driver with isolation
	inside  bool     // only tried with isolation: without, it would hit the host's PID 1
	root    bool     // without isolation it takes root
}

func (s *suite) isolation(t *testing.T) {
	isolated := s.driver.Limits().Isolation
	b := s.claimed(t)
	for _, a := range s.attempts(t) {
		if !isolated && (a.inside || a.root && os.Geteuid() != 0) {
			continue
		}
		t.Run(a.name, func(t *testing.T) {
			got := says(t, b, a.args...)
			if isolated && !slices.Contains(a.refused, got) {
				t.Errorf("got %q, want one of %q", got, a.refused)
			}
			if !isolated && (len(got) < 2 || got[:2] != "ok") {
				t.Errorf("got %q without isolation: the attempt shows nothing", got)
			}
		})
	}
	if isolated {
		t.Run("no descriptor of the driver is inherited", func(t *testing.T) {
			if got := says(t, b, "fds"); got != "ok" {
				t.Errorf("got %q", got)
			}
		})
	}
	t.Run("it lives after all attempts", func(t *testing.T) {
		if got := says(t, b, "args", "alive"); got != "ok alive" {
			t.Errorf("got %q", got)
		}
	})
}

func (s *suite) attempts(t *testing.T) []attempt {
	t.Helper()
	secret := filepath.Join(MustDir(t, "secret", "of the host"), "secret")
	victim := s.victim(t)
	var hostNet net.ListenConfig
	host := serve(t, must1(t)(hostNet.Listen(t.Context(), "tcp", "127.0.0.1:0")))
	abstract := serve(t, must1(t)(hostNet.Listen(t.Context(), "unix", "@gust-sandboxtest-"+strconv.Itoa(os.Getpid()))))
	other := s.claimed(t)
	neighbour := serve(t, must1(t)(other.Listen(t.Context(), "tcp", "127.0.0.1:9001")))
	neighbourUnix := serve(t, must1(t)(other.Listen(t.Context(), "unix", "@gust-neighbour")))
	return []attempt{
		{name: "a file of the host", args: []string{"read", secret}, refused: []string{"ENOENT"}},
		{name: "the host's root through PID 1", args: []string{"read", "/proc/1/root" + secret}, refused: []string{"ENOENT", "EACCES"}, inside: true},
		{name: "a file of the host's /etc", args: []string{"read", "/etc/hostname"}, refused: []string{"ENOENT"}},
		{name: "write to a file of the host", args: []string{"append", secret, ", changed"}, refused: []string{"ENOENT"}},
		{name: "signal a process of the host", args: []string{"kill", victim, "0"}, refused: []string{"ESRCH"}},
		{name: "see a process of the host", args: []string{"read", "/proc/" + victim + "/cmdline"}, refused: []string{"ENOENT"}},
		{name: "trace a process of the host", args: []string{"ptrace", victim}, refused: []string{"ESRCH", "EPERM"}},
		{name: "a listener of the host's loopback", args: dialArgs(host), refused: []string{"ECONNREFUSED"}},
		{name: "an abstract socket of the host", args: dialArgs(abstract), refused: []string{"ECONNREFUSED"}},
		{name: "a listener of another sandbox", args: dialArgs(neighbour), refused: []string{"ECONNREFUSED"}},
		{name: "an abstract socket of another sandbox", args: dialArgs(neighbourUnix), refused: []string{"ECONNREFUSED"}},
		{name: "mount", args: []string{"mount", MustDir(t, "x", "")}, refused: []string{"EPERM", "ENOENT"}, root: true},
		{name: "mount over its own /tmp", args: []string{"mount", "/tmp"}, refused: []string{"EPERM"}, inside: true},
		{name: "a new user namespace", args: []string{"userns"}, refused: []string{"EPERM"}},
		{name: "a new mount namespace", args: []string{"mountns"}, refused: []string{"EPERM"}, root: true},
		{name: "become root", args: []string{"setuid"}, refused: []string{"EPERM"}, root: true},
		{name: "make a device", args: []string{"mknod", filepath.Join(t.TempDir(), "disk")}, refused: []string{"ENOENT", "EPERM"}, root: true},
		{name: "make a device in its own /tmp", args: []string{"mknod", "/tmp/disk"}, refused: []string{"EPERM"}, inside: true},
		{name: "chroot", args: []string{"chroot", "/"}, refused: []string{"EPERM"}, root: true},
		{name: "kill PID 1", args: []string{"kill", "1", "9"}, refused: []string{"EPERM"}, inside: true},
		{name: "trace PID 1", args: []string{"ptrace", "1"}, refused: []string{"EPERM"}, inside: true},
		{name: "see PID 1", args: []string{"read", "/proc/1/cmdline"}, refused: []string{"ENOENT"}, inside: true},
		{name: "read PID 1's memory map", args: []string{"read", "/proc/1/maps"}, refused: []string{"ENOENT", "EACCES", "EPERM"}, inside: true},
		{name: "a kernel setting", args: []string{"append", "/proc/sys/kernel/core_pattern", "x"}, refused: []string{"EROFS", "EACCES", "EPERM"}, inside: true},
		{name: "the kernel's keys", args: []string{"read", "/proc/keys"}, refused: []string{"ok"}, inside: true}, // masked: empty
		{name: "its root directory", args: []string{"write", "/file", "x"}, refused: []string{"EROFS"}, inside: true},
		{name: "its passwd file", args: []string{"append", "/etc/passwd", "x"}, refused: []string{"EROFS", "EACCES"}, inside: true},
	}
}

func dialArgs(l net.Listener) []string {
	return []string{"dial", l.Addr().Network(), l.Addr().String()}
}

// victim is a process outside every sandbox; it returns its number.
func (s *suite) victim(t *testing.T) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(s.code, "payload"), "wait")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return strconv.Itoa(cmd.Process.Pid)
}

// serve greets every caller until the test ends.
func serve(t *testing.T, l net.Listener) net.Listener {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("you reached me"))
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l
}

func must1(t *testing.T) func(net.Listener, error) net.Listener {
	t.Helper()
	return func(l net.Listener, err error) net.Listener {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
}
