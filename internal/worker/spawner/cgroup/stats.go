// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Stats are cumulative since New. What the host cannot measure is negative.
type Stats struct {
	CPU        time.Duration // user and system time, of ended processes too
	MemoryPeak int64         // bytes; see memory.go for the method
	OOMKills   int           // processes that the kernel killed for the memory limit
	PIDs       int           // processes and threads now
}

// Stats reads the counters.
func (g *Group) Stats() (Stats, error) {
	s := Stats{CPU: -1, MemoryPeak: -1, OOMKills: -1, PIDs: -1}
	var buf [4096]byte
	var err error
	switch c := g.host.CPUTime; c.Version {
	case 1:
		var n int64
		if n, err = g.readInt(c, "cpuacct.usage", buf[:]); err == nil {
			s.CPU = time.Duration(n)
		}
	case 2:
		var b []byte
		if b, err = read(g.file(c, "cpu.stat"), buf[:]); err == nil {
			s.CPU = time.Duration(field(b, "usage_usec")) * time.Microsecond
		}
	}
	if err != nil {
		return s, fmt.Errorf("cgroup cpu time: %w", err)
	}
	if c := g.host.PIDs; c.OK() {
		n, err := g.readInt(c, "pids.current", buf[:])
		if err != nil {
			return s, fmt.Errorf("cgroup processes: %w", err)
		}
		s.PIDs = int(n)
	}
	if !g.host.Memory.OK() {
		return s, nil
	}
	if s.OOMKills, err = g.oomKills(buf[:]); err != nil {
		return s, fmt.Errorf("cgroup oom counter: %w", err)
	}
	if s.MemoryPeak, err = g.memoryPeak(buf[:], s.OOMKills > 0); err != nil {
		return s, fmt.Errorf("cgroup memory: %w", err)
	}
	return s, nil
}

// OOMKills reads that one counter: what a caller asks when a process has ended by SIGKILL. Negative: not measured.
func (g *Group) OOMKills() (int, error) {
	if !g.host.Memory.OK() {
		return -1, nil
	}
	var buf [512]byte
	n, err := g.oomKills(buf[:])
	if err != nil {
		return -1, fmt.Errorf("cgroup oom counter: %w", err)
	}
	return n, nil
}

func (g *Group) oomKills(buf []byte) (int, error) {
	name := "memory.events"
	if g.host.Memory.Version == 1 {
		name = "memory.oom_control"
	}
	b, err := read(g.file(g.host.Memory, name), buf)
	if err != nil {
		return -1, err
	}
	return int(field(b, "oom_kill")), nil
}

func (g *Group) readInt(c Controller, name string, buf []byte) (int64, error) {
	b, err := read(g.file(c, name), buf)
	if err != nil {
		return -1, err
	}
	n, err := strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 64)
	if err != nil {
		return -1, fmt.Errorf("%s: %w", name, err)
	}
	return n, nil
}

// read reads a control file into buf: one open, one read, one close. The kernel makes such a file's text in pages, so
// one read returns all of it when both it and buf are at most a page long.
func read(name string, buf []byte) ([]byte, error) {
	fd, err := open(name, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	n, err := unix.Read(fd, buf)
	for errors.Is(err, unix.EINTR) {
		n, err = unix.Read(fd, buf)
	}
	_ = unix.Close(fd) // read only
	if err != nil {
		return nil, &os.PathError{Op: "read", Path: name, Err: err}
	}
	return buf[:n], nil
}

// field returns the number after "key " (or "key:" and blanks) at the start of a line, -1 if there is none.
func field(b []byte, key string) int64 {
	for len(b) > 0 {
		line := b
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			line, b = b[:i], b[i+1:]
		} else {
			b = nil
		}
		if len(line) <= len(key) || string(line[:len(key)]) != key {
			continue
		}
		rest := line[len(key):]
		if rest[0] != ' ' && rest[0] != ':' {
			continue
		}
		rest = bytes.TrimLeft(rest, ": \t")
		n, digits := int64(0), 0
		for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' && digits < 18 {
			n = n*10 + int64(rest[digits]-'0')
			digits++
		}
		if digits == 0 {
			return -1
		}
		return n
	}
	return -1
}
