// SPDX-License-Identifier: Apache-2.0

package host

import (
	"strings"
	"testing"
)

// good is a machine on which nothing is missing.
func good() Facts {
	return Facts{
		OS: "linux", Kernel: "6.1.0-18-amd64", CapEff: 1<<41 - 1, UserNamespaces: true, MaxUserNamespaces: 96000,
		Cgroup:         Cgroup{Memory: 2, CPU: 2, CPUTime: 2, PIDs: 2, Freezer: 2, Kill: 2},
		SeccompActions: "kill_process kill_thread trap errno user_notif trace log allow",
		LoopControl:    true, LoopWritable: true, Mkfs: "/sbin/mkfs.ext4", Filesystems: "nodev\toverlay\n\text4\n",
		PidFD: true, MountAPI: true, CPUs: 2, MemoryTotal: 24 << 30, MemoryAvailable: 20 << 30, OpenFiles: 20000,
		PidMax: 32768, DataDir: "/var/lib/gust", DiskFree: 79 << 30, DiskTotal: 252 << 30,
	}
}

func TestNothingIsMissingOnAGoodMachine(t *testing.T) {
	r := Judge(good())
	if !r.OK() || len(r.Missing()) != 0 {
		t.Errorf("missing: %+v", r.Missing())
	}
	for _, i := range r.Items {
		if i.Name == "" || i.Detail == "" || i.Fix != "" {
			t.Errorf("%+v", i)
		}
	}
}

func TestJudgeNamesWhatIsMissingAndItsFix(t *testing.T) {
	for _, tt := range []struct {
		name     string
		change   func(*Facts)
		missing  string // names of the items that are not OK
		detail   string // in the first of them
		fix      string
		required bool
	}{
		{"ordinary user", func(f *Facts) { f.UID, f.CapEff = 1000, 0 }, Root, "uid 1000", "sudo gust serve", false},
		{"root in a container", func(f *Facts) { f.CapEff = 0xa80425fb }, Root, "without CAP_SYS_ADMIN", "--privileged", false},
		{"old kernel", func(f *Facts) { f.Kernel = "5.10.0-28-amd64" }, Kernel, "5.10.0", "5.12", true},
		{"strange kernel", func(f *Facts) { f.Kernel = "gvisor" }, Kernel, "not understood", "", true},
		{"no user namespaces", func(f *Facts) { f.UserNamespaces = false }, UserNamespaces, "has none", "CONFIG_USER_NS", true},
		{"user namespaces off", func(f *Facts) { f.MaxUserNamespaces = 0 }, UserNamespaces, "switched off", "sysctl", true},
		{"ubuntu's gate for users", func(f *Facts) {
			f.UID, f.UserNSRestricted = 1000, "kernel.apparmor_restrict_unprivileged_userns=1"
		}, Root + "," + UserNamespaces, "uid 1000", "sudo", true},
		{"ubuntu's gate does not concern root", func(f *Facts) {
			f.UserNSRestricted = "kernel.apparmor_restrict_unprivileged_userns=1"
		}, "", "", "", false},
		{"no seccomp", func(f *Facts) { f.SeccompActions = "" }, Seccomp, "missing", "CONFIG_SECCOMP", true},
		{"no mount interface", func(f *Facts) { f.MountAPI = false }, MountAPI, "missing", "5.12", true},
		{"no pidfd", func(f *Facts) { f.PidFD = false }, PidFD, "missing", "5.3", true},
		{"no cgroup memory", func(f *Facts) { f.Cgroup.Memory = 0 }, MemoryLimit, "all memory", "cgroup_enable=memory", false},
		{"no freezer", func(f *Facts) { f.Cgroup.Freezer = 0 }, Freezer, "go on running", "5.2", false},
		{"no kill", func(f *Facts) { f.Cgroup.Kill = 0 }, GroupKill, "one by one", "5.14", false},
		{"cgroups of another user", func(f *Facts) {
			f.UID, f.Cgroup.NotWritable = 1000, []string{"/sys/fs/cgroup"}
		}, strings.Join([]string{Root, MemoryLimit, CPULimit, PIDsLimit, Freezer, GroupKill}, ","), "uid 1000", "sudo", false},
		{
			"cgroups unreadable", func(f *Facts) { f.Cgroup = Cgroup{Err: "read mounts: no"} },
			strings.Join([]string{MemoryLimit, CPULimit, PIDsLimit, Freezer, GroupKill}, ","), "read mounts: no", "mount", false,
		},
		{"no loop", func(f *Facts) { f.LoopControl = false }, TmpQuota, "tmpfs", "modprobe loop", false},
		{"loop not allowed", func(f *Facts) { f.LoopWritable = false }, TmpQuota, "not allowed", "root", false},
		{"no mkfs", func(f *Facts) { f.Mkfs = "" }, TmpQuota, "mkfs.ext4", "apt-get install e2fsprogs", false},
		{"no ext4", func(f *Facts) { f.Filesystems = "nodev\toverlay\n\text3\n" }, TmpQuota, "ext4", "modprobe ext4", false},
		{"no overlay", func(f *Facts) { f.Filesystems = "\text4\n" }, Overlay, "not loaded", "modprobe overlay", false},
		{"little memory", func(f *Facts) { f.MemoryAvailable = 100 << 20 }, Memory, "100 MiB", "memory", false},
		{"few files", func(f *Facts) { f.OpenFiles = 1024 }, OpenFiles, "1024", "LimitNOFILE", false},
		{"few process ids", func(f *Facts) { f.PidMax = -1 }, PidMax, "unknown", "kernel.pid_max", false},
		{"full disk", func(f *Facts) { f.DiskFree = 5 << 30 }, Disk, "5.0 GiB free of 252 GiB", "--data", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := good()
			tt.change(&f)
			r := Judge(f)
			var names []string
			for _, i := range r.Missing() {
				names = append(names, i.Name)
				if i.Fix == "" {
					t.Errorf("%s has no fix", i.Name)
				}
			}
			if got := strings.Join(names, ","); got != tt.missing {
				t.Fatalf("missing %q, want %q", got, tt.missing)
			}
			if r.OK() == tt.required {
				t.Errorf("OK is %v", r.OK())
			}
			if len(names) == 0 {
				return
			}
			if i := r.Missing()[0]; !strings.Contains(i.Detail, tt.detail) || !strings.Contains(i.Fix, tt.fix) {
				t.Errorf("%+v", i)
			}
		})
	}
}

