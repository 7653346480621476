// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// The peak of anonymous and shared memory. No kernel counter is exactly that: the group's mark (v1
// memory.max_usage_in_bytes, v2 memory.peak) contains page cache and kernel memory, and a process' mark (VmHWM)
// contains mapped file pages, knows nothing of ended processes and counts shared pages in each process. So both are
// taken and judged, in estimatePeak; each reading also remembers the memory in use now, a sure lower bound.
//
// Where it can be wrong: a process that ended between two readings while files were cached (too low by at most those
// files), an ended one that moved as much through pipes and files as it allocated (too low), memory shared
// copy-on-write by several processes while files were cached (too high by at most those files), a big file that was
// mapped, touched and unmapped (too high by at most that file).

// memorySample is one reading, in bytes.
type memorySample struct {
	high   int64 // the group's mark: everything that was charged at once; -1 when the kernel has none
	anon   int64 // anonymous memory now
	shmem  int64 // tmpfs, memfd, shared anonymous memory now
	file   int64 // page cache of files now, without shmem
	kernel int64 // kernel memory now
	procs  int64 // sum over living processes of their marks, less what is mapped from files or shared now
}

// estimatePeak judges a sample. io returns how many bytes the living processes and their ended children have read and
// written through system calls; it is asked only when that decides. Negative: unknown.
func estimatePeak(s memorySample, io func() int64) int64 {
	now := s.anon + s.shmem
	byProcs := s.procs + s.shmem
	if s.high < 0 {
		return max(now, byProcs)
	}
	upper := max(s.high-max(s.kernel, 0), 0)
	byGroup := max(upper-s.file, 0)
	if byGroup <= byProcs {
		// Files were cached after the peak, or pages are shared between processes.
		return max(now, min(byProcs, upper))
	}
	// More was charged than the living processes explain: either files that were deleted again, or ended processes.
	// (The tolerance is the error of the kernel's per-CPU counters.)
	const tolerance = 1 << 20
	excess := byGroup - byProcs
	if excess > tolerance {
		// Cached files cost kernel memory of their own, so they explain a little more than their size.
		if n := io(); n < 0 || n+n/4 >= excess {
			return max(now, byProcs)
		}
	}
	return max(now, byGroup)
}

// memoryPeak updates and returns the group's peak. killed: there was an OOM kill.
func (g *Group) memoryPeak(buf []byte, killed bool) (int64, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	high, err := g.highMark(buf)
	if err != nil {
		return -1, err
	}
	// The usual case of a warm sandbox: no more was charged, and nearly all that ever was is explained.
	if high >= 0 && high == g.high && high-g.peak <= g.peak/32 {
		return g.peak, nil
	}
	s, err := g.sampleMemory(high, buf)
	if err != nil {
		return -1, err
	}
	pids, err := g.pids()
	if err != nil {
		return -1, err
	}
	for _, pid := range pids {
		s.procs += g.processPeak(pid, buf)
	}
	g.high = high
	g.peak = max(g.peak, estimatePeak(s, func() int64 {
		if killed { // by the kernel, at the limit: it was not for files, those can be dropped
			return 0
		}
		return g.ioBytes(pids, buf)
	}))
	return g.peak, nil
}

// highMark returns the largest charge ever, -1 where the kernel does not keep it.
func (g *Group) highMark(buf []byte) (int64, error) {
	c := g.host.Memory
	if c.Version == 1 {
		return g.readInt(c, "memory.max_usage_in_bytes", buf)
	}
	if g.mark != nil {
		n, err := unix.Pread(int(g.mark.Fd()), buf[:32], 0)
		if err != nil {
			return -1, os.NewSyscallError("read memory.peak", err)
		}
		return strconv.ParseInt(string(bytes.TrimSpace(buf[:n])), 10, 64)
	}
	n, err := g.readInt(c, "memory.peak", buf)
	if errors.Is(err, os.ErrNotExist) { // before Linux 5.19
		return -1, nil
	}
	return n, err
}

