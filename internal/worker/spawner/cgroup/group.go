// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Limits of a group. Zero means no limit.
type Limits struct {
	MemoryBytes int64   // anonymous, shared, kernel and not reclaimable cache memory; swap is not available beside it
	CPUCores    float64 // quota in a period of 20 ms
	PIDs        int     // processes and threads
}

const (
	cpuPeriod   = 20 * time.Millisecond
	cpuQuotaMin = time.Millisecond // the kernel refuses less
)

// Group is one sandbox's cgroups: a directory in each hierarchy that the Host uses.
// Its methods are safe for concurrent use.
type Group struct {
	host *Host
	name string
	dirs []string // distinct

	mu   sync.Mutex // guards what follows; held while reading counters
	peak int64      // largest memory estimate so far
	high int64      // the kernel's mark at the last estimate
	mark *os.File   // v2 memory.peak after ResetPeak
}

// New makes a group. Its name is a single path element, unique on the host; Setup must have succeeded.
func (h *Host) New(name string, l Limits) (*Group, error) {
	if !h.ready {
		return nil, errors.New("new cgroup: Setup was not called")
	}
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\n") {
		return nil, fmt.Errorf("new cgroup: bad name %q", name)
	}
	g := h.group(name)
	err := g.make()
	for try := 0; errors.Is(err, fs.ErrNotExist) && try < 5; try++ {
		// Another server on this host has ended and taken the empty base directories with it.
		if err = h.restore(); err == nil {
			err = g.make()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("new cgroup: %w", err)
	}
	if l == (Limits{}) {
		return g, nil // as the kernel makes it
	}
	if err := g.SetLimits(l); err != nil {
		for _, made := range g.dirs {
			_ = unix.Rmdir(made)
		}
		return nil, err
	}
	return g, nil
}

// make makes the directories, all or none.
func (g *Group) make() error {
	for i, dir := range g.dirs {
		if err := os.Mkdir(dir, 0o755); err != nil { //nolint:gosec // as the kernel's own groups
			for _, made := range g.dirs[:i] {
				_ = unix.Rmdir(made) // empty and just made
			}
			return err
		}
	}
	return nil
}

func (h *Host) group(name string) *Group {
	g := &Group{host: h, name: name}
	for _, p := range h.parents() {
		g.dirs = append(g.dirs, filepath.Join(p, name))
	}
	return g
}

// Name is the name given to New.
func (g *Group) Name() string { return g.name }

// Add moves a process, with all its threads, into the group. Memory that it already has stays charged to its old group.
func (g *Group) Add(pid int) error {
	for _, dir := range g.dirs {
		if err := write(filepath.Join(dir, "cgroup.procs"), strconv.Itoa(pid)); err != nil {
			return fmt.Errorf("add process %d to cgroup: %w", pid, err)
		}
	}
	return nil
}

// SetLimits replaces the limits, also of a group with processes. A memory limit below what is in use and cannot be
// reclaimed is an error on v1 (EBUSY) and an OOM kill on v2. Features that the host lacks are skipped.
func (g *Group) SetLimits(l Limits) error {
	if err := g.setMemory(l.MemoryBytes); err != nil {
		return fmt.Errorf("limit memory to %d: %w", l.MemoryBytes, err)
	}
	if err := g.setCPU(l.CPUCores); err != nil {
		return fmt.Errorf("limit cpu to %g: %w", l.CPUCores, err)
	}
	if g.host.PIDs.OK() {
		v := "max"
		if l.PIDs > 0 {
			v = strconv.Itoa(l.PIDs)
		}
		if err := write(g.file(g.host.PIDs, "pids.max"), v); err != nil {
			return fmt.Errorf("limit processes to %d: %w", l.PIDs, err)
		}
	}
	return nil
}

func (g *Group) setMemory(n int64) error {
	c := g.host.Memory
	switch c.Version {
	case 1:
		return g.setMemoryV1(n)
	case 2:
		v := "max"
		if n > 0 {
			v = strconv.FormatInt(n, 10)
		}
		if err := write(g.file(c, "memory.swap.max"), "0"); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		// One process killed alone would leave a sandbox half alive.
		if err := write(g.file(c, "memory.oom.group"), "1"); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return write(g.file(c, "memory.max"), v)
	}
	return nil
}

// setMemoryV1 keeps memory <= memory+swap at every moment, as the kernel demands: which of the two goes first depends
// on the direction of the change.
func (g *Group) setMemoryV1(n int64) error {
	v := "-1"
	if n > 0 {
		v = strconv.FormatInt(n, 10)
	}
	limit := g.file(g.host.Memory, "memory.limit_in_bytes")
	swap := g.file(g.host.Memory, "memory.memsw.limit_in_bytes")
	err := write(limit, v)
	if errors.Is(err, unix.EINVAL) {
		if err = write(swap, v); err == nil {
			err = write(limit, v)
		}
		return err
	}
	if err != nil {
		return err
	}
	if err := write(swap, v); err == nil {
		return nil
	} else if !errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.EOPNOTSUPP) {
		return err
	}
	// Without swap accounting: at least do not swap this group out.
	if err := write(g.file(g.host.Memory, "memory.swappiness"), "0"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func (g *Group) setCPU(cores float64) error {
	period := strconv.FormatInt(cpuPeriod.Microseconds(), 10)
	quota := cpuQuota(cores)
	switch c := g.host.CPU; c.Version {
	case 1:
		// The kernel checks the pair at each write: lift the old quota before the period changes.
		file := g.file(c, "cpu.cfs_quota_us")
		if err := write(g.file(c, "cpu.cfs_period_us"), period); err != nil {
			return err
		}
		err := write(file, strconv.FormatInt(quota, 10))
		if quota > 0 && errors.Is(err, unix.EINVAL) {
			// More than the parent has: then the parent's quota is the one that binds.
			err = write(file, "-1")
		}
		return err
	case 2:
		v := "max"
		if quota > 0 {
			v = strconv.FormatInt(quota, 10)
		}
		return write(g.file(c, "cpu.max"), v+" "+period)
	}
	return nil
}

// cpuQuota returns microseconds of a period, -1 for no limit.
func cpuQuota(cores float64) int64 {
	if cores <= 0 {
		return -1
	}
	return max(int64(cores*float64(cpuPeriod.Microseconds())+0.5), cpuQuotaMin.Microseconds())
}

func (g *Group) file(c Controller, name string) string { return c.Parent + "/" + g.name + "/" + name }

// write writes one value to an existing control file, in one call as the kernel wants it.
func write(name, value string) error {
	fd, err := open(name, unix.O_WRONLY)
	if err != nil {
		return err
	}
	_, err = unix.Write(fd, []byte(value))
	_ = unix.Close(fd)
	if err != nil {
		return &os.PathError{Op: "write " + strconv.Quote(value) + " to", Path: name, Err: err}
	}
	return nil
}

func open(name string, flags int) (int, error) {
	for {
		fd, err := unix.Open(name, flags|unix.O_CLOEXEC, 0)
		switch {
		case err == nil:
			return fd, nil
		case !errors.Is(err, unix.EINTR):
			return -1, &os.PathError{Op: "open", Path: name, Err: err}
		}
	}
}
