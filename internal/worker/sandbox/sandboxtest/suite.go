// SPDX-License-Identifier: Apache-2.0

// Package sandboxtest is the suite that every sandbox driver passes. What a driver cannot do it says in its Limits; the
// suite tests the limits that it claims. Each attempt to get out must fail in a driver with isolation and is shown to
// succeed in one without, so that a test that cannot fail is noticed.
//
// Read this file first; the program that runs inside the sandboxes is testdata/payload. For tests only.
package sandboxtest

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/worker/sandbox"
)

// Features says what the driver under test promises beyond its Limits.
type Features struct {
	// TakeTmp: a /tmp can be handed to another sandbox.
	TakeTmp bool
	// ReadOnly: what a claim shows cannot be changed from inside.
	ReadOnly bool
	// AnyMeasured: Stats has CPU time and memory.
	Measured bool
}

// patience bounds every wait for something that must happen.
const patience = 20 * time.Second

// suite is one run: a driver for all tests and the payload.
type suite struct {
	driver   sandbox.Driver
	features Features
	code     string // directory with the payload
}

// Run runs the suite. newDriver returns a driver that the suite closes.
func Run(t *testing.T, newDriver func(t *testing.T) sandbox.Driver, f Features) {
	t.Helper()
	s := &suite{features: f, code: MustPayload(t), driver: newDriver(t)}
	t.Cleanup(func() {
		if err := s.driver.Close(); err != nil {
			t.Errorf("close the driver: %v", err)
		}
	})
	t.Run("processes", s.processes)
	t.Run("start errors", s.startErrors)
	t.Run("order of calls", s.order)
	t.Run("listeners", s.listeners)
	t.Run("claims", s.claims)
	t.Run("freezing", s.freezing)
	t.Run("closing", s.closing)
	t.Run("tmp", s.tmp)
	t.Run("counters", s.counters)
	t.Run("limits", s.limits)
	t.Run("isolation", s.isolation)
}

// MustPayload builds the static program that runs inside and returns its directory.
func MustPayload(tb testing.TB) string {
	tb.Helper()
	dir := tb.TempDir()
	build := exec.CommandContext(tb.Context(), "go", "build", "-o", filepath.Join(dir, "payload"),
		"github.com/gustcloud/gust/internal/worker/sandbox/sandboxtest/testdata/payload")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		tb.Fatalf("build the payload: %v\n%s", err, out)
	}
	for name, mode := range map[string]os.FileMode{"not-executable": 0o644, "not-a-program": 0o755} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("nothing that runs\n"), mode); err != nil {
			tb.Fatal(err)
		}
	}
	for d := dir; strings.HasPrefix(d, os.TempDir()+"/"); d = filepath.Dir(d) { // the process driver's users read it too
		if err := os.Chmod(d, 0o755); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

// claim is what tests use unless they test its fields.
func (s *suite) claim() sandbox.Claim {
	return sandbox.Claim{Code: s.code, MemoryMB: 256, EphemeralMB: 64, CPU: 1, PIDs: 128, Files: 1024}
}

// parked returns a new sandbox that ends with the test.
func (s *suite) parked(t *testing.T) sandbox.Sandbox {
	t.Helper()
	return s.prepared(t, sandbox.Template{EphemeralMB: 64})
}

func (s *suite) prepared(t *testing.T, template sandbox.Template) sandbox.Sandbox {
	t.Helper()
	b, err := s.driver.Prepare(t.Context(), template)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close the sandbox: %v", err)
		}
	})
	return b
}

// claimed returns a sandbox with the payload.
func (s *suite) claimed(t *testing.T) sandbox.Sandbox {
	t.Helper()
	b := s.parked(t)
	s.mustClaim(t, b, s.claim())
	return b
}

func (s *suite) mustClaim(t *testing.T, b sandbox.Sandbox, c sandbox.Claim) {
	t.Helper()
	if err := b.Claim(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

// program is a payload that runs.
type program struct {
	sandbox.Process
	out   *os.File
	lines *bufio.Reader
}

// start runs the payload; its standard output and error are one pipe.
func start(t *testing.T, b sandbox.Sandbox, args ...string) *program {
	t.Helper()
	return startCommand(t, b, sandbox.Command{Path: b.Paths().Task + "/payload", Args: append([]string{"payload"}, args...), Dir: b.Paths().Task})
}

func startCommand(t *testing.T, b sandbox.Sandbox, c sandbox.Command) *program {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	c.Stdout, c.Stderr = w, w
	p, err := b.Start(t.Context(), c)
	_ = w.Close()
	if err != nil {
		t.Fatal(err)
	}
	return &program{p, r, bufio.NewReader(r)}
}

// line returns the next line that the payload says.
func (p *program) line(t *testing.T) string {
	t.Helper()
	if err := p.out.SetReadDeadline(clock.System{}.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	s, err := p.lines.ReadString('\n')
	if err != nil && err != io.EOF {
		t.Fatalf("read the next line: %v", err)
	}
	return strings.TrimSuffix(s, "\n")
}

// silent tells whether nothing more was said for a while, after what was said before was read.
func (p *program) silent(t *testing.T, d time.Duration) bool {
	t.Helper()
	for range 2 { // the first read takes what was in the pipe
		if err := p.out.SetReadDeadline(clock.System{}.Now().Add(d)); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 1<<20)
		if _, err := p.out.Read(buf); os.IsTimeout(err) {
			p.lines.Reset(p.out)
			return true
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return false
}

// exit waits for the end.
func (p *program) exit(t *testing.T) sandbox.Exit {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	select {
	case <-p.Done():
		return p.Exit()
	case <-ctx.Done():
		t.Fatal("the process did not end")
		return sandbox.Exit{}
	}
}

// says runs the payload to its end and returns what it said, lines joined by a space.
func says(t *testing.T, b sandbox.Sandbox, args ...string) string {
	t.Helper()
	p := start(t, b, args...)
	if err := p.out.SetReadDeadline(clock.System{}.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(p.out)
	if err != nil {
		t.Fatalf("read what %v says: %v", args, err)
	}
	p.exit(t)
	return strings.Join(strings.Fields(string(out)), " ")
}
