// SPDX-License-Identifier: Apache-2.0

// Package cgroup limits, measures, freezes and kills the processes of one sandbox through control groups, whatever the
// host has: v1, v2 or both. Each feature (memory, cpu, pids, freezer, kill, cpu time) is looked for on its own, because
// hybrid hosts offer limits in v1 hierarchies and freezing and killing in the v2 one.
//
// It does not choose the limits and starts no process. Read detect.go (what the host has), then group.go (one group).
//
// Place: groups stand in a directory "gust" below the position that this process has in each hierarchy, so a limit set
// on Gust as a whole (a container's, a systemd unit's) holds for the functions too. Version 2 forbids processes beside
// controlled children: there, in this order, the own position, (if it is delegated) the own position after its
// processes were moved to a leaf, the top of the mount, and last the own position after that move.
//
// File descriptors: a Group keeps none open; each operation opens what it needs (about 2 us a file). Only after
// ResetPeak on a v2 host it keeps one, because the kernel ties a reset mark to the open file.
package cgroup
