// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cgroup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gustcloud/gust/internal/base/clock"
)

// contextForCleanup: t.Context is over when cleanup functions run.
func contextForCleanup() context.Context { return context.Background() }

func TestMemoryLimitKillsAndCounts(t *testing.T) {
	h := mustHost(t)
	if !h.Memory.OK() {
		t.Skip("no memory controller")
	}
	g := mustGroup(t, h, Limits{MemoryBytes: 64 << 20})
	p := mustStart(t, g)
	p.must("alloc 30")
	if n, err := g.OOMKills(); err != nil || n != 0 {
		t.Fatalf("before: %d, %v", n, err)
	}
	if got := p.do("keep 100"); got != "" {
		t.Fatalf("100 MB in a group of 64 MB: %q", got)
	}
	s, err := g.Stats()
	if err != nil || s.OOMKills != 1 {
		t.Fatalf("stats %+v, %v; want one OOM kill", s, err)
	}
	if s.MemoryPeak > 64<<20 || s.MemoryPeak < 55<<20 {
		t.Errorf("peak %d MB, want nearly the limit of 64", s.MemoryPeak>>20)
	}
}

func TestSetLimitsOfARunningGroup(t *testing.T) {
	h := mustHost(t)
	if !h.Memory.OK() {
		t.Skip("no memory controller")
	}
	g := mustGroup(t, h, Limits{})
	p := mustStart(t, g)
	p.must("alloc 100")
	for _, mb := range []int64{64, 256, 128, 0, 48} { // down, up, down, none, down
		if err := g.SetLimits(Limits{MemoryBytes: mb << 20, CPUCores: 0.5, PIDs: 100}); err != nil {
			t.Fatalf("limit %d MB: %v", mb, err)
		}
	}
	if got := p.do("keep 60"); got != "" {
		t.Fatalf("60 MB in a group of 48 MB: %q", got)
	}
}

func TestPIDsLimit(t *testing.T) {
	h := mustHost(t)
	if !h.PIDs.OK() {
		t.Skip("no pids controller")
	}
	g := mustGroup(t, h, Limits{PIDs: 40})
	p := mustStart(t, g)
	p.must("children 10")
	s, err := g.Stats()
	if err != nil || s.PIDs < 11 || s.PIDs > 40 {
		t.Fatalf("stats %+v, %v", s, err)
	}
	if got := p.do("children 40"); !strings.Contains(got, "resource temporarily unavailable") {
		t.Fatalf("50 children in a group of 40: %q", got)
	}
}

func TestCPUShare(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 4 s")
	}
	h := mustHost(t)
	if !h.CPU.OK() || !h.CPUTime.OK() {
		t.Skip("no cpu controller")
	}
	for _, cores := range []float64{128.0 / 1769, 0.5} {
		t.Run(fmt.Sprintf("%.2f", cores), func(t *testing.T) {
			g := mustGroup(t, h, Limits{CPUCores: cores})
			p := mustStart(t, g)
			p.must("spin 1ms")
			before, err := g.Stats()
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			p.must("spin 2s")
			wall := time.Since(start)
			after, err := g.Stats()
			if err != nil {
				t.Fatal(err)
			}
			share := float64(after.CPU-before.CPU) / float64(wall)
			if share > cores*1.15 {
				t.Errorf("share %.3f of a core over %s, want %.3f within 15 %%", share, wall, cores)
			}
			b, err := os.ReadFile(g.file(h.CPU, "cpu.stat"))
			if err != nil {
				t.Fatal(err)
			}
			if periods, throttled := field(b, "nr_periods"), field(b, "nr_throttled"); throttled < periods*9/10 {
				t.Skipf("the machine is too busy to give %.3f of a core: only %d of %d periods reached the quota",
					cores, throttled, periods)
			}
			if share < cores*0.85 {
				t.Errorf("share %.3f of a core over %s, want %.3f within 15 %%", share, wall, cores)
			}
		})
	}
}

func TestFreezeStopsAndThawContinues(t *testing.T) {
	h := mustHost(t)
	if !h.Freezer.OK() {
		t.Skip("no freezer")
	}
	freezers := []Controller{h.Freezer}
	if h.Freezer.Version == 2 && h.freezerV1 != "" {
		freezers = append(freezers, Controller{1, filepath.Join(h.freezerV1, h.base)})
	}
	for _, f := range freezers {
		t.Run(fmt.Sprintf("v%d", f.Version), func(t *testing.T) {
			own := *h
			own.Freezer = f
			if err := mkdir(f.Parent); err != nil {
				t.Fatal(err)
			}
			if f.Version == 1 {
				t.Cleanup(func() { _ = unix.Rmdir(f.Parent) })
			}
			g := mustGroup(t, &own, Limits{})
			p := mustStart(t, g)
			p.must("spin 1ms")
			p.send("spin 1ms")
			p.send("spin 1h")
			if got := p.answer(); got != "ok" {
				t.Fatal(got)
			}
			if err := g.Freeze(t.Context()); err != nil {
				t.Fatal(err)
			}
			if !frozen(t, p) {
				t.Error("runs while frozen")
			}
			if err := g.Thaw(); err != nil {
				t.Fatal(err)
			}
			if frozen(t, p) {
				t.Error("does not run after the thaw")
			}
			file, err := g.FreezeFile()
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			if _, err := file.WriteString(file.Freeze); err != nil {
				t.Fatal(err)
			}
			if err := g.Freeze(t.Context()); err != nil {
				t.Fatal(err)
			}
			if !frozen(t, p) {
				t.Error("runs after a write to the file")
			}
			if err := g.Kill(); err != nil { // while frozen
				t.Fatal(err)
			}
			if err := p.cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
				t.Errorf("wait: %v", err)
			}
		})
	}
}

