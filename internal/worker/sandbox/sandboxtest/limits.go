// SPDX-License-Identifier: Apache-2.0

package sandboxtest

import (
	"errors"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gustcloud/gust/internal/worker/sandbox"
)

// quiet is how long a stopped process must say nothing; it ticks every 2 ms.
const quiet = 100 * time.Millisecond

func (s *suite) freezing(t *testing.T) {
	if !s.driver.Limits().Freeze {
		return
	}
	b := s.claimed(t)
	p := start(t, b, "tick")
	p.line(t)
	if p.silent(t, quiet) {
		t.Fatal("a running process is silent: the test cannot fail")
	}
	for range 3 {
		must(t, b.Freeze(t.Context()))
		must(t, b.Freeze(t.Context())) // again: nothing happens
		if !p.silent(t, quiet) {
			t.Error("a frozen process ticks")
		}
		must(t, b.Thaw(t.Context()))
		must(t, b.Thaw(t.Context()))
		if p.line(t) == "" {
			t.Error("a thawed process is silent")
		}
	}
	t.Run("a frozen process can be killed", func(t *testing.T) {
		must(t, b.Freeze(t.Context()))
		mustSignal(t, p, syscall.SIGKILL)
		if got := p.exit(t); got.Signal != syscall.SIGKILL {
			t.Errorf("got %+v", got)
		}
		must(t, b.Thaw(t.Context()))
	})
	t.Run("a frozen sandbox can be closed", func(t *testing.T) {
		p := start(t, b, "tick")
		p.line(t)
		must(t, b.Freeze(t.Context()))
		must(t, b.Close())
		if got := p.exit(t); got.Signal != syscall.SIGKILL {
			t.Errorf("got %+v", got)
		}
	})
}

func (s *suite) counters(t *testing.T) {
	if !s.features.Measured {
		return
	}
	b := s.claimed(t)
	before := mustStats(t, b)
	if got := says(t, b, "spin", "200"); !strings.HasPrefix(got, "ok ") {
		t.Fatalf("spin: %q", got)
	} else if used := ms(t, got); true {
		st := mustStats(t, b)
		if d := st.CPU - before.CPU - used; d < -20*time.Millisecond || d > 80*time.Millisecond {
			t.Errorf("CPU time: got %v more, the process says %v", st.CPU-before.CPU, used)
		}
	}
	const mb = 80
	p := start(t, b, "alloc", strconv.Itoa(mb))
	p.line(t)
	st := mustStats(t, b)
	if got := st.MemoryPeak >> 20; got < mb || got > mb+mb/10+8 {
		t.Errorf("MemoryPeak: got %d MB, %d were touched", got, mb)
	}
	if st.PIDs < 1 || st.OOMKills != 0 {
		t.Errorf("got %+v", st)
	}
	mustSignal(t, p, syscall.SIGKILL)
	p.exit(t)
	if after := mustStats(t, b); after.MemoryPeak < mb<<20 {
		t.Errorf("MemoryPeak fell to %d with the process's end", after.MemoryPeak)
	}
}

func (s *suite) limits(t *testing.T) {
	l := s.driver.Limits()
	for _, tt := range []struct {
		name string
		has  bool
		test func(*testing.T)
	}{
		{"memory", l.Memory, s.memoryLimit},
		{"CPU", l.CPU, s.cpuLimit},
		{"processes", l.PIDs, s.pidLimit},
		{"tmp", l.TmpQuota, s.tmpLimit},
		{"open files", l.Isolation, s.fileLimit},
	} {
		if tt.has {
			t.Run(tt.name, tt.test)
		}
	}
}

func (s *suite) memoryLimit(t *testing.T) {
	t.Helper()
	c := s.claim()
	c.MemoryMB = 64
	b := s.parked(t)
	s.mustClaim(t, b, c)
	p := start(t, b, "alloc", "40")
	if got := p.line(t); !strings.HasPrefix(got, "waiting") {
		t.Fatalf("40 of 64 MB: got %q", got)
	}
	mustSignal(t, p, syscall.SIGKILL)
	if got := p.exit(t); got.OOM {
		t.Error("a kill under the limit counts as OOM")
	}
	got := start(t, b, "alloc", "100").exit(t)
	if got != (sandbox.Exit{Code: -1, Signal: syscall.SIGKILL, OOM: true}) {
		t.Errorf("100 of 64 MB: got %+v", got)
	}
	if st := mustStats(t, b); st.OOMKills < 1 {
		t.Errorf("got %+v", st)
	}
}

