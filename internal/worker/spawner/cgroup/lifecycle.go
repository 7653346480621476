// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cgroup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// FreezeFile is an open control file with the words that stop and continue the group. It can be passed to another,
// unprivileged process: the right to write was checked when it was opened. A write only asks; Freeze confirms.
type FreezeFile struct {
	*os.File
	Freeze, Thaw string
}

// FreezeFile opens the freezer's control file; the caller closes it.
func (g *Group) FreezeFile() (FreezeFile, error) {
	name, f, t, err := g.freezer()
	if err != nil {
		return FreezeFile{}, err
	}
	fd, err := open(name, unix.O_RDWR)
	if err != nil {
		return FreezeFile{}, fmt.Errorf("open freezer: %w", err)
	}
	return FreezeFile{os.NewFile(uintptr(fd), name), f, t}, nil
}

func (g *Group) freezer() (file, freeze, thaw string, err error) {
	switch c := g.host.Freezer; c.Version {
	case 1:
		return g.file(c, "freezer.state"), "FROZEN", "THAWED", nil
	case 2:
		return g.file(c, "cgroup.freeze"), "1", "0", nil
	}
	return "", "", "", fmt.Errorf("freeze: %w by this host", errors.ErrUnsupported)
}

// Freeze stops every process of the group and returns when the kernel confirms it. When ctx ends first the request
// still stands: call Thaw.
func (g *Group) Freeze(ctx context.Context) error {
	file, freeze, _, err := g.freezer()
	if err != nil {
		return err
	}
	if err := write(file, freeze); err != nil {
		return fmt.Errorf("freeze: %w", err)
	}
	if g.host.Freezer.Version == 1 {
		return g.waitFrozenV1(ctx, file)
	}
	return g.waitFrozen(ctx)
}

// waitFrozen waits on cgroup.events, which the kernel signals as POLLPRI at each change.
func (g *Group) waitFrozen(ctx context.Context) error {
	fd, err := open(g.file(g.host.Freezer, "cgroup.events"), unix.O_RDONLY)
	if err != nil {
		return fmt.Errorf("confirm freeze: %w", err)
	}
	defer func() { _ = unix.Close(fd) }() // read only
	var buf [256]byte
	for {
		n, err := unix.Pread(fd, buf[:], 0)
		if err != nil {
			return fmt.Errorf("confirm freeze: %w", err)
		}
		if field(buf[:n], "frozen") == 1 {
			return nil
		}
		if err := context.Cause(ctx); err != nil {
			return fmt.Errorf("confirm freeze: %w", err)
		}
		const wait = 5 // ms between looks at ctx
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLPRI}}
		if _, err := unix.Poll(p, wait); err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("confirm freeze: %w", err)
		}
	}
}

// waitFrozenV1 reads the state until it is FROZEN: reading is what makes the v1 kernel look at its tasks.
func (g *Group) waitFrozenV1(ctx context.Context, file string) error {
	var buf [32]byte
	for pause := 50 * time.Microsecond; ; pause = min(2*pause, 5*time.Millisecond) {
		b, err := read(file, buf[:])
		if err != nil {
			return fmt.Errorf("confirm freeze: %w", err)
		}
		if string(bytes.TrimSpace(b)) == "FROZEN" {
			return nil
		}
		if err := g.host.clock.Sleep(ctx, pause); err != nil {
			return fmt.Errorf("confirm freeze: %w", err)
		}
	}
}

// Thaw lets the processes go on; it returns when the kernel has accepted it.
func (g *Group) Thaw() error {
	file, _, thaw, err := g.freezer()
	if err != nil {
		return err
	}
	if err := write(file, thaw); err != nil {
		return fmt.Errorf("thaw: %w", err)
	}
	return nil
}

// Kill sends SIGKILL to every process of the group, frozen or not; it does not wait for their end (Remove does). The
// share of CPU time is lifted first: dying takes some, and a thousand processes with a small share need minutes for it.
func (g *Group) Kill() error {
	if err := g.setCPU(0); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("kill: %w", err)
	}
	if c := g.host.Kill; c.OK() {
		if err := write(g.file(c, "cgroup.kill"), "1"); err != nil {
			return fmt.Errorf("kill: %w", err)
		}
	} else if err := g.killEach(); err != nil {
		return fmt.Errorf("kill: %w", err)
	}
	if g.host.Freezer.Version == 1 { // a frozen v1 task dies only when thawed; the signal is already there, no code runs
		return g.Thaw()
	}
	return nil
}

