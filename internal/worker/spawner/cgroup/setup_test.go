// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cgroup

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gustcloud/gust/internal/base/clock"
)

// A v2 group with processes, as a container's own group is, is emptied into a leaf.
func TestMoveProcessesEmptiesAGroup(t *testing.T) {
	h := mustHost(t)
	if h.Kill.Version != 2 {
		t.Skip("no v2 hierarchy")
	}
	g := mustGroup(t, h, Limits{})
	p := mustStart(t, g)
	p.must("children 3")
	own := filepath.Join(h.Kill.Parent, g.Name())
	to := filepath.Join(own, leaf)
	t.Cleanup(func() {
		if err := g.Kill(); err != nil {
			t.Error(err)
		}
		_ = p.cmd.Wait()
		gone := &Group{host: h, name: leaf, dirs: []string{to}}
		if err := gone.Remove(contextForCleanup()); err != nil {
			t.Error(err)
		}
	})
	if err := moveProcesses(own, to); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]int{own: 0, to: 4} {
		b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if err != nil || len(strings.Fields(string(b))) != want {
			t.Errorf("%s holds %q, %v; want %d processes", dir, b, err, want)
		}
	}
}

func TestSetupAsAnOrdinaryUserTakesEverythingBack(t *testing.T) {
	h, err := Detect(Options{Base: "gust-test-" + strconv.Itoa(os.Getpid()), Clock: clock.System{}})
	if err != nil {
		t.Fatal(err)
	}
	if len(h.parents()) == 0 {
		t.Skip("no cgroups here")
	}
	done := make(chan error)
	go func() { // on a thread that is thrown away: its rights on files are nobody's
		runtime.LockOSThread()
		_, _, _ = unix.RawSyscall(unix.SYS_SETFSUID, 65534, 0, 0)
		done <- h.Setup()
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if len(h.Problems) == 0 || len(h.parents()) != 0 {
		t.Errorf("problems %q, groups in %q", h.Problems, h.parents())
	}
	g, err := h.New("none", Limits{MemoryBytes: 1 << 20, CPUCores: 1, PIDs: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(g.Add(os.Getpid()), g.Kill(), g.Remove(t.Context())); err != nil {
		t.Error(err)
	}
	if err := g.Freeze(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("freeze: %v", err)
	}
}

func TestSetupKeepsTheFreezerWithoutControllers(t *testing.T) {
	const own = "/sys/fs/cgroup/a"
	root := mustPlant(t, tree{v2Mount, "0::/a\n", map[string]string{
		own + "/cgroup.controllers": "memory\n", own + "/gust/cgroup.freeze": "0\n", // but no subtree_control
	}})
	h, err := Detect(Options{Proc: filepath.Join(root, "proc"), Root: root})
	if err != nil || !h.Memory.OK() {
		t.Fatalf("%+v, %v", h, err)
	}
	if err := h.Setup(); err != nil {
		t.Fatal(err)
	}
	if h.Memory.OK() || h.Freezer.Parent != root+own+"/gust" || len(h.Problems) != 1 {
		t.Errorf("memory %v, freezer %v, problems %q", h.Memory, h.Freezer, h.Problems)
	}
}

func TestSetupFailsOnWhatIsNoMatterOfRights(t *testing.T) {
	h := &Host{Memory: Controller{1, "/nonexistent/memory/gust"}}
	if err := h.Setup(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a hierarchy that is gone: %v", err)
	}
}

func TestControlledTakesTheFirstPlaceThatWorks(t *testing.T) {
	const fs = "/sys/fs/cgroup"
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  string // "" for an error
	}{
		{"the own position", map[string]string{fs + "/a/b/cgroup.subtree_control": "\n"}, fs + "/a/b"},
		{"the top, where the own one is closed", map[string]string{fs + "/cgroup.subtree_control": "memory\n"}, fs},
		{"nowhere", nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := mustPlant(t, tree{v2Mount, "0::/a/b\n", tt.files})
			h := &Host{unified: unifiedMount{point: root + fs, own: root + fs + "/a/b"}}
			got, err := h.controlled([]string{"memory"})
			if tt.want == "" {
				if !errors.Is(err, os.ErrNotExist) {
					t.Errorf("got %q, %v", got, err)
				}
				return
			}
			if err != nil || got != root+tt.want {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestWriteNamesTheFileAndTheValue(t *testing.T) {
	err := write("/proc/self/comm-of-nobody", "1")
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "comm-of-nobody") {
		t.Errorf("got %v", err)
	}
	h := mustHost(t)
	if !h.PIDs.OK() {
		t.Skip("no pids controller")
	}
	g := mustGroup(t, h, Limits{})
	err = write(g.file(h.PIDs, "pids.max"), "many")
	if !errors.Is(err, unix.EINVAL) || !strings.Contains(err.Error(), strconv.Quote("many")) {
		t.Errorf("got %v", err)
	}
}
