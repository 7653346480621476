// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cgroup

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Meter reads the counters of a group that another process made. It opens them at each reading: that takes 3 us, and an
// idle group holds no descriptors. Reading takes no privileges but for what processes have read and written (see
// estimatePeak), where the user ids differ. It is safe for concurrent use.
type Meter struct{ group *Group }

// Counters tells where the group's counters are.
func (g *Group) Counters() Counters {
	return Counters{Name: g.name, Memory: g.host.Memory, CPUTime: g.host.CPUTime, PIDs: g.host.PIDs}
}

// NewMeter reads what c tells; it opens nothing yet.
func NewMeter(c Counters) *Meter {
	h := &Host{Memory: c.Memory, CPUTime: c.CPUTime, PIDs: c.PIDs, proc: "/proc"}
	return &Meter{h.group(c.Name)}
}

// Stats reads the counters.
func (m *Meter) Stats() (Stats, error) { return m.group.Stats() }

// Quota is an open control file for the share of CPU time. As FreezeFile's, it can be passed to another process.
type Quota struct {
	file    *os.File
	version int
}

// QuotaFile opens the control file; the caller closes it. Errors: errors.ErrUnsupported.
func (g *Group) QuotaFile() (*os.File, error) {
	c := g.host.CPU
	if !c.OK() {
		return nil, fmt.Errorf("limit cpu: %w by this host", errors.ErrUnsupported)
	}
	name := g.file(c, "cpu.max")
	if c.Version == 1 {
		name = g.file(c, "cpu.cfs_quota_us")
	}
	fd, err := open(name, unix.O_WRONLY)
	if err != nil {
		return nil, fmt.Errorf("open cpu quota: %w", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// NewQuota takes over a file of QuotaFile; version is that of the host's CPU controller.
func NewQuota(f *os.File, version int) *Quota { return &Quota{f, version} }

// Set replaces the share, in cores. SetLimits must have set one before: it also sets the period.
func (q *Quota) Set(cores float64) error {
	quota := cpuQuota(cores)
	text := strconv.FormatInt(quota, 10)
	if q.version == 2 {
		if quota < 0 {
			text = "max"
		}
		text += " " + strconv.FormatInt(cpuPeriod.Microseconds(), 10)
	}
	_, err := q.file.WriteAt([]byte(text), 0)
	if q.version == 1 && quota > 0 && errors.Is(err, unix.EINVAL) {
		_, err = q.file.WriteAt([]byte("-1"), 0) // as setCPU
	}
	if err != nil {
		return fmt.Errorf("limit cpu to %g: %w", cores, err)
	}
	return nil
}

// Close releases the control file.
func (q *Quota) Close() error { return q.file.Close() }
