// SPDX-License-Identifier: Apache-2.0

//go:build linux

package linux_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gustcloud/gust/internal/base/hosttest"
	"github.com/gustcloud/gust/internal/base/ids"
	"github.com/gustcloud/gust/internal/worker/sandbox"
	"github.com/gustcloud/gust/internal/worker/sandbox/linux"
	"github.com/gustcloud/gust/internal/worker/sandbox/sandboxtest"
)

// held is what sandboxes hold of the host: lists that must be the same before and after.
type held struct {
	mounts, groups, loops, spawners []string
}

// observe lists what the spawner of runDir, and only it, holds: other tests of the host may run beside this one.
func observe(t *testing.T, runDir string) held {
	t.Helper()
	var h held
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, runDir) {
			h.mounts = append(h.mounts, line)
		}
	}
	if name, err := os.ReadFile(filepath.Join(runDir, "instance")); err == nil {
		_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), string(name)+"-") {
				h.groups = append(h.groups, path)
			}
			return nil
		})
	}
	backing, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
	for _, path := range backing {
		if p, err := os.ReadFile(path); err == nil && strings.Contains(string(p), runDir) {
			h.loops = append(h.loops, string(p))
		}
	}
	cmdlines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range cmdlines {
		if p, err := os.ReadFile(path); err == nil && bytes.Contains(p, []byte("--run-dir\x00"+runDir)) {
			h.spawners = append(h.spawners, path)
		}
	}
	return h
}

func (h held) count() int { return len(h.mounts) + len(h.groups) + len(h.loops) + len(h.spawners) }