func TestTheGatesFixTurnsItTheRightWay(t *testing.T) {
	for gate, want := range map[string]string{
		"kernel.unprivileged_userns_clone=0":             "kernel.unprivileged_userns_clone=1",
		"kernel.apparmor_restrict_unprivileged_userns=1": "kernel.apparmor_restrict_unprivileged_userns=0",
	} {
		f := good()
		f.UID, f.UserNSRestricted = 1000, gate
		if i := Judge(f).Item(UserNamespaces); i.OK || !strings.HasSuffix(i.Fix, "sysctl -w "+want) {
			t.Errorf("%s: %+v", gate, i)
		}
	}
}

func TestOtherSystemsHaveNoSandbox(t *testing.T) {
	r := Judge(Facts{OS: "darwin"})
	if r.OK() || len(r.Items) != 1 || !strings.Contains(r.Items[0].Fix, "process driver") {
		t.Errorf("%+v", r)
	}
	if i := r.Item("nothing of that name"); i != (Item{}) {
		t.Errorf("%+v", i)
	}
}

func TestParseRelease(t *testing.T) {
	for _, tt := range []struct {
		in           string
		major, minor int
		ok           bool
	}{
		{"6.1.0-18-amd64", 6, 1, true},
		{"5.15", 5, 15, true},
		{"6.18.44-fc-v669", 6, 18, true},
		{"6.6+", 6, 6, true},
		{"", 0, 0, false},
		{"6", 0, 0, false},
		{"a.b", 0, 0, false},
		{"6.x", 0, 0, false},
		{"-6.1", 0, 0, false},
	} {
		t.Run(tt.in, func(t *testing.T) {
			major, minor, ok := parseRelease(tt.in)
			if major != tt.major || minor != tt.minor || ok != tt.ok {
				t.Errorf("got %d.%d %v", major, minor, ok)
			}
		})
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{
		-1: "unknown", 0: "0 B", 999: "999 B", 1 << 10: "1.0 KiB", 512 << 20: "512 MiB", 79 << 30: "79 GiB",
		1 << 40: "1.0 TiB", 1000 << 20: "1.0 GiB",
	} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
}

func FuzzParseRelease(f *testing.F) {
	f.Add("6.1.0-18-amd64")
	f.Add("5.")
	f.Fuzz(func(t *testing.T, s string) {
		major, minor, ok := parseRelease(s)
		if ok && (major < 0 || minor < 0) {
			t.Errorf("%q: %d.%d", s, major, minor)
		}
	})
}
