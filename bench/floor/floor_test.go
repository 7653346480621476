// SPDX-License-Identifier: Apache-2.0

package floor

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/hosttest"
)

// programs returns a bare program for each runtime of this host.
func programs(tb testing.TB) map[string]Program {
	tb.Helper()
	out := make(map[string]Program)
	binary := filepath.Join(tb.TempDir(), "static")
	build := exec.CommandContext(tb.Context(), hosttest.Tool(tb, "go"), "build", "-o", binary, "./static")
	build.Env = append(build.Environ(), "CGO_ENABLED=0")
	if b, err := build.CombinedOutput(); err != nil {
		tb.Fatalf("%v: %s", err, b)
	}
	out["static"] = Static(binary)
	if path, err := exec.LookPath("/usr/bin/python3"); err == nil {
		p, err := Python(path, tb.TempDir())
		if err != nil {
			tb.Fatal(err)
		}
		out["python"] = p
	}
	if path, err := exec.LookPath("node"); err == nil {
		p, err := Node(path, tb.TempDir())
		if err != nil {
			tb.Fatal(err)
		}
		out["node"] = p
	}
	return out
}

func TestProgramsAnswer(t *testing.T) {
	for name, p := range programs(t) {
		t.Run(name, func(t *testing.T) {
			cold, err := Cold(t.Context(), clock.System{}, p, 2, []byte(`{"a":1}`), nil)
			if err != nil || len(cold) != 2 {
				t.Fatalf("cold: %v %v", cold, err)
			}
			warm, err := Warm(t.Context(), clock.System{}, p, 100, []byte(`{"a":1}`))
			if err != nil || len(warm) != 100 {
				t.Fatalf("warm: %v %v", warm, err)
			}
		})
	}
}

func TestProgramThatEndsIsAnError(t *testing.T) {
	for _, path := range []string{"/nonexistent/program", "/bin/true"} {
		if _, err := Cold(t.Context(), clock.System{}, Static(path), 1, []byte(`1`), nil); err == nil {
			t.Errorf("%s: no error", path)
		}
	}
}

// BenchmarkFloor reports the median of starts and of round trips.
func BenchmarkFloor(b *testing.B) {
	for name, p := range programs(b) {
		b.Run(name+"/cold", func(b *testing.B) {
			if _, err := Cold(b.Context(), clock.System{}, p, b.N, []byte(`{"a":1}`), nil); err != nil {
				b.Fatal(err)
			}
		})
		b.Run(name+"/warm", func(b *testing.B) {
			if _, err := Warm(b.Context(), clock.System{}, p, b.N, []byte(`{"a":1}`)); err != nil {
				b.Fatal(err)
			}
		})
	}
}
