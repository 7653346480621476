// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clockTick is USER_HZ, which is 100 on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// Tree is what a process and its descendants use.
type Tree struct {
	CPU time.Duration // of all that live, and of all that have ended and were waited for
	RSS int64         // bytes, of those that live
}

// TreeOf reads the tree below a process; only tells which processes count for RSS (nil: all).
func TreeOf(pid int, only func(cmdline string) bool) (Tree, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return Tree{}, err
	}
	type process struct {
		parent int
		cpu    time.Duration
		rss    int64
	}
	all := map[int]process{}
	for _, name := range stats {
		b, err := os.ReadFile(name) //nolint:gosec // a file of /proc
		if err != nil {
			continue // it has ended
		}
		id, fields, ok := splitStat(b)
		if !ok {
			return Tree{}, fmt.Errorf("%s: %q", name, b)
		}
		ticks := fields[11] + fields[12] + fields[13] + fields[14]
		all[id] = process{parent: int(fields[1]), cpu: time.Duration(ticks) * clockTick, rss: fields[21] * int64(os.Getpagesize())}
	}
	var out Tree
	for id, p := range all {
		for up := id; up > 1; up = all[up].parent {
			if up != pid {
				continue
			}
			out.CPU += p.cpu
			cmdline, err := os.ReadFile("/proc/" + strconv.Itoa(id) + "/cmdline")
			if err == nil && (only == nil || only(strings.ReplaceAll(string(cmdline), "\x00", " "))) {
				out.RSS += p.rss
			}
			break
		}
	}
	return out, nil
}

// splitStat reads the numbers behind the command of a stat line: index 0 is field 3 of proc(5), the state, as 0.
func splitStat(b []byte) (pid int, fields []int64, ok bool) {
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || end < open {
		return 0, nil, false
	}
	pid, err := strconv.Atoi(string(bytes.TrimSpace(b[:open])))
	if err != nil {
		return 0, nil, false
	}
	parts := strings.Fields(string(b[end+1:]))
	if len(parts) < 22 {
		return 0, nil, false
	}
	fields = make([]int64, len(parts))
	for i, p := range parts[1:] {
		fields[i+1], _ = strconv.ParseInt(p, 10, 64) // some are larger than int64; none of those is used
	}
	return pid, fields, true
}
