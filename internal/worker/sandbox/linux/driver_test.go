// SPDX-License-Identifier: Apache-2.0

//go:build linux

package linux_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/gustcloud/gust/internal/base/hosttest"
	"github.com/gustcloud/gust/internal/worker/sandbox"
	"github.com/gustcloud/gust/internal/worker/sandbox/sandboxtest"
)

func TestSandboxesHaveUsersOfTheirOwn(t *testing.T) {
	d := newDriver(t, t.TempDir())
	defer d.Close()
	code := sandboxtest.MustPayload(t)
	busy(t, d, code)
	busy(t, d, code)
	users := map[string]int{}
	for _, pid := range children(t, os.Getpid()) {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(status)) {
			if uid, ok := strings.CutPrefix(line, "Uid:"); ok {
				users[strings.Fields(uid)[1]]++
			}
		}
	}
	// The spawner; then for each sandbox PID 1 and two processes of the function.
	want := map[string]int{"0": 1, "1048576": 1, "1049569": 2, "1049600": 1, "1050593": 2}
	if fmt.Sprint(users) != fmt.Sprint(want) {
		t.Errorf("host users and their processes: got %v, want %v", users, want)
	}
}

func TestProcessesHoldNoPrivileges(t *testing.T) {
	d := newDriver(t, t.TempDir())
	defer d.Close()
	b, _ := busy(t, d, sandboxtest.MustPayload(t))
	said := func(path string) string {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		c := sandbox.Command{Path: "/var/task/payload", Args: []string{"payload", "read", path}, Dir: "/", Stdout: w, Stderr: w}
		p, err := b.Start(t.Context(), c)
		w.Close()
		if err != nil {
			t.Fatal(err)
		}
		out, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		<-p.Done()
		return string(out)
	}
	status := said("/proc/self/status")
	for _, want := range []string{
		"Uid:\t993\t993\t993\t993\n", "Gid:\t990\t990\t990\t990\n", "Groups:\t \n", "NoNewPrivs:\t1\n", "Seccomp:\t2\n",
		"CapInh:\t0000000000000000\n", "CapPrm:\t0000000000000000\n", "CapEff:\t0000000000000000\n",
		"CapBnd:\t0000000000000000\n", "CapAmb:\t0000000000000000\n",
	} {
		if !strings.Contains(status, want) {
			t.Errorf("%q is not in\n%s", want, status)
		}
	}
	// Signals 32 and 33 are the C library's own: glibc's posix_spawn, with which make starts its commands, ignores them
	// in every process below it.
	const ofLibc = 3 << 31
	_, ignored, _ := strings.Cut(status, "SigIgn:\t")
	ignored, _, _ = strings.Cut(ignored, "\n")
	if mask, err := strconv.ParseUint(ignored, 16, 64); err != nil || mask&^ofLibc != 0 {
		t.Errorf("ignored signals %q, %v", ignored, err)
	}
	limits := strings.Join(strings.Fields(said("/proc/self/limits")), " ")
	for _, want := range []string{
		"Max core file size 1 1 ", // core dumps are off
		"Max pending signals 1024 1024 ", "Max msgqueue size 131072 131072 ", "Max locked memory 65536 65536 ",
	} {
		if !strings.Contains(limits, want) {
			t.Errorf("%q is not in\n%s", want, limits)
		}
	}
	// What these count is shared: all sandboxes and the host's root have one sum.
	for path, want := range map[string]string{
		"max_inotify_instances": "16", "max_user_namespaces": "0", "max_mnt_namespaces": "0", "max_net_namespaces": "0",
	} {
		if got := said("/proc/sys/user/" + path); got != "ok "+want+"\n" {
			t.Errorf("%s: got %q, want %s", path, got, want)
		}
	}
	for _, path := range []string{"/proc/pressure", "/proc/interrupts", "/proc/cmdline"} {
		if got := said(path); got != "ok\n" && got != "EISDIR\n" {
			t.Errorf("%s shows the host: %q", path, got)
		}
	}
	if got := said("/proc/pressure/cpu"); got != "ENOENT\n" {
		t.Errorf("/proc/pressure/cpu: %q", got)
	}
	if got := said("/proc/self/oom_score_adj"); got != "ok 500\n" {
		t.Errorf("oom_score_adj: %q", got)
	}
	if groups := said("/proc/self/cgroup"); !strings.HasPrefix(groups, "ok ") || strings.Contains(groups, "gust") {
		t.Errorf("/proc/self/cgroup shows the host's path:\n%s", groups)
	}
}

