// SPDX-License-Identifier: Apache-2.0

//go:build linux

package linux_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gustcloud/gust/internal/worker/sandbox"
	"github.com/gustcloud/gust/internal/worker/sandbox/sandboxtest"
)

// BenchmarkColdStart reports the median times of each step from a parked sandbox to the first byte that a static program
// writes, and of the same program as a bare child of this process (floor), taken in turns.
func BenchmarkColdStart(b *testing.B) {
	d := newDriver(b, b.TempDir())
	defer d.Close()
	code := sandboxtest.MustPayload(b)
	steps := map[string][]time.Duration{}
	add := func(name string, since time.Time) { steps[name] = append(steps[name], time.Since(since)) }
	for b.Loop() {
		t := time.Now()
		box, err := d.Prepare(b.Context(), sandbox.Template{EphemeralMB: 512})
		if err != nil {
			b.Fatal(err)
		}
		add("prepare", t)
		t = time.Now()
		l, err := box.Listen(b.Context(), "tcp", "127.0.0.1:9001")
		if err != nil {
			b.Fatal(err)
		}
		add("listen", t)
		l.Close()

		t = time.Now()
		bare(b, filepath.Join(code, "payload"))
		add("floor", t)

		t = time.Now()
		start := t
		if err := box.Claim(b.Context(), sandbox.Claim{
			Code: code, MemoryMB: 128, EphemeralMB: 512, CPU: 1, PIDs: 1024, Files: 1024,
		}); err != nil {
			b.Fatal(err)
		}
		add("claim", t)
		t = time.Now()
		r, w, err := os.Pipe()
		if err != nil {
			b.Fatal(err)
		}
		p, err := box.Start(b.Context(), sandbox.Command{Path: "/var/task/payload", Args: []string{"payload", "pid"}, Dir: "/var/task", Stdout: w})
		if err != nil {
			b.Fatal(err)
		}
		w.Close()
		add("start", t)
		firstByte(b, r)
		add("claim-to-output", start)
		<-p.Done()

		t = time.Now()
		if err := box.Freeze(b.Context()); err != nil {
			b.Fatal(err)
		}
		add("freeze", t)
		t = time.Now()
		if err := box.Thaw(b.Context()); err != nil {
			b.Fatal(err)
		}
		add("thaw", t)
		t = time.Now()
		if _, err := box.Stats(); err != nil {
			b.Fatal(err)
		}
		add("stats", t)
		t = time.Now()
		if err := box.Close(); err != nil {
			b.Fatal(err)
		}
		add("close", t)
	}
	for name, all := range steps {
		slices.Sort(all)
		b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, name+"-p50-ms")
		b.ReportMetric(float64(all[len(all)*9/10].Microseconds())/1000, name+"-p90-ms")
	}
}

func bare(b *testing.B, program string) {
	b.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(program, "pid")
	cmd.Env, cmd.Stdout = []string{}, w
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	w.Close()
	firstByte(b, r)
	if err := cmd.Wait(); err != nil {
		b.Fatal(err)
	}
}

func firstByte(b *testing.B, r *os.File) {
	b.Helper()
	defer r.Close()
	if _, err := io.ReadFull(r, make([]byte, 1)); err != nil {
		b.Fatal(err)
	}
}
