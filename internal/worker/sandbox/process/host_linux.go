// SPDX-License-Identifier: Apache-2.0

package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/gustcloud/gust/internal/worker/sandbox"
)

const (
	sunPath    = 108  // bytes of a unix socket's address
	rssUnit    = 1024 // bytes of a unit of ru_maxrss
	clockTicks = 100  // USER_HZ, fixed in the kernel's interface to user space
	stopPoll   = 100 * time.Microsecond
	statState  = 0 // fields of /proc/PID/stat, counted after the command name
	statUTime  = 11
	statCSTime = 14
)

// socketName puts the sandbox's id into an abstract name and keeps its length: Node.js 20 finds only names of the full
// 108 bytes.
func (b *box) socketName(name string) string {
	prefix := "@gust-" + b.id + "-"
	if len(prefix)+len(name) <= sunPath {
		return prefix + name
	}
	return prefix + name[len(prefix)+len(name)-sunPath:]
}

// awaitStop returns when the process is stopped or has ended.
func (b *box) awaitStop(ctx context.Context, pid int) error {
	for {
		fields, err := readStat(pid)
		if err != nil {
			return nil //nolint:nilerr // it has ended
		}
		switch fields[statState][0] {
		case 'T', 't', 'Z', 'X':
			return nil
		}
		if err := b.driver.deps.Clock.Sleep(ctx, stopPoll); err != nil {
			return fmt.Errorf("freeze: %w", err)
		}
	}
}

// readStat returns the fields of /proc/PID/stat after the command name.
func readStat(pid int) ([][]byte, error) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return nil, err
	}
	i := bytes.LastIndexByte(data, ')')
	fields := bytes.Fields(data[i+1:])
	if i < 0 || len(fields) <= statCSTime {
		return nil, errors.New("unexpected /proc/PID/stat")
	}
	return fields, nil
}

// Stats adds up the processes that Start made and the children they waited for. The memory peak is the largest
// resident set of one that lives: it counts shared libraries, and not several processes at once. Of an ended one it is
// unknown: ru_maxrss begins with what the server held when it forked.
func (b *box) Stats() (sandbox.Stats, error) {
	b.mu.Lock()
	procs, closed := b.procs, b.closed
	b.mu.Unlock()
	if closed {
		return sandbox.Stats{}, sandbox.ErrClosed
	}
	st := sandbox.Stats{OOMKills: -1, MemoryPeak: -1}
	for _, p := range procs {
		p.mu.Lock()
		ended, cpu := p.ended, p.cpu
		p.mu.Unlock()
		if !ended {
			st.PIDs++
			var peak int64
			cpu, peak = liveUsage(p.pid)
			st.MemoryPeak = max(st.MemoryPeak, peak)
		}
		st.CPU += cpu
	}
	return st, nil
}

func liveUsage(pid int) (cpu time.Duration, peak int64) {
	if fields, err := readStat(pid); err == nil {
		for _, f := range fields[statUTime : statCSTime+1] {
			n, err := strconv.ParseInt(string(f), 10, 64)
			if err == nil {
				cpu += time.Duration(n) * (time.Second / clockTicks)
			}
		}
	}
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return cpu, -1
	}
	_, rest, _ := bytes.Cut(data, []byte("VmHWM:"))
	line, _, _ := bytes.Cut(rest, []byte("kB"))
	kb, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 10, 64)
	if err != nil {
		return cpu, -1 // it is ending: the kernel has dropped its memory and the numbers
	}
	return cpu, kb << 10
}
