// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestMemoryPeakOfAllocations(t *testing.T) {
	h := mustHost(t)
	if !h.Memory.OK() {
		t.Skip("no memory controller")
	}
	dir := diskDir(t)
	for _, tt := range []struct {
		name     string
		commands []string
		want     int // MB beyond the process' own
	}{
		{"nothing", nil, 0},
		{"40", []string{"alloc 40"}, 40},
		{"80", []string{"alloc 80"}, 80},
		{"160", []string{"alloc 160"}, 160},
		{"kept", []string{"keep 30", "keep 50"}, 80},
		{"shared", []string{"shared 60"}, 60},
		{"one after the other", []string{"alloc 80", "alloc 40"}, 80},
		{"file written and kept", []string{"write 100 " + dir + "/a"}, 0},
		{"file written and removed", []string{"write 100 " + dir + "/b", "remove " + dir + "/b"}, 0},
		{"file read", []string{"read " + dir + "/big"}, 0},
		{"memory, then a file", []string{"alloc 80", "write 150 " + dir + "/c"}, 80},
		{"a file, then memory", []string{"write 150 " + dir + "/d", "alloc 80"}, 80},
		{"in a child", []string{"child alloc 80"}, 80},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mustEvict(t, dir+"/big")
			g, err := h.New("peak", Limits{MemoryBytes: 512 << 20})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := g.Remove(contextForCleanup()); err != nil {
					t.Error(err)
				}
			})
			p := mustStart(t, g)
			p.must("spin 1ms")
			var buf [4096]byte
			own := float64(g.processPeak(p.cmd.Process.Pid, buf[:])) / (1 << 20)
			before, err := g.Stats()
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range tt.commands {
				p.must(c)
			}
			after, err := g.Stats()
			if err != nil {
				t.Fatal(err)
			}
			// What the helper had before it was put into the group is charged elsewhere, but may be seen in its own mark.
			base, got := float64(before.MemoryPeak)/(1<<20), float64(after.MemoryPeak)/(1<<20)
			low, high := base+float64(tt.want)*0.95, (max(base, own)+float64(tt.want))*1.1
			if tt.want == 0 || tt.name == "in a child" {
				high += 6 // the helper's own buffers, or the child's own runtime
			}
			if got < low || got > high {
				t.Errorf("peak %.1f MB, want %.1f to %.1f (own %.1f, %.1f)", got, low, high, base, own)
			}
		})
	}
}

func TestResetPeak(t *testing.T) {
	h := mustHost(t)
	if !h.Memory.OK() {
		t.Skip("no memory controller")
	}
	g := mustGroup(t, h, Limits{})
	p := mustStart(t, g)
	p.must("alloc 100")
	s, err := g.Stats()
	if err != nil || s.MemoryPeak < 100<<20 {
		t.Fatalf("%+v, %v", s, err)
	}
	if err := g.ResetPeak(); err != nil {
		t.Fatal(err)
	}
	p.must("alloc 40")
	if s, err = g.Stats(); err != nil || s.MemoryPeak < 40<<20 || s.MemoryPeak > 55<<20 {
		t.Errorf("after the reset: %+v, %v; want a little over 40 MB", s, err)
	}
}

// diskDir is on a file system with pages of its own: not tmpfs, whose pages are memory.
func diskDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "big"), make([]byte, 100<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// mustEvict drops the cached pages of a file, so that the next reader is charged for them.
func mustEvict(t *testing.T, name string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := fadviseDontNeed(f); err != nil {
		t.Fatal(err)
	}
}

func TestEstimatePeak(t *testing.T) {
	const mb = 1 << 20
	for _, tt := range []struct {
		name string
		in   memorySample
		io   int64
		want int64
	}{
		{"one process, no files", memorySample{high: 101 * mb, anon: 10 * mb, kernel: mb, procs: 100 * mb}, 0, 100 * mb},
		{"file cached after the peak", memorySample{high: 101 * mb, anon: 10 * mb, file: 90 * mb, kernel: mb, procs: 100 * mb}, 0, 100 * mb},
		{"file deleted again", memorySample{high: 111 * mb, anon: 10 * mb, kernel: mb, procs: 10 * mb}, 200 * mb, 10 * mb},
		{"ended child", memorySample{high: 111 * mb, anon: 10 * mb, kernel: mb, procs: 10 * mb}, 5 * mb, 110 * mb},
		{"input/output unknown", memorySample{high: 111 * mb, anon: 10 * mb, kernel: mb, procs: 10 * mb}, -1, 10 * mb},
		{"shared between forks", memorySample{high: 111 * mb, anon: 100 * mb, kernel: mb, procs: 400 * mb}, 0, 110 * mb},
		{"tmpfs", memorySample{high: 61 * mb, anon: 10 * mb, shmem: 50 * mb, kernel: mb, procs: 10 * mb}, 0, 60 * mb},
		{"no mark in this kernel", memorySample{high: -1, anon: 10 * mb, procs: 30 * mb}, 0, 30 * mb},
		{"nothing", memorySample{}, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := estimatePeak(tt.in, func() int64 { return tt.io }); got != tt.want {
				t.Errorf("got %d MB, want %d MB", got/mb, tt.want/mb)
			}
		})
	}
}

func TestProcessPeak(t *testing.T) {
	for _, tt := range []struct {
		name, status string
		want         int64
	}{
		{"plain", "Name:\tx\nVmHWM:\t    9000 kB\nVmRSS:\t 8000 kB\nRssAnon:\t 1000 kB\nRssFile:\t 6000 kB\nRssShmem:\t 500 kB\n", 2500 * 1024},
		{"zombie", "Name:\tx\nState:\tZ (zombie)\n", 0},
		{"shrunk below its files", "VmHWM:\t 100 kB\nRssFile:\t 200 kB\n", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := processPeak([]byte(tt.status)); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

func BenchmarkStats(b *testing.B) {
	h := mustHost(b)
	g := mustGroup(b, h, Limits{MemoryBytes: 512 << 20})
	p := mustStart(b, g)
	p.must("alloc 40")
	for _, warm := range []bool{true, false} {
		b.Run(fmt.Sprintf("known=%v", warm), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !warm {
					g.high = 0
				}
				if _, err := g.Stats(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func fadviseDontNeed(f *os.File) error { return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) }
