// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// leaf is where Setup moves the processes of a v2 group that must hold controlled children.
const leaf = "gust-host"

// Setup makes the base directories and, on v2, hands the controllers down to them. It takes back the features that
// turn out not to work, so read the Host's fields after it. An error means that not one group can be made; a host
// without any cgroup feature is no error, its groups just do nothing.
func (h *Host) Setup() error {
	if err := h.setupUnified(); err != nil {
		return err
	}
	for _, c := range h.features() {
		if c.Version != 1 {
			continue
		}
		if err := mkdir(c.Parent); err != nil {
			return fmt.Errorf("set up cgroup v1: %w", err)
		}
	}
	h.ready = true
	return nil
}

// Close removes the base directories if they are empty.
func (h *Host) Close() error {
	var errs []error
	for _, dir := range h.parents() {
		if err := unix.Rmdir(dir); err != nil && !errors.Is(err, unix.ENOENT) {
			errs = append(errs, &os.PathError{Op: "rmdir", Path: dir, Err: err})
		}
	}
	return errors.Join(errs...)
}

func (h *Host) features() []*Controller {
	return []*Controller{&h.Memory, &h.CPU, &h.CPUTime, &h.PIDs, &h.Freezer, &h.Kill}
}

// parents returns the distinct directories in which each group has a directory.
func (h *Host) parents() []string {
	var out []string
	for _, c := range h.features() {
		if c.OK() && !slices.Contains(out, c.Parent) {
			out = append(out, c.Parent)
		}
	}
	return out
}

// setupUnified finds a v2 directory whose children can be controlled and points the v2 features there.
func (h *Host) setupUnified() error {
	var want []string
	for name, c := range map[string]Controller{"memory": h.Memory, "cpu": h.CPU, "pids": h.PIDs} {
		if c.Version == 2 {
			want = append(want, name)
		}
	}
	slices.Sort(want)
	if !slices.ContainsFunc(h.features(), func(c *Controller) bool { return c.Version == 2 }) {
		return nil
	}
	parent, err := h.controlled(want)
	if err != nil {
		return fmt.Errorf("set up cgroup v2: %w", err)
	}
	base := filepath.Join(parent, h.base)
	if err := mkdir(base); err != nil {
		return fmt.Errorf("set up cgroup v2: %w", err)
	}
	if err := enable(base, want); err != nil {
		return fmt.Errorf("set up cgroup v2: %w", err)
	}
	for _, c := range h.features() {
		if c.Version == 2 {
			c.Parent = base
		}
	}
	h.checkCore(base)
	return nil
}

// controlled returns a directory whose subtree_control holds want. The order is the package comment's.
func (h *Host) controlled(want []string) (string, error) {
	own, top := h.unified.own, h.unified.point
	if len(want) == 0 {
		return own, nil
	}
	first := enable(own, want)
	if first == nil {
		return own, nil
	}
	vacate := func() error {
		if err := moveProcesses(own, filepath.Join(own, leaf)); err != nil {
			return err
		}
		return enable(own, want)
	}
	errs := []error{first}
	if delegated(own) {
		err := vacate()
		if err == nil {
			return own, nil
		}
		errs = append(errs, err)
	}
	if top != own {
		err := enable(top, want)
		if err == nil {
			return top, nil
		}
		errs = append(errs, err)
	}
	if errors.Is(first, unix.EBUSY) {
		err := vacate()
		if err == nil {
			return own, nil
		}
		errs = append(errs, err)
	}
	return "", errors.Join(errs...)
}

// enable hands controllers down to the children of dir. EBUSY: dir has processes of its own.
func enable(dir string, want []string) error {
	file := filepath.Join(dir, "cgroup.subtree_control")
	have, err := os.ReadFile(file) //nolint:gosec // a control file of the kernel
	if err != nil {
		return err
	}
	var missing []string
	for _, w := range want {
		if !slices.Contains(strings.Fields(string(have)), w) {
			missing = append(missing, "+"+w)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return write(file, strings.Join(missing, " "))
}

// delegated reports whether the service manager gave the subtree of dir away (systemd's Delegate=yes).
func delegated(dir string) bool {
	for _, attr := range []string{"trusted.delegate", "user.delegate"} {
		var b [4]byte
		if n, err := unix.Getxattr(dir, attr, b[:]); err == nil && n == 1 && b[0] == '1' {
			return true
		}
	}
	return false
}

// moveProcesses empties a v2 group into one of its children. A process that ends meanwhile is no error; new ones
// appear in the group as long as an old one forks, so it looks again a few times.
func moveProcesses(from, to string) error {
	if err := mkdir(to); err != nil {
		return err
	}
	for range 10 {
		list, err := os.ReadFile(filepath.Join(from, "cgroup.procs")) //nolint:gosec // a control file of the kernel
		if err != nil {
			return err
		}
		pids := strings.Fields(string(list))
		if len(pids) == 0 {
			return nil
		}
		for _, pid := range pids {
			if pid == "0" { // of another pid namespace: not ours to move
				return fmt.Errorf("%s holds processes of another pid namespace", from)
			}
			if err := write(filepath.Join(to, "cgroup.procs"), pid); err != nil && !errors.Is(err, unix.ESRCH) {
				return err
			}
		}
	}
	return fmt.Errorf("%s does not get empty", from)
}

func mkdir(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) { //nolint:gosec // as the kernel's
		return err
	}
	return nil
}
