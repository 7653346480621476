// SPDX-License-Identifier: Apache-2.0

package sandboxtest

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/gustcloud/gust/internal/worker/sandbox"
)

func (s *suite) processes(t *testing.T) {
	b := s.claimed(t)
	task := b.Paths().Task
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"arguments arrive unchanged", []string{"args", "a b", "", "ü"}, "ok a b||ü"},
		{"standard output blocks, as programs expect", []string{"blocking"}, "ok true"},
		{"standard error arrives", []string{"stderr", "problem"}, "problem ok"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := says(t, b, tt.args...); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	t.Run("the environment is exact", func(t *testing.T) {
		p := startCommand(t, b, sandbox.Command{
			Path: task + "/payload", Args: []string{"payload", "env"}, Env: []string{"B=2", "A=x=y", "EMPTY="}, Dir: task,
		})
		if got := p.line(t); got != "ok B=2|A=x=y|EMPTY=" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("the directory is the command's", func(t *testing.T) {
		p := startCommand(t, b, sandbox.Command{Path: task + "/payload", Args: []string{"payload", "cwd"}, Dir: b.Paths().Tmp})
		if got := p.line(t); got != "ok "+b.Paths().Tmp {
			t.Errorf("got %q, want %q", got, b.Paths().Tmp)
		}
	})
	t.Run("the exit status is told", func(t *testing.T) {
		if got := start(t, b, "exit", "7").exit(t); got != (sandbox.Exit{Code: 7}) {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("the ending signal is told", func(t *testing.T) {
		p := start(t, b, "wait")
		p.line(t)
		mustSignal(t, p, syscall.SIGKILL)
		if got := p.exit(t); got != (sandbox.Exit{Code: -1, Signal: syscall.SIGKILL}) {
			t.Errorf("got %+v", got)
		}
		mustSignal(t, p, syscall.SIGKILL) // it has ended: nothing happens
	})
	t.Run("a caught signal arrives", func(t *testing.T) {
		p := start(t, b, "wait")
		p.line(t)
		mustSignal(t, p, syscall.SIGTERM)
		if got := p.line(t); got != "ok terminated" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("two processes run side by side", func(t *testing.T) {
		first, second := start(t, b, "wait"), start(t, b, "wait")
		if a, b := first.line(t), second.line(t); a == b || !strings.HasPrefix(a, "waiting ") || !strings.HasPrefix(b, "waiting ") {
			t.Errorf("got %q and %q", a, b)
		}
		mustSignal(t, first, syscall.SIGKILL)
		first.exit(t)
		select {
		case <-second.Done():
			t.Error("the second process ended with the first")
		default:
		}
		mustSignal(t, second, syscall.SIGKILL)
		second.exit(t)
	})
	t.Run("an orphan does no harm", func(t *testing.T) {
		if got := says(t, b, "orphan"); !strings.HasPrefix(got, "ok ") && !strings.Contains(got, " ok ") {
			t.Errorf("got %q", got)
		}
		if got := says(t, b, "args", "still here"); got != "ok still here" {
			t.Errorf("afterwards: got %q", got)
		}
	})
}

func (s *suite) startErrors(t *testing.T) {
	b := s.claimed(t)
	task := b.Paths().Task
	for _, tt := range []struct {
		name string
		c    sandbox.Command
		want syscall.Errno
	}{
		{"missing file", sandbox.Command{Path: task + "/missing", Dir: task}, syscall.ENOENT},
		{"missing directory of the command", sandbox.Command{Path: task + "/payload", Dir: task + "/missing"}, syscall.ENOENT},
		{"file without execute permission", sandbox.Command{Path: task + "/not-executable", Dir: task}, syscall.EACCES},
		{"directory", sandbox.Command{Path: task, Dir: task}, syscall.EACCES},
		{"file that is no program", sandbox.Command{Path: task + "/not-a-program", Dir: task}, syscall.ENOEXEC},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.c.Args = []string{"x"}
			_, err := b.Start(t.Context(), tt.c)
			var start *sandbox.StartError
			if !errors.As(err, &start) || !errors.Is(err, tt.want) || start.Path != tt.c.Path {
				t.Errorf("got %v, want a StartError of %s with %v", err, tt.c.Path, tt.want)
			}
		})
	}
	t.Run("the sandbox works afterwards", func(t *testing.T) {
		if got := says(t, b, "args", "fine"); got != "ok fine" {
			t.Errorf("got %q", got)
		}
	})
}

func (s *suite) order(t *testing.T) {
	t.Run("a parked sandbox starts nothing", func(t *testing.T) {
		b := s.parked(t)
		if p, err := b.Start(t.Context(), sandbox.Command{Path: b.Paths().Task + "/payload"}); err == nil {
			t.Errorf("started %v", p)
		}
	})
	t.Run("a sandbox is claimed once", func(t *testing.T) {
		b := s.claimed(t)
		if err := b.Claim(t.Context(), s.claim()); err == nil {
			t.Error("claimed again")
		}
	})
	t.Run("ids are unique", func(t *testing.T) {
		a, b := s.parked(t), s.parked(t)
		if a.ID() == b.ID() || len(a.ID()) != 16 || strings.Trim(a.ID(), "0123456789abcdef") != "" {
			t.Errorf("got %q and %q", a.ID(), b.ID())
		}
	})
}

func mustSignal(t *testing.T, p sandbox.Process, sig syscall.Signal) {
	t.Helper()
	if err := p.Signal(sig); err != nil {
		t.Fatal(err)
	}
}
