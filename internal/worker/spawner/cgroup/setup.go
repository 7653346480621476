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

// Setup makes the base directories and, on v2, hands the controllers down to them. Features that this user or this
// mount does not allow are taken back, and Problems says why; so read the Host's fields after it. Any other failure
// is an error. A host without any cgroup feature is no error: its groups just do nothing.
func (h *Host) Setup() error {
	h.Problems = nil
	if err := h.setupUnified(); err != nil {
		return err
	}
	for _, c := range h.features() {
		if c.Version != 1 {
			continue
		}
		if err := mkdir(c.Parent); err != nil {
			if !denied(err) {
				return fmt.Errorf("set up cgroup v1: %w", err)
			}
			h.take(err, func(o Controller) bool { return o == *c })
		}
	}
	h.ready = true
	return nil
}

// take takes back the features that match.
func (h *Host) take(why error, match func(Controller) bool) {
	h.Problems = append(h.Problems, why.Error())
	for _, c := range h.features() {
		if match(*c) {
			*c = Controller{}
		}
	}
}

// denied reports whether the host is configured not to let us, which is no accident.
func denied(err error) bool {
	return errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EROFS)
}

// restore makes the base directories again, with the controllers that Setup handed down to them.
func (h *Host) restore() error {
	for _, dir := range h.parents() {
		if err := mkdir(dir); err != nil {
			return err
		}
	}
	var limits []string
	for name, c := range map[string]Controller{"memory": h.Memory, "cpu": h.CPU, "pids": h.PIDs} {
		if c.Version == 2 {
			limits = append(limits, name)
		}
	}
	if len(limits) == 0 {
		return nil
	}
	slices.Sort(limits)
	return enable(h.unifiedBase(), limits)
}

// unifiedBase is the v2 base directory; "" when no feature uses v2.
func (h *Host) unifiedBase() string {
	for _, c := range h.features() {
		if c.Version == 2 {
			return c.Parent
		}
	}
	return ""
}

// Close removes the base directories if they are empty: another server on this host may still use them.
func (h *Host) Close() error {
	var errs []error
	for _, dir := range h.parents() {
		if err := unix.Rmdir(dir); err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EBUSY) && !errors.Is(err, unix.ENOTEMPTY) {
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

// setupUnified finds a v2 directory whose children can be controlled and points the v2 features there. Where no
// controller can be had, freezing, killing and CPU time still can.
func (h *Host) setupUnified() error {
	if !slices.ContainsFunc(h.features(), func(c *Controller) bool { return c.Version == 2 }) {
		return nil
	}
	limits := map[string]*Controller{"memory": &h.Memory, "cpu": &h.CPU, "pids": &h.PIDs}
	var want []string
	for name, c := range limits {
		if c.Version == 2 {
			want = append(want, name)
		}
	}
	slices.Sort(want)
	parent, err := h.controlled(want)
	if err != nil {
		h.Problems = append(h.Problems, fmt.Sprintf("no limits by cgroup v2: %v", err))
		for _, name := range want {
			*limits[name] = Controller{}
		}
		parent, want = h.unified.own, nil
	}
	base := filepath.Join(parent, h.base)
	if err := mkdir(base); err != nil {
		if !denied(err) {
			return fmt.Errorf("set up cgroup v2: %w", err)
		}
		freezer := h.Freezer
		h.take(err, func(c Controller) bool { return c.Version == 2 })
		if freezer.Version == 2 && h.freezerV1 != "" {
			h.Freezer = Controller{Version: 1, Parent: filepath.Join(h.freezerV1, h.base)}
		}
		return nil
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
	if len(want) == 0 {
		return nil
	}
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
