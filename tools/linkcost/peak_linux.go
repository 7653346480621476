// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"syscall"
)

// peak is the largest resident set of an ended process, in KiB.
func peak(s *os.ProcessState) int64 {
	if u, ok := s.SysUsage().(*syscall.Rusage); ok {
		return u.Maxrss
	}
	return 0
}