// frozen watches the process' own CPU time for a while: it spins when it can.
func frozen(t *testing.T, p *process) bool {
	t.Helper()
	cpu := func() string {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')'):]))
		return f[12-1] + "+" + f[13-1]
	}
	first := cpu()
	for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); {
		if cpu() != first {
			return false
		}
		if err := (clock.System{}).Sleep(t.Context(), 10*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	return true
}

func TestFreezeEndsWithItsContext(t *testing.T) {
	h := mustHost(t)
	if !h.Freezer.OK() {
		t.Skip("no freezer")
	}
	g := mustGroup(t, h, Limits{})
	mustStart(t, g)
	ctx, cancel := context.WithCancelCause(t.Context())
	want := errors.New("enough")
	cancel(want)
	// The kernel may confirm at the first look, then there is nothing to wait for.
	if err := g.Freeze(ctx); err != nil && !errors.Is(err, want) {
		t.Errorf("got %v", err)
	}
	if err := g.Thaw(); err != nil {
		t.Error(err)
	}
}

func TestKillEachWithoutCgroupKill(t *testing.T) {
	h := mustHost(t)
	own := *h
	own.Kill = Controller{}
	g := mustGroup(t, &own, Limits{})
	p := mustStart(t, g)
	p.must("children 5")
	if err := g.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("wait: %v", err)
	}
	if err := g.Remove(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestSweepRemovesOnlyItsPrefix(t *testing.T) {
	h := mustHost(t)
	mine, err := h.New("one-left", Limits{})
	if err != nil {
		t.Fatal(err)
	}
	other := mustGroup(t, h, Limits{})
	p, q := mustStart(t, mine), mustStart(t, other)
	if n, err := h.Sweep(t.Context(), "one-"); err != nil || n != 1 {
		t.Fatalf("swept %d, %v", n, err)
	}
	for _, dir := range mine.dirs {
		if exists(dir) {
			t.Errorf("%s is left", dir)
		}
	}
	if err := p.cmd.Wait(); err == nil {
		t.Error("the leftover process ended by itself")
	}
	q.must("spin 1ms")
}

func TestNewAfterAnotherServerRemovedTheBase(t *testing.T) {
	h := mustHost(t)
	if err := h.Close(); err != nil { // what another server on this host does when it ends
		t.Fatal(err)
	}
	g, err := h.New("after", Limits{PIDs: 10})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Errorf("Close while a group is there: %v", err)
	}
	if err := g.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestNewRefusesBadNames(t *testing.T) {
	h := &Host{ready: true}
	for _, name := range []string{"", ".", "..", "a/b", "a\nb"} {
		if _, err := h.New(name, Limits{}); err == nil {
			t.Errorf("name %q was taken", name)
		}
	}
	if _, err := (&Host{}).New("a", Limits{}); err == nil {
		t.Error("New works before Setup")
	}
}

func TestCPUQuota(t *testing.T) {
	for _, tt := range []struct {
		name  string
		cores float64
		want  int64
	}{
		{"none", 0, -1},
		{"128 MB", 128.0 / 1769, 1447},
		{"1769 MB", 1, 20000},
		{"10240 MB", 10240.0 / 1769, 115772},
		{"less than the kernel takes", 0.001, 1000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := cpuQuota(tt.cores); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

// BenchmarkGroup is what a sandbox costs: made, entered, limited anew, frozen, thawed, killed and removed.
func BenchmarkGroup(b *testing.B) {
	h := mustHost(b)
	names := 0
	b.Run("new and remove", func(b *testing.B) {
		for b.Loop() {
			names++
			g, err := h.New(fmt.Sprintf("bench-%d", names), Limits{})
			if err != nil {
				b.Fatal(err)
			}
			if err := g.Remove(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	g := mustGroup(b, h, Limits{})
	p := mustStart(b, g)
	for _, op := range []struct {
		name string
		do   func() error
	}{
		{"add", func() error { return g.Add(p.cmd.Process.Pid) }},
		{"set limits", func() error { return g.SetLimits(Limits{MemoryBytes: 128 << 20, CPUCores: 0.1, PIDs: 100}) }},
		{"freeze and thaw", func() error { return errors.Join(g.Freeze(b.Context()), g.Thaw()) }},
	} {
		b.Run(op.name, func(b *testing.B) {
			for b.Loop() {
				if err := op.do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
