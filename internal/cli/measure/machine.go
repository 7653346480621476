// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// Machine describes this host in one line, for the head of a result.
func Machine() string {
	return fmt.Sprintf("%d x %s, %s memory, Linux %s, %s", runtime.NumCPU(), field("/proc/cpuinfo", "model name"),
		field("/proc/meminfo", "MemTotal"), first("/proc/sys/kernel/osrelease"), runtime.Version())
}

// Head is what stands above a result.
func Head(now time.Time, command, version string) string {
	return fmt.Sprintf("# %s\n# %s\n# gust %s, %s\n", command, Machine(), version, now.UTC().Format("2006-01-02 15:04 MST"))
}

func first(file string) string {
	b, err := os.ReadFile(file) //nolint:gosec // a constant path
	if err != nil {
		return "?"
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(line)
}

func field(file, name string) string {
	b, err := os.ReadFile(file) //nolint:gosec // a constant path
	if err != nil {
		return "?"
	}
	for line := range strings.Lines(string(b)) {
		key, value, ok := strings.Cut(line, ":")
		if ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "?"
}