func (g *Group) sampleMemory(high int64, buf []byte) (memorySample, error) {
	c := g.host.Memory
	s := memorySample{high: high}
	b, err := read(g.file(c, "memory.stat"), buf)
	if err != nil {
		return s, err
	}
	if c.Version == 2 {
		s.anon, s.shmem = max(field(b, "anon"), 0), max(field(b, "shmem"), 0)
		s.file = max(field(b, "file")-s.shmem, 0) // the kernel's count contains shmem
		s.kernel = max(field(b, "kernel"), 0)
		return s, nil
	}
	s.anon, s.shmem = max(field(b, "total_rss"), 0), max(field(b, "total_shmem"), 0)
	s.file = max(field(b, "total_cache")-s.shmem, 0) // as above
	if s.kernel, err = g.readInt(c, "memory.kmem.usage_in_bytes", buf); err != nil {
		s.kernel = 0 // a kernel built without it
	}
	return s, nil
}

// processPeak returns the largest resident anonymous memory that a process ever had; 0 for one that has ended.
func (g *Group) processPeak(pid int, buf []byte) int64 {
	b, err := read(g.host.proc+"/"+strconv.Itoa(pid)+"/status", buf)
	if err != nil {
		return 0
	}
	return processPeak(b)
}

func processPeak(status []byte) int64 {
	const kB = 1024
	hwm := field(status, "VmHWM")
	return max(hwm-max(field(status, "RssFile"), 0)-max(field(status, "RssShmem"), 0), 0) * kB
}

// ioBytes is what read and write calls of the living processes and their ended children have moved; sockets and pipes
// are in it, so it only bounds file traffic. For a group without processes nothing is known to be files: 0.
func (g *Group) ioBytes(pids []int, buf []byte) int64 {
	sum := int64(0)
	for _, pid := range pids {
		b, err := read(g.host.proc+"/"+strconv.Itoa(pid)+"/io", buf)
		if err != nil {
			continue // ended, or a kernel without task accounting: then sum says that no file was touched
		}
		sum += max(field(b, "rchar"), 0) + max(field(b, "wchar"), 0)
	}
	return sum
}

// ResetPeak starts a new peak from what is in use now. It returns errors.ErrUnsupported where the kernel cannot
// (v2 before Linux 6.12); the old peak then stays.
func (g *Group) ResetPeak() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch c := g.host.Memory; c.Version {
	case 1:
		if err := write(g.file(c, "memory.max_usage_in_bytes"), "0"); err != nil {
			return fmt.Errorf("reset memory peak: %w", err)
		}
	case 2:
		if err := g.resetMark(); err != nil {
			return fmt.Errorf("reset memory peak: %w", err)
		}
	default:
		return nil
	}
	pids, err := g.pids()
	if err != nil {
		return fmt.Errorf("reset memory peak: %w", err)
	}
	for _, pid := range pids {
		err := write(g.host.proc+"/"+strconv.Itoa(pid)+"/clear_refs", "5") // 5: only the process' mark
		if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("reset memory peak: %w", err)
		}
	}
	g.peak, g.high = 0, 0
	return nil
}

// resetMark: the kernel resets the mark for the open file that was written to, and for no other reader.
func (g *Group) resetMark() error {
	if g.mark == nil {
		name := g.file(g.host.Memory, "memory.peak")
		fd, err := open(name, unix.O_RDWR)
		if errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("%w by this kernel", errors.ErrUnsupported)
		}
		if err != nil {
			return err
		}
		g.mark = os.NewFile(uintptr(fd), name)
	}
	if _, err := g.mark.WriteString("reset"); err != nil {
		_ = g.mark.Close() // nothing was written
		g.mark = nil
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EBADF) {
			return fmt.Errorf("%w by this kernel", errors.ErrUnsupported)
		}
		return err
	}
	return nil
}