// killEach kills until a look finds no living process: one may fork between the look and the signal.
func (g *Group) killEach() error {
	for range 20 {
		pids, err := g.pids()
		if err != nil {
			return err
		}
		living := 0
		for _, pid := range pids {
			switch err := unix.Kill(pid, unix.SIGKILL); {
			case err == nil:
				living++
			case !errors.Is(err, unix.ESRCH):
				return fmt.Errorf("process %d: %w", pid, err)
			}
		}
		if living == 0 {
			return nil
		}
		if g.host.Freezer.Version == 1 {
			return nil // Thaw comes next; Remove kills again if need be
		}
	}
	return nil
}

// pids lists the processes of the group.
func (g *Group) pids() ([]int, error) {
	if len(g.dirs) == 0 {
		return nil, nil
	}
	name := g.dirs[0] + "/cgroup.procs"
	var buf [4096]byte
	b, err := read(name, buf[:])
	if err == nil && len(b) > len(buf)/2 { // perhaps not all
		b, err = os.ReadFile(name) //nolint:gosec // a control file of the kernel
	}
	if err != nil {
		return nil, err
	}
	var out []int
	for _, f := range strings.Fields(string(b)) {
		if pid, err := strconv.Atoi(f); err == nil && pid > 0 {
			out = append(out, pid)
		}
	}
	return out, nil
}

// removeTimeout bounds Remove: killed processes are normally gone within milliseconds.
const removeTimeout = 5 * time.Second

// Remove deletes the group. Its processes must have ended or been killed: it waits for their end, at most 5 s.
// A group that is already gone is no error.
func (g *Group) Remove(ctx context.Context) error {
	g.mu.Lock()
	if g.mark != nil {
		_ = g.mark.Close() // read only
		g.mark = nil
	}
	g.mu.Unlock()
	end := g.host.clock.Now().Add(removeTimeout)
	for _, dir := range g.dirs {
		for pause := 200 * time.Microsecond; ; pause = min(2*pause, 20*time.Millisecond) {
			err := unix.Rmdir(dir)
			if err == nil || errors.Is(err, unix.ENOENT) {
				break
			}
			err = &os.PathError{Op: "rmdir", Path: dir, Err: err}
			if !errors.Is(err, unix.EBUSY) || g.host.clock.Now().After(end) {
				return fmt.Errorf("remove cgroup: %w", err)
			}
			if g.host.clock.Sleep(ctx, pause) != nil {
				return fmt.Errorf("remove cgroup: %w", err)
			}
		}
	}
	return nil
}

// Sweep kills and removes the groups whose names start with prefix, which a killed Gust left behind, and returns how
// many. Other Gusts of the host share the base directory: the prefix must be this one's own.
func (h *Host) Sweep(ctx context.Context, prefix string) (int, error) {
	names := map[string]bool{}
	for _, parent := range h.parents() {
		entries, err := os.ReadDir(parent)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return 0, fmt.Errorf("sweep cgroups: %w", err)
		}
		for _, e := range entries {
			if e.IsDir() && strings.HasPrefix(e.Name(), prefix) {
				names[e.Name()] = true
			}
		}
	}
	n := 0
	var errs []error
	for name := range names {
		g := h.group(name)
		err := g.killLeftover()
		if err == nil {
			err = g.Remove(ctx)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("sweep %s: %w", name, err))
			continue
		}
		n++
	}
	return n, errors.Join(errs...)
}

// killLeftover kills what is in any of the group's directories: a crash may have left only some of them, and a process
// that was never Added everywhere.
func (g *Group) killLeftover() error {
	err := g.Kill()
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, dir := range g.dirs {
		one := &Group{host: g.host, name: g.name, dirs: []string{dir}}
		if err := one.killEach(); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}
