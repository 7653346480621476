// SPDX-License-Identifier: Apache-2.0

package host

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Names of the items.
const (
	System         = "operating system"
	Root           = "root"
	Kernel         = "kernel"
	UserNamespaces = "user namespaces"
	Seccomp        = "seccomp"
	MountAPI       = "mount interface"
	PidFD          = "pidfd"
	MemoryLimit    = "memory limit"
	CPULimit       = "cpu limit"
	PIDsLimit      = "process limit"
	Freezer        = "freezer"
	GroupKill      = "group kill"
	TmpQuota       = "/tmp quota"
	Overlay        = "overlay"
	CPUs           = "cpu cores"
	Memory         = "memory"
	OpenFiles      = "open files"
	PidMax         = "process ids"
	Disk           = "disk"
)

// The least that is called OK.
const (
	minMajor, minMinor = 5, 12       // mount_setattr; newer features are asked for one by one
	minMemory          = 512 << 20   // bytes available: a handful of small functions
	minOpenFiles       = 4096        // about 10 for each environment
	minPidMax          = 32768       // a Node.js environment has about 10 threads
	minDisk            = 1 << 30     // bytes
	minDiskShare       = 20          // 1/20 free: below 5 % log writes stop
	capSysAdmin        = 1 << 21     // include/uapi/linux/capability.h
	debianPackages     = "e2fsprogs" // has mkfs.ext4
)

// Judge is pure: equal facts give equal reports.
func Judge(f Facts) Report {
	if f.OS != "linux" {
		return Report{[]Item{{
			Name: System, Required: true, Detail: f.OS + " has no sandboxes that Gust can use",
			Fix: "run Gust on Linux, or start it with the process driver (no isolation) for development",
		}}}
	}
	items := []Item{{Name: System, OK: true, Required: true, Detail: "linux"}}
	items = append(items, judgeRoot(f), judgeKernel(f), judgeUserNamespaces(f))
	items = append(items, judgeInterfaces(f)...)
	items = append(items, judgeCgroup(f)...)
	items = append(items, judgeTmp(f), judgeOverlay(f))
	items = append(items, judgeSizes(f)...)
	for i := range items {
		if items[i].OK {
			items[i].Fix = ""
		}
	}
	return Report{items}
}

func judgeRoot(f Facts) Item {
	i := Item{Name: Root, OK: f.UID == 0 && f.CapEff&capSysAdmin != 0, Detail: "uid " + strconv.Itoa(f.UID)}
	switch {
	case f.UID != 0:
		i.Fix = "start as root (sudo gust serve): as an ordinary user there are fewer limits"
	case !i.OK:
		i.Detail = "uid 0 without CAP_SYS_ADMIN (a container)"
		i.Fix = "start the container with --privileged, or run Gust outside of it"
	}
	return i
}

func judgeKernel(f Facts) Item {
	i := Item{Name: Kernel, Required: true, Detail: f.Kernel, Fix: fmt.Sprintf(
		"use Linux %d.%d or newer", minMajor, minMinor)}
	major, minor, ok := parseRelease(f.Kernel)
	if !ok {
		i.Detail = fmt.Sprintf("release %q is not understood", f.Kernel)
		return i
	}
	i.OK = major > minMajor || major == minMajor && minor >= minMinor
	return i
}

// parseRelease reads the first two numbers of a kernel release.
func parseRelease(release string) (major, minor int, ok bool) {
	first, rest, found := strings.Cut(release, ".")
	if !found {
		return 0, 0, false
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(rest)
	}
	major, err := strconv.Atoi(first)
	if err != nil || major < 0 {
		return 0, 0, false
	}
	if minor, err = strconv.Atoi(rest[:end]); err != nil {
		return 0, 0, false
	}
	return major, minor, true
}

func judgeUserNamespaces(f Facts) Item {
	i := Item{Name: UserNamespaces, Required: true}
	switch {
	case !f.UserNamespaces:
		i.Detail, i.Fix = "the kernel has none", "use a kernel with CONFIG_USER_NS"
	case f.MaxUserNamespaces == 0:
		i.Detail, i.Fix = "switched off", "sysctl -w user.max_user_namespaces=65536"
	case f.UID != 0 && f.UserNSRestricted != "":
		i.Detail = "only for root: " + f.UserNSRestricted
		name, value, _ := strings.Cut(f.UserNSRestricted, "=")
		allow := "1"
		if value == "1" { // a restriction that is on
			allow = "0"
		}
		i.Fix = "start as root, or sysctl -w " + name + "=" + allow
	default:
		i.OK, i.Detail = true, "available"
		if f.MaxUserNamespaces > 0 {
			i.Detail = "at most " + strconv.FormatInt(f.MaxUserNamespaces, 10)
		}
	}
	return i
}

func judgeInterfaces(f Facts) []Item {
	actions := strings.Fields(f.SeccompActions)
	yes := func(name string, ok bool, what, fix string) Item {
		i := Item{Name: name, OK: ok, Required: true, Detail: what + " available", Fix: fix}
		if !ok {
			i.Detail = what + " missing"
		}
		return i
	}
	return []Item{
		yes(Seccomp, slices.Contains(actions, "errno") && slices.Contains(actions, "kill_process"),
			"filters", "use a kernel with CONFIG_SECCOMP_FILTER"),
		yes(MountAPI, f.MountAPI, "open_tree, move_mount, mount_setattr",
			"use Linux 5.12 or newer; in a container allow these calls in its seccomp profile"),
		yes(PidFD, f.PidFD, "pidfd_open",
			"use Linux 5.3 or newer; in a container allow this call in its seccomp profile"),
	}
}