// TestFunctionDoesNotUseUpWhatOthersNeed: watches and queued signals are counted for the owner of all sandboxes' user
// namespaces too, the host's root.
func TestFunctionDoesNotUseUpWhatOthersNeed(t *testing.T) {
	d := newDriver(t, t.TempDir())
	defer d.Close()
	code := sandboxtest.MustPayload(t)
	greedy, _ := busy(t, d, code)
	other, _ := busy(t, d, code)
	for _, tt := range []struct{ name, count, want string }{
		{"watches", "100", "16\nEMFILE\n"},
		{"timers", "2000", "1024\nEAGAIN\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			p, err := greedy.Start(t.Context(), sandbox.Command{
				Path: "/var/task/payload", Args: []string{"payload", tt.name, tt.count, "wait"}, Dir: "/", Stdout: w, Stderr: w,
			})
			w.Close()
			if err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, len(tt.want)) // what the payload says next is not looked at
			n, err := io.ReadFull(r, buf)
			if got := string(buf[:n]); err != nil || got != tt.want {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
			q, err := other.Start(t.Context(), sandbox.Command{
				Path: "/var/task/payload", Args: []string{"payload", tt.name, "1"}, Dir: "/",
			})
			if err != nil {
				t.Fatal(err)
			}
			if e := q.Exit(); e.Code != 0 {
				t.Errorf("another sandbox gets none: %+v", e)
			}
			if err := p.Signal(syscall.SIGKILL); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOrdinaryUserLearnsWhatIsMissing(t *testing.T) {
	hosttest.Root(t)
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "unprivileged")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	cmd.Dir = "/"
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"needs root", "--driver process"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q does not say %q", out, want)
		}
	}
}

func TestTooLongEnvironmentIsTheCommandsFault(t *testing.T) {
	d := newDriver(t, t.TempDir())
	defer d.Close()
	b, _ := busy(t, d, sandboxtest.MustPayload(t))
	_, err := b.Start(t.Context(), sandbox.Command{Path: "/var/task/payload", Env: []string{"A=" + strings.Repeat("x", 200<<10)}})
	var start *sandbox.StartError
	if !errors.As(err, &start) || !errors.Is(err, syscall.E2BIG) {
		t.Errorf("got %v, want a StartError with E2BIG", err)
	}
}

func TestNothingStartsAfterAClaimThatFailedInside(t *testing.T) {
	d := newDriver(t, t.TempDir())
	defer d.Close()
	b, err := d.Prepare(t.Context(), sandbox.Template{EphemeralMB: 64})
	if err != nil {
		t.Fatal(err)
	}
	// A file cannot be attached over a directory, which is found by PID 1, after it has attached the code.
	c := sandbox.Claim{Code: sandboxtest.MustPayload(t), Runtime: "/etc/passwd", MemoryMB: 64, PIDs: 64}
	if err := b.Claim(t.Context(), c); err != nil {
		t.Fatalf("the claim failed before PID 1 saw it: %v", err)
	}
	var start *sandbox.StartError
	for i, want := range []error{syscall.EINVAL, syscall.ECANCELED} {
		_, err := b.Start(t.Context(), sandbox.Command{Path: "/var/task/payload", Args: []string{"payload", "exit", "0"}, Dir: "/"})
		if !errors.Is(err, want) || errors.As(err, &start) != (i == 1) {
			t.Errorf("start: got %v, want %v", err, want)
		}
	}
}

func TestManySandboxesAtOnce(t *testing.T) {
	runDir := t.TempDir()
	d := newDriver(t, runDir)
	code := sandboxtest.MustPayload(t)
	var wg sync.WaitGroup
	for range 24 {
		wg.Go(func() {
			b, err := d.Prepare(t.Context(), sandbox.Template{EphemeralMB: 64})
			if err != nil {
				t.Error(err)
				return
			}
			if err := b.Claim(t.Context(), sandbox.Claim{Code: code, MemoryMB: 64, EphemeralMB: 64, PIDs: 64}); err != nil {
				t.Error(err)
			}
			p, err := b.Start(t.Context(), sandbox.Command{Path: "/var/task/payload", Args: []string{"payload", "exit", "3"}, Dir: "/"})
			if err != nil {
				t.Error(err)
			} else if e := p.Exit(); e.Code != 3 {
				t.Errorf("got %+v", e)
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if h := observe(t, runDir); len(h.groups) != 0 {
		t.Errorf("control groups are left: %v", h.groups)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	mustVanish(t, runDir)
}

func TestFailedPrepareLeavesNothing(t *testing.T) {
	runDir := t.TempDir()
	d := newDriver(t, runDir)
	for _, bad := range []sandbox.Template{
		{Binds: []sandbox.Bind{{Source: "/does/not/exist", Target: "/x"}}},
		{Binds: []sandbox.Bind{{Source: "/etc", Target: "/etc/passwd"}}}, // a directory over a file
	} {
		if b, err := d.Prepare(t.Context(), bad); err == nil {
			t.Errorf("prepared %s with %v", b.ID(), bad.Binds)
		}
	}
	b, err := d.Prepare(t.Context(), sandbox.Template{Binds: []sandbox.Bind{{Source: "/etc/hostname", Target: "/etc/x/hostname"}}})
	if err != nil {
		t.Fatalf("a good template after bad ones: %v", err)
	}
	if err := b.Claim(t.Context(), sandbox.Claim{Code: "/does/not/exist"}); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("claim of missing code: got %v, want ENOENT", err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if h := observe(t, runDir); len(h.groups) != 0 {
		t.Errorf("control groups are left: %v", h.groups)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	mustVanish(t, runDir)
}
