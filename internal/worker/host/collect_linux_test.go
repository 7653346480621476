// SPDX-License-Identifier: Apache-2.0

package host

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func TestCollectReadsTheTreeUnderRoot(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"proc/self/status":                  "Name:\tx\nCapEff:\t00000000a80425fb\n",
		"proc/self/ns/user":                 "",
		"proc/self/mountinfo":               "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
		"proc/self/cgroup":                  "0::/app\n",
		"proc/sys/user/max_user_namespaces": "96365\n",
		"proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1\n",
		"proc/sys/kernel/seccomp/actions_avail":                 "errno allow\n",
		"proc/sys/kernel/pid_max":                               "4194304\n",
		"proc/filesystems":                                      "\text4\n",
		"proc/meminfo":                                          "MemTotal:       100 kB\nMemAvailable:    50 kB\n",
		"sys/fs/cgroup/app/cgroup.controllers":                  "memory pids\n",
		"sys/fs/cgroup/app/cgroup.type":                         "domain\n",
		"sys/fs/cgroup/app/cgroup.freeze":                       "0\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := Collect(Options{Root: root, DataDir: filepath.Join(root, "not/yet/made")})
	if want := (Cgroup{Memory: 2, CPUTime: 2, PIDs: 2, Freezer: 2}); !reflect.DeepEqual(f.Cgroup, want) {
		t.Errorf("cgroup %+v, want %+v", f.Cgroup, want)
	}
	if f.CapEff != 0xa80425fb || !f.UserNamespaces || f.MaxUserNamespaces != 96365 || f.SeccompActions != "errno allow" ||
		f.UserNSRestricted != "kernel.apparmor_restrict_unprivileged_userns=1" {
		t.Errorf("%+v", f)
	}
	if f.MemoryTotal != 100<<10 || f.MemoryAvailable != 50<<10 || f.PidMax != 4194304 || f.Filesystems != "\text4\n" {
		t.Errorf("%+v", f)
	}
	if f.LoopControl || f.LoopWritable {
		t.Error("a loop device that is not there")
	}
	if f.DataDir != root || f.DiskFree <= 0 || f.DiskTotal < f.DiskFree {
		t.Errorf("disk %q %d of %d", f.DataDir, f.DiskFree, f.DiskTotal)
	}
}

func TestCollectOfAnEmptyTreeIsUnknownNotWrong(t *testing.T) {
	f := Collect(Options{Root: t.TempDir()})
	if f.CapEff != 0 || f.MaxUserNamespaces != -1 || f.MemoryTotal != -1 || f.PidMax != -1 || f.Cgroup.Err == "" {
		t.Errorf("%+v", f)
	}
	if Judge(f).OK() {
		t.Error("a machine of which nothing is known is called fine")
	}
}

func TestInspectOfThisMachine(t *testing.T) {
	r := Inspect(Options{DataDir: t.TempDir()})
	if i := r.Item(Kernel); !i.OK {
		t.Errorf("the kernel that runs this test: %+v", i)
	}
	if i := r.Item(PidFD); !i.OK {
		t.Errorf("%+v", i)
	}
	if i := r.Item(Disk); i.Detail == "" {
		t.Errorf("%+v", i)
	}
	for _, i := range r.Items {
		t.Logf("%-18s %-5v %s  %s", i.Name, i.OK, i.Detail, i.Fix)
	}
}