func judgeCgroup(f Facts) []Item {
	c := f.Cgroup
	item := func(name string, version int, lost, fix string) Item {
		i := Item{Name: name, OK: version != 0, Fix: fix, Detail: fmt.Sprintf("cgroup v%d", version)}
		switch {
		case c.Err != "":
			i.OK, i.Detail = false, c.Err
		case version == 0:
			i.Detail = "no cgroup controller: " + lost
		case len(c.NotWritable) > 0:
			i.OK = false
			i.Detail = fmt.Sprintf("cgroup v%d, but no groups can be made in %s: %s", version,
				strings.Join(c.NotWritable, ", "), lost)
			i.Fix = "start as root, or give the user a delegated cgroup (systemd-run --user -p Delegate=yes gust serve)"
			if f.UID == 0 {
				i.Fix = "mount the cgroup file system writable (a container: --privileged --cgroupns=private)"
			}
		}
		return i
	}
	controller := func(name string) string {
		return "mount cgroup v2 with the " + name + " controller (kernel parameter cgroup_enable=" + name +
			" where it is switched off)"
	}
	return []Item{
		item(MemoryLimit, c.Memory, "a function can take all memory, and its use is not measured", controller("memory")),
		item(CPULimit, c.CPU, "functions share the processors without limit", controller("cpu")),
		item(PIDsLimit, c.PIDs, "a function can take all process ids", controller("pids")),
		item(Freezer, c.Freezer, "functions go on running between invocations",
			"use Linux 5.2 or newer with cgroup v2, or mount the v1 freezer"),
		item(GroupKill, c.Kill, "processes are killed one by one", "use Linux 5.14 or newer with cgroup v2"),
	}
}

func judgeTmp(f Facts) Item {
	i := Item{Name: TmpQuota}
	listed := slices.Contains(strings.Fields(f.Filesystems), "ext4")
	const tmpfs = "; /tmp is a tmpfs, whose files count against the function's memory"
	switch {
	case !f.LoopControl:
		i.Detail = "no /dev/loop-control" + tmpfs
		i.Fix = "modprobe loop; in a container: --device /dev/loop-control and the right to mount"
	case !f.LoopWritable:
		i.Detail, i.Fix = "loop devices are not allowed to this user"+tmpfs, "start as root"
	case f.Mkfs == "":
		i.Detail, i.Fix = "mkfs.ext4 not found"+tmpfs, "apt-get install "+debianPackages
	case !listed:
		i.Detail, i.Fix = "the kernel has not loaded ext4"+tmpfs, "modprobe ext4"
	default:
		i.OK, i.Detail = true, "ext4 images on loop devices"
	}
	return i
}

func judgeOverlay(f Facts) Item {
	i := Item{
		Name: Overlay, OK: slices.Contains(strings.Fields(f.Filesystems), "overlay"), Detail: "available",
		Fix: "modprobe overlay",
	}
	if !i.OK {
		i.Detail = "not loaded"
	}
	return i
}

func judgeSizes(f Facts) []Item {
	disk := Item{
		Name: Disk, OK: f.DiskFree >= minDisk && f.DiskFree >= f.DiskTotal/minDiskShare,
		Detail: fmt.Sprintf("%s free of %s at %s", size(f.DiskFree), size(f.DiskTotal), f.DataDir),
		Fix:    "free space, or choose another place with --data: below 5 % free, logs are not written",
	}
	memory := Item{
		Name: Memory, OK: f.MemoryAvailable >= minMemory,
		Detail: fmt.Sprintf("%s available of %s", size(f.MemoryAvailable), size(f.MemoryTotal)),
		Fix:    "stop other programs, or use a machine with more memory",
	}
	return []Item{
		{Name: CPUs, OK: f.CPUs > 0, Detail: strconv.Itoa(f.CPUs)},
		memory,
		{
			Name: OpenFiles, OK: f.OpenFiles >= minOpenFiles, Detail: "at most " + count(f.OpenFiles),
			Fix: fmt.Sprintf("ulimit -Hn %d or more (systemd: LimitNOFILE)", minOpenFiles),
		},
		{
			Name: PidMax, OK: f.PidMax >= minPidMax, Detail: "at most " + count(f.PidMax),
			Fix: fmt.Sprintf("sysctl -w kernel.pid_max=%d or more", minPidMax),
		},
		disk,
	}
}

func count(n int64) string {
	if n < 0 {
		return "unknown"
	}
	return strconv.FormatInt(n, 10)
}

// size writes bytes in binary units with at most three digits.
func size(n int64) string {
	if n < 0 {
		return "unknown"
	}
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	v, u := float64(n), 0
	for v >= 1000 && u < len(units)-1 {
		v, u = v/1024, u+1
	}
	if v < 10 && u > 0 {
		return strconv.FormatFloat(v, 'f', 1, 64) + " " + units[u]
	}
	return strconv.FormatFloat(v, 'f', 0, 64) + " " + units[u]
}
