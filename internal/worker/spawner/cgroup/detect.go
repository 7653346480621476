// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gustcloud/gust/internal/base/clock"
)

// Options say where to look; the zero value of a path is the running system's.
type Options struct {
	Proc  string      // "" for /proc
	Root  string      // put before each mount point: "" on a real host
	Base  string      // directory that holds the groups: "" for "gust"
	Clock clock.Clock // required by Freeze and Remove, which wait
}

// Host is what this host offers. Made by Detect, usable for New after Setup, then immutable.
type Host struct {
	Memory  Controller // limit, peak, OOM counter
	CPU     Controller // quota
	CPUTime Controller // v1 cpuacct or v2 cpu.stat
	PIDs    Controller
	Freezer Controller
	Kill    Controller // version 2 only: cgroup.kill; without it processes are killed one by one

	Problems []string // why Setup took features back

	proc    string
	base    string
	clock   clock.Clock
	unified unifiedMount

	freezerV1 string // own directory in the v1 freezer hierarchy, used where the v2 one cannot freeze
	ready     bool   // Setup succeeded
}

// unifiedMount is the v2 hierarchy, if any.
type unifiedMount struct {
	point, own  string   // directories; "" for none
	controllers []string // at own: limits that v2 can set
}

// Detect reads what the host has; it changes nothing, so `gust doctor` can call it as any user.
// Without any cgroup mount it returns an empty Host and no error.
func Detect(o Options) (*Host, error) {
	if o.Proc == "" {
		o.Proc = "/proc"
	}
	if o.Base == "" {
		o.Base = "gust"
	}
	if strings.ContainsRune(o.Base, '/') {
		return nil, fmt.Errorf("cgroup base %q is not a single name", o.Base)
	}
	mounts, err := os.ReadFile(filepath.Join(o.Proc, "self/mountinfo"))
	if err != nil {
		return nil, fmt.Errorf("read mounts: %w", err)
	}
	own, err := os.ReadFile(filepath.Join(o.Proc, "self/cgroup"))
	if os.IsNotExist(err) { // a kernel without cgroups
		own = nil
	} else if err != nil {
		return nil, fmt.Errorf("read own cgroups: %w", err)
	}
	h := &Host{proc: o.Proc, base: o.Base, clock: o.Clock}
	h.choose(o.Root, parseMountinfo(string(mounts)), parsePositions(string(own)))
	return h, nil
}

// choose picks a hierarchy for each feature: v2 where its controller is listed, else v1, else none.
func (h *Host) choose(root string, mounts []mount, positions []position) {
	v1 := map[string]string{} // controller -> directory of the own position
	for _, m := range mounts {
		if m.version == 2 {
			if h.unified.point == "" {
				h.unified = findUnified(root, m, positions)
			}
			continue
		}
		for _, c := range m.controllers {
			for _, p := range positions {
				if _, have := v1[c]; !have && slices.Contains(p.controllers, c) {
					v1[c] = filepath.Join(root, m.below(p.path))
				}
			}
		}
	}
	pick := func(controller string, core bool) Controller {
		if h.unified.point != "" && (core || slices.Contains(h.unified.controllers, controller)) {
			return Controller{Version: 2, Parent: filepath.Join(h.unified.own, h.base)}
		}
		if dir, ok := v1[controller]; ok {
			return Controller{Version: 1, Parent: filepath.Join(dir, h.base)}
		}
		return Controller{}
	}
	h.Memory, h.CPU, h.PIDs = pick("memory", false), pick("cpu", false), pick("pids", false)
	h.Freezer, h.CPUTime = pick("freezer", true), pick("cpuacct", true)
	if h.Kill = pick("", true); h.Kill.Version != 2 {
		h.Kill = Controller{}
	}
	h.freezerV1 = v1["freezer"]
	// The top group of a hierarchy never has the core files, so there Setup finds out.
	if h.unified.point != "" && exists(filepath.Join(h.unified.own, "cgroup.type")) {
		h.checkCore(h.unified.own)
	}
}

// checkCore takes back freeze and kill where a v2 group shows that the kernel is too old for them (freeze 5.2,
// kill 5.14).
func (h *Host) checkCore(dir string) {
	if h.Kill.OK() && !exists(filepath.Join(dir, "cgroup.kill")) {
		h.Kill = Controller{}
	}
	if h.Freezer.Version == 2 && !exists(filepath.Join(dir, "cgroup.freeze")) {
		h.Freezer = Controller{}
		if h.freezerV1 != "" {
			h.Freezer = Controller{Version: 1, Parent: filepath.Join(h.freezerV1, h.base)}
		}
	}
}

func findUnified(root string, m mount, positions []position) unifiedMount {
	for _, p := range positions {
		if len(p.controllers) != 0 {
			continue
		}
		u := unifiedMount{point: filepath.Join(root, m.point), own: filepath.Join(root, m.below(p.path))}
		list, err := os.ReadFile(filepath.Join(u.own, "cgroup.controllers"))
		if err != nil {
			return unifiedMount{}
		}
		u.controllers = strings.Fields(string(list))
		if u.own != u.point { // delegation may have stopped above us; Setup tries the top of the mount as well
			top, err := os.ReadFile(filepath.Join(u.point, "cgroup.controllers"))
			if err == nil && len(u.controllers) == 0 {
				u.controllers = strings.Fields(string(top))
			}
		}
		return u
	}
	return unifiedMount{}
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}
