// SPDX-License-Identifier: Apache-2.0

//go:build linux

package process_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/ids"
	"github.com/gustcloud/gust/internal/worker/sandbox"
	"github.com/gustcloud/gust/internal/worker/sandbox/process"
)

func mustDriver(t *testing.T) (d *process.Driver, dir string) {
	t.Helper()
	dir = t.TempDir()
	d = process.New(process.Deps{Dir: dir, IDs: ids.System(), Clock: clock.System{}})
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d, dir
}

func mustClaimed(t *testing.T, d *process.Driver, c sandbox.Claim) sandbox.Sandbox {
	t.Helper()
	sb, err := d.Prepare(t.Context(), sandbox.Template{Binds: []sandbox.Bind{{Source: "/bin", Target: "/elsewhere"}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := sb.Claim(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return sb
}

// mustStart runs a shell script; its output is read to the end by the returned function.
func mustStart(t *testing.T, sb sandbox.Sandbox, script string) (sandbox.Process, func() string) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	p, err := sb.Start(t.Context(), sandbox.Command{
		Path: "/elsewhere/sh", Args: []string{"sh", "-c", script}, Dir: sb.Paths().Task, Stdout: w, Stderr: w,
		Env: []string{"PATH=/usr/bin:/bin", "TMP_DIR=" + sb.Paths().Tmp},
	})
	_ = w.Close()
	if err != nil {
		t.Fatal(err)
	}
	return p, func() string {
		b, err := io.ReadAll(r)
		if err != nil {
			t.Error(err)
		}
		return string(b)
	}
}

func TestProcessExits(t *testing.T) {
	for _, tc := range []struct {
		name, script string
		want         sandbox.Exit
	}{
		{"by itself", "exit 0", sandbox.Exit{}},
		{"with a status", "exit 7", sandbox.Exit{Code: 7}},
		{"by a signal", "kill -9 $$", sandbox.Exit{Code: -1, Signal: syscall.SIGKILL}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d, _ := mustDriver(t)
			p, _ := mustStart(t, mustClaimed(t, d, sandbox.Claim{}), tc.script)
			<-p.Done()
			if got := p.Exit(); got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
			if err := p.Signal(syscall.SIGTERM); err != nil {
				t.Errorf("signal to an ended process: %v", err)
			}
		})
	}
}

func TestCodeAndTmpAreWherePathsSay(t *testing.T) {
	d, _ := mustDriver(t)
	code := t.TempDir()
	if err := os.WriteFile(filepath.Join(code, "file"), []byte("code"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, out := mustStart(t, mustClaimed(t, d, sandbox.Claim{Code: code}), `cat file; echo -n " $(ls $TMP_DIR | wc -l)"`)
	if got := out(); got != "code 0" {
		t.Errorf("got %q", got)
	}
	<-p.Done()
}

func TestStartErrors(t *testing.T) {
	d, dir := mustDriver(t)
	sb := mustClaimed(t, d, sandbox.Claim{})
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("text"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, path string
		want       error
	}{
		{"missing", "/no/such", syscall.ENOENT},
		{"a directory", dir, syscall.EACCES},
		{"not a program", text, syscall.ENOEXEC},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := sb.Start(t.Context(), sandbox.Command{Path: tc.path, Args: []string{"x"}})
			var start *sandbox.StartError
			if !errors.As(err, &start) || !errors.Is(err, tc.want) || start.Path != tc.path {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestCloseKillsTheWholeGroupEvenWhenFrozen(t *testing.T) {
	d, dir := mustDriver(t)
	sb := mustClaimed(t, d, sandbox.Claim{})
	p, out := mustStart(t, sb, "sleep 1000 & wait")
	if err := sb.Freeze(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := sb.Close(); err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	out() // ends when the last process that holds the pipe has ended: the background sleep too
	if _, err := sb.Stats(); !errors.Is(err, sandbox.ErrClosed) {
		t.Errorf("stats of a closed sandbox: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left in the directory: %v, %v", left, err)
	}
}

func TestFrozenProcessStandsStill(t *testing.T) {
	d, _ := mustDriver(t)
	sb := mustClaimed(t, d, sandbox.Claim{})
	mustStart(t, sb, "while :; do :; done")
	if err := sb.Freeze(t.Context()); err != nil {
		t.Fatal(err)
	}
	before, err := sb.Stats()
	if err != nil {
		t.Fatal(err)
	}
	spin(t) // the shell of another sandbox uses the CPU meanwhile
	after, err := sb.Stats()
	if err != nil || after.CPU != before.CPU || after.PIDs != 1 {
		t.Errorf("CPU %v, then %v; %d processes; %v", before.CPU, after.CPU, after.PIDs, err)
	}
	if err := sb.Thaw(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// spin lets some CPU time pass in an ordinary process.
func spin(t *testing.T) {
	t.Helper()
	d, _ := mustDriver(t)
	other := mustClaimed(t, d, sandbox.Claim{})
	p, _ := mustStart(t, other, "i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done")
	<-p.Done()
	st, err := other.Stats()
	if err != nil || st.CPU <= 0 || st.MemoryPeak != -1 || st.PIDs != 0 {
		t.Errorf("stats of an ended process: %+v, %v", st, err)
	}
}

func TestTmpGoesToAnotherSandbox(t *testing.T) {
	d, dir := mustDriver(t)
	first := mustClaimed(t, d, sandbox.Claim{})
	p, _ := mustStart(t, first, "echo -n kept > $TMP_DIR/file")
	<-p.Done()
	tmp := first.TakeTmp()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := mustClaimed(t, d, sandbox.Claim{Tmp: tmp})
	_, out := mustStart(t, second, "cat $TMP_DIR/file")
	if got := out(); got != "kept" {
		t.Errorf("got %q", got)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left in the directory: %v, %v", left, err)
	}
}

func TestListenersOfTwoSandboxesDoNotMeet(t *testing.T) {
	d, _ := mustDriver(t)
	for _, l := range []struct{ network, address string }{{"tcp", "127.0.0.1:9001"}, {"unix", "@gust-runtime"}} {
		t.Run(l.network, func(t *testing.T) {
			seen := map[string]bool{}
			for range 2 {
				sb := mustClaimed(t, d, sandbox.Claim{})
				ln, err := sb.Listen(t.Context(), l.network, l.address)
				if err != nil {
					t.Fatal(err)
				}
				addr := ln.Addr().String()
				c, err := net.Dial(l.network, addr)
				if err != nil {
					t.Fatal(err)
				}
				_ = c.Close()
				seen[addr] = true
				if err := sb.Close(); err != nil {
					t.Fatal(err)
				}
				if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
					t.Errorf("the listener outlives its sandbox: %v", err)
				}
			}
			if len(seen) != 2 {
				t.Errorf("addresses %v", seen)
			}
		})
	}
}

func TestOrderOfCalls(t *testing.T) {
	d, _ := mustDriver(t)
	sb, err := d.Prepare(t.Context(), sandbox.Template{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sb.Start(t.Context(), sandbox.Command{Path: "/bin/true"}); err == nil {
		t.Error("started before the claim")
	}
	if err := sb.Claim(t.Context(), sandbox.Claim{}); err != nil {
		t.Fatal(err)
	}
	if err := sb.Claim(t.Context(), sandbox.Claim{}); err == nil {
		t.Error("claimed twice")
	}
	if err := errors.Join(sb.Close(), sb.Close()); err != nil {
		t.Errorf("closed twice: %v", err)
	}
	if _, err := sb.Start(t.Context(), sandbox.Command{Path: "/bin/true"}); !errors.Is(err, sandbox.ErrClosed) {
		t.Errorf("start in a closed sandbox: %v", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Prepare(cancelled, sandbox.Template{}); !errors.Is(err, context.Canceled) {
		t.Errorf("prepare with an ended context: %v", err)
	}
	if l := d.Limits(); l.Isolation || len(l.Missing) == 0 || !strings.Contains(l.Missing[0], "isolation") {
		t.Errorf("limits %+v", l)
	}
}
