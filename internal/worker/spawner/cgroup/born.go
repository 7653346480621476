// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// A process that is moved into a group with version 1 waits until every reader of a kernel lock has been seen: 5 to 20
// ms. One that is born there does not: its parent thread enters the group before the clone and leaves it after. A thread
// may move itself (it writes 0 to "tasks") without that lock.

// Enter moves the calling thread, which must be locked, into the group's version 1 hierarchies. The caller calls Leave in
// any case.
func (g *Group) Enter() error { return g.moveThread(func(dir string) string { return dir }) }

// Leave moves the calling thread back to where the process's groups are. A thread that cannot leave must not go on.
func (g *Group) Leave() error {
	return g.moveThread(func(dir string) string { return filepath.Dir(filepath.Dir(dir)) })
}

func (g *Group) moveThread(to func(dir string) string) error {
	for _, dir := range g.dirs {
		if dir == g.unifiedDir() {
			continue
		}
		if err := write(filepath.Join(to(dir), "tasks"), "0"); err != nil {
			return fmt.Errorf("move a thread to another cgroup: %w", err)
		}
	}
	return nil
}

// CloneDir opens the group's version 2 directory, for CLONE_INTO_CGROUP; nil when the group has none.
func (g *Group) CloneDir() (*os.File, error) {
	dir := g.unifiedDir()
	if dir == "" {
		return nil, nil //nolint:nilnil // as documented
	}
	return os.OpenFile(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0) //nolint:gosec // a directory that New made
}

func (g *Group) unifiedDir() string {
	base := g.host.unifiedBase()
	for _, dir := range g.dirs {
		if base != "" && strings.HasPrefix(dir, base+"/") {
			return dir
		}
	}
	return ""
}