func (s *suite) cpuLimit(t *testing.T) {
	t.Helper()
	const share, wall = 0.25, 2000
	check := func(b sandbox.Sandbox) {
		t.Helper()
		used := ms(t, says(t, b, "spin", strconv.Itoa(wall)))
		if got := used.Seconds() / (wall / 1000.0); got > share*1.15 || got < share*0.85 {
			t.Errorf("got %.3f of a core, want %.2f within 15 %%", got, share)
		}
	}
	c := s.claim()
	c.CPU = share
	b := s.parked(t)
	s.mustClaim(t, b, c)
	check(b)

	c.CPU = 1
	b = s.parked(t)
	limiter, ok := b.(sandbox.CPULimiter)
	if !ok {
		return
	}
	s.mustClaim(t, b, c)
	must(t, limiter.SetCPU(t.Context(), share))
	check(b)
	must(t, b.Close())
	if err := limiter.SetCPU(t.Context(), share); !errors.Is(err, sandbox.ErrClosed) {
		t.Errorf("SetCPU of a closed sandbox: got %v, want %v", err, sandbox.ErrClosed)
	}
}

func (s *suite) pidLimit(t *testing.T) {
	t.Helper()
	c := s.claim()
	c.PIDs = 40
	b := s.parked(t)
	s.mustClaim(t, b, c)
	words := strings.Fields(says(t, b, "forks", "200"))
	if len(words) != 2 || words[1] != "EAGAIN" {
		t.Fatalf("got %q, want a number and EAGAIN", words)
	}
	// The payload and PID 1 have threads of their own.
	if n, err := strconv.Atoi(words[0]); err != nil || n < 20 || n > 50 {
		t.Errorf("%s processes came first, of 40", words[0])
	}
}

func (s *suite) tmpLimit(t *testing.T) {
	t.Helper()
	for _, mb := range []int{64, 100} { // the template's, and another one
		c := s.claim()
		c.EphemeralMB = mb
		b := s.parked(t)
		s.mustClaim(t, b, c)
		words := strings.Fields(says(t, b, "fill", b.Paths().Tmp+"/big"))
		if len(words) != 2 || words[0] != "ok" {
			t.Fatalf("%d MB: got %q", mb, words)
		}
		if kb, err := strconv.Atoi(words[1]); err != nil || kb < mb<<10 || kb > mb<<10*13/10 {
			t.Errorf("%d MB: %s KB fitted", mb, words[1])
		}
		words = strings.Fields(says(t, b, "fill", b.Paths().Tmp+"/more"))
		if kb, err := strconv.Atoi(words[len(words)-1]); err != nil || kb > 1<<10 {
			t.Errorf("%d MB: another file of %s KB fitted into what was full", mb, words[len(words)-1])
		}
	}
}

func (s *suite) fileLimit(t *testing.T) {
	t.Helper()
	c := s.claim()
	c.Files = 64
	b := s.parked(t)
	s.mustClaim(t, b, c)
	words := strings.Fields(says(t, b, "files", "100"))
	if len(words) != 2 || words[1] != "EMFILE" {
		t.Fatalf("got %q, want a number and EMFILE", words)
	}
	if n, err := strconv.Atoi(words[0]); err != nil || n < 50 || n > 61 {
		t.Errorf("%s files came first, of 64", words[0])
	}
}

func mustStats(t *testing.T, b sandbox.Sandbox) sandbox.Stats {
	t.Helper()
	st, err := b.Stats()
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// ms reads "ok N".
func ms(t *testing.T, said string) time.Duration {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimPrefix(said, "ok "))
	if err != nil {
		t.Fatalf("%q: %v", said, err)
	}
	return time.Duration(n) * time.Millisecond
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
