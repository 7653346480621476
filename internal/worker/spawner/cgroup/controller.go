// SPDX-License-Identifier: Apache-2.0

package cgroup

// Controller is where one feature comes from. The zero value: the host does not have it.
type Controller struct {
	Version int    // 0 (none), 1 or 2
	Parent  string // directory in which groups are made
}

// OK reports whether the host has the feature.
func (c Controller) OK() bool { return c.Version != 0 }

// Counters tell where a group's counters are: another process reads them by NewMeter without asking the one that made
// the group.
type Counters struct {
	Name                  string // of the group
	Memory, CPUTime, PIDs Controller
}