// mustVanish waits until nothing of runDir is held any more: the kernel ends mount namespaces and loop devices by itself.
func mustVanish(t *testing.T, runDir string, pids ...int) {
	t.Helper()
	var h held
	var alive []int
	for range 500 {
		h = observe(t, runDir)
		alive = slices.DeleteFunc(slices.Clone(pids), func(pid int) bool {
			_, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
			return errors.Is(err, fs.ErrNotExist)
		})
		if h.count() == 0 && len(alive) == 0 {
			return
		}
		select {
		case <-t.Context().Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Errorf("left behind: %+v, processes %v", h, alive)
}

// busy returns a claimed sandbox that runs two processes.
func busy(t *testing.T, d *linux.Driver, code string) (sandbox.Sandbox, sandbox.Process) {
	t.Helper()
	b, err := d.Prepare(t.Context(), sandbox.Template{EphemeralMB: 64})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Listen(t.Context(), "tcp", "127.0.0.1:9001"); err != nil {
		t.Fatal(err)
	}
	if err := b.Claim(t.Context(), sandbox.Claim{Code: code, MemoryMB: 128, EphemeralMB: 64, PIDs: 64}); err != nil {
		t.Fatal(err)
	}
	var p sandbox.Process
	for range 2 {
		if p, err = b.Start(t.Context(), sandbox.Command{Path: "/var/task/payload", Args: []string{"payload", "wait"}, Dir: "/"}); err != nil {
			t.Fatal(err)
		}
	}
	return b, p
}

// children lists the processes whose parent is pid.
func children(t *testing.T, pid int) []int {
	t.Helper()
	var list []int
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		p, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(p[bytes.LastIndexByte(p, ')')+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			child, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, child)
			list = append(list, children(t, child)...)
		}
	}
	return list
}

func TestClosedSandboxLeavesNothing(t *testing.T) {
	runDir := t.TempDir()
	d := newDriver(t, runDir)
	code := sandboxtest.MustPayload(t)
	files := openFiles(t)
	for range 3 {
		b, p := busy(t, d, code)
		if err := b.Freeze(t.Context()); err != nil {
			t.Fatal(err)
		}
		if h := observe(t, runDir); len(h.groups) == 0 || len(h.spawners) == 0 || d.Limits().TmpKind == "ext4" && len(h.loops) == 0 {
			t.Fatalf("a running sandbox holds %+v: the test cannot fail", h)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		<-p.Done()
		if h := observe(t, runDir); len(h.groups) != 0 {
			t.Errorf("control groups are left: %v", h.groups)
		}
	}
	if now := openFiles(t); now != files {
		t.Errorf("this process holds %d descriptors, %d before", now, files)
	}
	spawned := children(t, os.Getpid())
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	mustVanish(t, runDir, spawned...)
}

func TestDriverCloseEndsRunningSandboxes(t *testing.T) {
	runDir := t.TempDir()
	d := newDriver(t, runDir)
	_, p := busy(t, d, sandboxtest.MustPayload(t))
	spawned := children(t, os.Getpid())
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	<-p.Done()
	mustVanish(t, runDir, spawned...)
	if b, err := d.Prepare(t.Context(), sandbox.Template{}); err == nil {
		t.Errorf("a closed driver prepared %s", b.ID())
	}
}

func TestDeadSpawnerEndsSandboxesAndTheNextOneSweeps(t *testing.T) {
	runDir := t.TempDir()
	d := newDriver(t, runDir)
	code := sandboxtest.MustPayload(t)
	b, p := busy(t, d, code)
	if err := b.Freeze(t.Context()); err != nil { // a frozen one must die too
		t.Fatal(err)
	}
	_, q := busy(t, d, code)
	spawned := children(t, os.Getpid())
	spawner, err := os.FindProcess(spawnerOf(t, runDir))
	if err != nil {
		t.Fatal(err)
	}
	if err := spawner.Kill(); err != nil {
		t.Fatal(err)
	}
	<-d.Done()
	<-p.Done()
	<-q.Done()
	if e := q.Exit(); e.Code != -1 || e.OOM {
		t.Errorf("got %+v", e)
	}
	if _, err := d.Prepare(t.Context(), sandbox.Template{}); !errors.Is(err, sandbox.ErrClosed) {
		t.Errorf("Prepare without a spawner: got %v, want ErrClosed", err)
	}
	if err := b.Close(); err != nil {
		t.Errorf("close a sandbox of a dead spawner: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Errorf("close the driver of a dead spawner: %v", err)
	}
	if h := observe(t, runDir); len(h.groups) == 0 {
		t.Fatal("a killed spawner left no control group: the test cannot fail")
	}
	next := newDriver(t, runDir)
	if h := observe(t, runDir); len(h.groups) != 0 {
		t.Errorf("not swept: %v", h.groups)
	}
	if err := next.Close(); err != nil {
		t.Error(err)
	}
	mustVanish(t, runDir, spawned...)
}

func TestKilledServerLeavesNothing(t *testing.T) {
	hosttest.Root(t)
	runDir, code := t.TempDir(), sandboxtest.MustPayload(t)
	program := filepath.Join(t.TempDir(), "gust-init")
	if err := os.WriteFile(program, initProgram, 0o600); err != nil {
		t.Fatal(err)
	}
	server := exec.CommandContext(t.Context(), "/proc/self/exe", "server", runDir, code, program)
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	server.Stderr = t.Output()
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "running\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	spawned := children(t, server.Process.Pid)
	if len(spawned) < 4 { // spawner, PID 1, two processes
		t.Fatalf("the server has descendants %v: the test cannot fail", spawned)
	}
	if err := server.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = server.Wait()
	mustVanish(t, runDir, spawned...)
}

// serve is the server of TestKilledServerLeavesNothing: it runs a sandbox until it is killed.
func serve(ctx context.Context, runDir, code, program string) error {
	p, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	d, err := linux.New(ctx, linux.Deps{Init: p, RunDir: runDir, IDs: ids.System(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	b, err := d.Prepare(ctx, sandbox.Template{EphemeralMB: 64})
	if err != nil {
		return err
	}
	if err := b.Claim(ctx, sandbox.Claim{Code: code, EphemeralMB: 64}); err != nil {
		return err
	}
	for range 2 {
		if _, err := b.Start(ctx, sandbox.Command{Path: "/var/task/payload", Args: []string{"payload", "wait"}, Dir: "/"}); err != nil {
			return err
		}
	}
	fmt.Println("running")
	select {}
}

func TestAbandonedPrepareIsClosed(t *testing.T) {
	runDir := t.TempDir()
	d := newDriver(t, runDir)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if b, err := d.Prepare(ctx, sandbox.Template{}); err == nil {
		t.Errorf("prepared %s after the context ended", b.ID())
	}
	// The one after it shows that the spawner has worked on both.
	after, err := d.Prepare(t.Context(), sandbox.Template{})
	if err != nil {
		t.Fatal(err)
	}
	other := func(group string) bool { return !strings.HasSuffix(group, "-"+after.ID()) }
	for range 500 {
		if !slices.ContainsFunc(observe(t, runDir).groups, other) {
			break
		}
		<-time.After(10 * time.Millisecond)
	}
	if groups := observe(t, runDir).groups; slices.ContainsFunc(groups, other) {
		t.Errorf("left behind beside %s: %v", after.ID(), groups)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

func spawnerOf(t *testing.T, runDir string) int {
	t.Helper()
	h := observe(t, runDir)
	if len(h.spawners) != 1 {
		t.Fatalf("spawners: %v", h.spawners)
	}
	pid, err := strconv.Atoi(filepath.Base(filepath.Dir(h.spawners[0])))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// TestForkBombEndsAtOnce: hundreds of processes with a small share of a CPU would take minutes to die of their own.
func TestForkBombEndsAtOnce(t *testing.T) {
	d := newDriver(t, t.TempDir())
	defer d.Close()
	b, err := d.Prepare(t.Context(), sandbox.Template{EphemeralMB: 64})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Claim(t.Context(), sandbox.Claim{Code: sandboxtest.MustPayload(t), MemoryMB: 256, CPU: 0.06, PIDs: 1024}); err != nil {
		t.Fatal(err)
	}
	p, err := b.Start(t.Context(), sandbox.Command{Path: "/var/task/payload", Args: []string{"payload", "bomb"}, Dir: "/"})
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < 500; { // the limit of processes stands: others are refused
		st, err := b.Stats()
		if err != nil {
			t.Fatal(err)
		}
		n = st.PIDs
	}
	start := time.Now()
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
	if e := p.Exit(); e.Signal != syscall.SIGKILL {
		t.Errorf("got %+v", e)
	}
}
