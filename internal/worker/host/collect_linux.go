// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gustcloud/gust/internal/worker/spawner/cgroup"
)

// Collect looks at this machine. What cannot be read stays unknown, so it never fails.
func Collect(o Options) Facts {
	f := Facts{OS: runtime.GOOS, UID: os.Geteuid(), CPUs: runtime.NumCPU(), Kernel: release()}
	at := func(path string) string { return filepath.Join("/", o.Root, path) }

	caps := valueOf(readText(at("/proc/self/status")), "CapEff:")
	f.CapEff, _ = strconv.ParseUint(caps, 16, 64) // unreadable: none

	f.UserNamespaces = exists(at("/proc/self/ns/user"))
	f.MaxUserNamespaces = readInt(at("/proc/sys/user/max_user_namespaces"))
	f.UserNSRestricted = userNSRestricted(at)

	f.Cgroup = collectCgroup(o.Root)
	f.SeccompActions = strings.TrimSpace(readText(at("/proc/sys/kernel/seccomp/actions_avail")))
	f.LoopControl = exists(at("/dev/loop-control"))
	f.LoopWritable = unix.Access(at("/dev/loop-control"), unix.R_OK|unix.W_OK) == nil
	f.Mkfs = findMkfs()
	f.Filesystems = readText(at("/proc/filesystems"))
	f.PidFD, f.MountAPI = hasPidFD(), hasMountAPI()

	mem := readText(at("/proc/meminfo"))
	f.MemoryTotal, f.MemoryAvailable = kilobytes(mem, "MemTotal:"), kilobytes(mem, "MemAvailable:")
	f.OpenFiles = openFiles()
	f.PidMax = readInt(at("/proc/sys/kernel/pid_max"))
	f.DataDir, f.DiskFree, f.DiskTotal = disk(o.DataDir)
	return f
}

func release() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// userNSRestricted finds the switch that some distributions have: Debian's older one and Ubuntu's AppArmor gate.
func userNSRestricted(at func(string) string) string {
	if readInt(at("/proc/sys/kernel/unprivileged_userns_clone")) == 0 {
		return "kernel.unprivileged_userns_clone=0"
	}
	if readInt(at("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")) == 1 {
		return "kernel.apparmor_restrict_unprivileged_userns=1"
	}
	return ""
}

func collectCgroup(root string) Cgroup {
	h, err := cgroup.Detect(cgroup.Options{Proc: filepath.Join("/", root, "proc"), Root: root})
	if err != nil {
		return Cgroup{Err: err.Error()}
	}
	c := Cgroup{
		Memory: h.Memory.Version, CPU: h.CPU.Version, CPUTime: h.CPUTime.Version,
		PIDs: h.PIDs.Version, Freezer: h.Freezer.Version, Kill: h.Kill.Version,
	}
	seen := map[string]bool{}
	for _, controller := range []cgroup.Controller{h.Memory, h.CPU, h.CPUTime, h.PIDs, h.Freezer, h.Kill} {
		if !controller.OK() || seen[controller.Parent] {
			continue
		}
		seen[controller.Parent] = true
		dir := nearest(controller.Parent)
		if unix.Access(dir, unix.W_OK|unix.X_OK) != nil {
			c.NotWritable = append(c.NotWritable, dir)
		}
	}
	return c
}

// findMkfs also looks where Debian keeps it, which is not in an ordinary user's PATH.
func findMkfs() string {
	for _, name := range []string{"mkfs.ext4", "/usr/sbin/mkfs.ext4", "/sbin/mkfs.ext4"} {
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
	}
	return ""
}

func hasPidFD() bool {
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return false
	}
	return unix.Close(fd) == nil
}

// hasMountAPI calls with a bad descriptor: a kernel that has the calls complains about that, not about the call.
func hasMountAPI() bool {
	_, err := unix.OpenTree(-1, "", unix.AT_EMPTY_PATH)
	if !errors.Is(err, unix.EBADF) {
		return false
	}
	err = unix.MountSetattr(-1, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOSUID})
	return errors.Is(err, unix.EBADF) || errors.Is(err, unix.EPERM)
}

func openFiles() int64 {
	var r unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &r) != nil {
		return -1
	}
	return int64(min(r.Max, 1<<62))
}

func disk(dataDir string) (dir string, free, total int64) {
	if dir = nearest(dataDir); dir == "" {
		return dataDir, -1, -1
	}
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return dir, -1, -1
	}
	return dir, int64(s.Bavail) * s.Bsize, int64(s.Blocks) * s.Bsize
}

// nearest is the path itself or the closest directory above it that exists; "" for a relative path without one.
func nearest(path string) string {
	if path == "" {
		path = "."
	}
	for {
		if exists(path) {
			return path
		}
		up := filepath.Dir(path)
		if up == path {
			return ""
		}
		path = up
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func readText(path string) string {
	b, err := os.ReadFile(path) //nolint:gosec // of the kernel, or of a test's tree
	if err != nil {
		return ""
	}
	return string(b)
}

// readInt returns -1 for a file that is absent or no number.
func readInt(path string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(readText(path)), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// valueOf returns the first word after key at the start of a line.
func valueOf(text, key string) string {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, key); ok {
			if f := strings.Fields(rest); len(f) > 0 {
				return f[0]
			}
		}
	}
	return ""
}

func kilobytes(text, key string) int64 {
	n, err := strconv.ParseInt(valueOf(text, key), 10, 64)
	if err != nil || n < 0 {
		return -1
	}
	return n * 1024
}
