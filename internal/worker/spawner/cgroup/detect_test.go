// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cgroup

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tree is a machine: its two texts, and the files that exist below the root.
type tree struct {
	mountinfo, cgroup string
	files             map[string]string
}

const (
	v2Mount = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"

	// Debian 12 with systemd in hybrid mode, as it is booted with systemd.unified_cgroup_hierarchy=0.
	hybridMounts = `32 23 0:28 / /sys/fs/cgroup ro,nosuid,nodev,noexec shared:9 - tmpfs tmpfs ro,size=4096k,mode=755
33 32 0:29 / /sys/fs/cgroup/unified rw,nosuid shared:10 - cgroup2 cgroup2 rw,nsdelegate
34 32 0:30 / /sys/fs/cgroup/systemd rw,nosuid shared:11 - cgroup cgroup rw,xattr,name=systemd
38 32 0:34 / /sys/fs/cgroup/memory rw,nosuid shared:16 - cgroup cgroup rw,memory
39 32 0:35 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:17 - cgroup cgroup rw,cpu,cpuacct
40 32 0:36 / /sys/fs/cgroup/pids rw,nosuid shared:18 - cgroup cgroup rw,pids
41 32 0:37 / /sys/fs/cgroup/freezer rw,nosuid shared:19 - cgroup cgroup rw,freezer
`
	hybridPositions = `9:freezer:/
8:pids:/user.slice/user-0.slice/session-1.scope
5:cpu,cpuacct:/user.slice
4:memory:/user.slice/user-0.slice/session-1.scope
1:name=systemd:/user.slice/user-0.slice/session-1.scope
0::/user.slice/user-0.slice/session-1.scope
`
)

func TestDetectChoosesForEachFeature(t *testing.T) {
	const fs = "/sys/fs/cgroup"
	for _, tt := range []struct {
		name string
		tree tree
		// version and parent without "/gust", in the order memory cpu cputime pids freezer kill; "" for none
		want [6]string
	}{
		{"v2, a systemd unit", tree{v2Mount, "0::/system.slice/gust.service\n", map[string]string{
			fs + "/system.slice/gust.service/cgroup.controllers": "cpuset cpu io memory pids\n",
			fs + "/system.slice/gust.service/cgroup.type":        "domain\n",
			fs + "/system.slice/gust.service/cgroup.freeze":      "0\n",
			fs + "/system.slice/gust.service/cgroup.kill":        "",
		}}, [6]string{
			"2" + fs + "/system.slice/gust.service", "2" + fs + "/system.slice/gust.service",
			"2" + fs + "/system.slice/gust.service", "2" + fs + "/system.slice/gust.service",
			"2" + fs + "/system.slice/gust.service", "2" + fs + "/system.slice/gust.service",
		}},
		{"v2, the top, some controllers", tree{v2Mount, "0::/\n", map[string]string{
			fs + "/cgroup.controllers": "cpu pids\n",
		}}, [6]string{"", "2" + fs, "2" + fs, "2" + fs, "2" + fs, "2" + fs}},
		{"v2 before kill", tree{v2Mount, "0::/a\n", map[string]string{
			fs + "/a/cgroup.controllers": "memory\n", fs + "/a/cgroup.type": "domain\n", fs + "/a/cgroup.freeze": "0\n",
		}}, [6]string{"2" + fs + "/a", "", "2" + fs + "/a", "", "2" + fs + "/a", ""}},
		{"v2, controllers stop above us", tree{v2Mount, "0::/a\n", map[string]string{
			fs + "/a/cgroup.controllers": "\n", fs + "/cgroup.controllers": "memory cpu pids\n",
		}}, [6]string{"2" + fs + "/a", "2" + fs + "/a", "2" + fs + "/a", "2" + fs + "/a", "2" + fs + "/a", "2" + fs + "/a"}},
		{"v1 only", tree{strings.ReplaceAll(hybridMounts, "cgroup2", "none"), hybridPositions, nil}, [6]string{
			"1" + fs + "/memory/user.slice/user-0.slice/session-1.scope", "1" + fs + "/cpu,cpuacct/user.slice",
			"1" + fs + "/cpu,cpuacct/user.slice", "1" + fs + "/pids/user.slice/user-0.slice/session-1.scope",
			"1" + fs + "/freezer", "",
		}},
		{"hybrid: limits from v1, the rest from v2", tree{hybridMounts, hybridPositions, map[string]string{
			fs + "/unified/user.slice/user-0.slice/session-1.scope/cgroup.controllers": "\n",
		}}, [6]string{
			"1" + fs + "/memory/user.slice/user-0.slice/session-1.scope", "1" + fs + "/cpu,cpuacct/user.slice",
			"2" + fs + "/unified/user.slice/user-0.slice/session-1.scope",
			"1" + fs + "/pids/user.slice/user-0.slice/session-1.scope",
			"2" + fs + "/unified/user.slice/user-0.slice/session-1.scope",
			"2" + fs + "/unified/user.slice/user-0.slice/session-1.scope",
		}},
		{"hybrid with an old v2: freezer from v1", tree{hybridMounts, hybridPositions, map[string]string{
			fs + "/unified/user.slice/user-0.slice/session-1.scope/cgroup.controllers": "\n",
			fs + "/unified/user.slice/user-0.slice/session-1.scope/cgroup.type":        "domain\n",
		}}, [6]string{
			"1" + fs + "/memory/user.slice/user-0.slice/session-1.scope", "1" + fs + "/cpu,cpuacct/user.slice",
			"2" + fs + "/unified/user.slice/user-0.slice/session-1.scope",
			"1" + fs + "/pids/user.slice/user-0.slice/session-1.scope", "1" + fs + "/freezer", "",
		}},
		{"a v1 container sees its own directory as the root", tree{
			"38 32 0:34 /docker/abc /sys/fs/cgroup/memory ro,nosuid - cgroup cgroup rw,memory\n",
			"4:memory:/docker/abc/inner\n", nil,
		}, [6]string{"1" + fs + "/memory/inner", "", "", "", "", ""}},
		{"nothing mounted", tree{"22 27 0:21 / /proc rw - proc proc rw\n", "0::/\n", nil}, [6]string{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := mustPlant(t, tt.tree)
			h, err := Detect(Options{Proc: filepath.Join(root, "proc"), Root: root})
			if err != nil {
				t.Fatal(err)
			}
			for i, c := range []Controller{h.Memory, h.CPU, h.CPUTime, h.PIDs, h.Freezer, h.Kill} {
				got := ""
				if c.OK() {
					got = string(rune('0'+c.Version)) + strings.TrimSuffix(strings.TrimPrefix(c.Parent, root), "/gust")
				}
				if got != tt.want[i] {
					t.Errorf("feature %d: %q, want %q", i, got, tt.want[i])
				}
			}
		})
	}
}

func mustPlant(t *testing.T, tr tree) (root string) {
	t.Helper()
	root = t.TempDir()
	files := map[string]string{"/proc/self/mountinfo": tr.mountinfo, "/proc/self/cgroup": tr.cgroup}
	for name, text := range tr.files {
		files[name] = text
	}
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(root+name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(root+name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// On plain files the kernel's refusals do not happen, but what is written where can be read back.
func TestSetupHandsControllersDown(t *testing.T) {
	const own = "/sys/fs/cgroup/gust.service"
	root := mustPlant(t, tree{v2Mount, "0::/gust.service\n", map[string]string{
		own + "/cgroup.controllers":          "cpu memory pids\n",
		own + "/cgroup.subtree_control":      "memory\n",
		own + "/gust/cgroup.subtree_control": "\n",
		own + "/gust/cgroup.freeze":          "0\n",
	}})
	h, err := Detect(Options{Proc: filepath.Join(root, "proc"), Root: root})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Setup(); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		own + "/cgroup.subtree_control":      "+cpu +pids",
		own + "/gust/cgroup.subtree_control": "+cpu +memory +pids",
	} {
		if got, err := os.ReadFile(root + file); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %q", file, got, err, want)
		}
	}
	if h.Kill.OK() {
		t.Error("kill without cgroup.kill")
	}
	if got := h.parents(); !slices.Equal(got, []string{root + own + "/gust"}) {
		t.Errorf("parents %v", got)
	}
}

func TestLimitsAsV2Files(t *testing.T) {
	dir := t.TempDir()
	c := Controller{Version: 2, Parent: dir}
	h := &Host{Memory: c, CPU: c, PIDs: c, ready: true}
	g := h.group("g")
	if err := os.Mkdir(filepath.Join(dir, "g"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"memory.max", "memory.swap.max", "memory.oom.group", "cpu.max", "pids.max"} {
		if err := os.WriteFile(filepath.Join(dir, "g", f), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name   string
		limits Limits
		want   map[string]string
	}{
		{"set", Limits{MemoryBytes: 134217728, CPUCores: 0.5, PIDs: 1024}, map[string]string{
			"memory.max": "134217728", "memory.swap.max": "0", "memory.oom.group": "1", "cpu.max": "10000 20000", "pids.max": "1024",
		}},
		{"none", Limits{}, map[string]string{"memory.max": "max", "cpu.max": "max 20000", "pids.max": "max"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for f := range tt.want {
				if err := os.Truncate(filepath.Join(dir, "g", f), 0); err != nil {
					t.Fatal(err)
				}
			}
			if err := g.SetLimits(tt.limits); err != nil {
				t.Fatal(err)
			}
			for f, want := range tt.want {
				if got, err := os.ReadFile(filepath.Join(dir, "g", f)); err != nil || string(got) != want {
					t.Errorf("%s: %q, %v; want %q", f, got, err, want)
				}
			}
		})
	}
}

func TestStatsOfV2Files(t *testing.T) {
	dir := t.TempDir()
	c := Controller{Version: 2, Parent: dir}
	h := &Host{Memory: c, CPUTime: c, PIDs: c, proc: dir, ready: true}
	g := h.group("g")
	for f, text := range map[string]string{
		"memory.stat":   "anon 10485760\nfile 73400320\nkernel 1048576\nshmem 20971520\nfile_mapped 0\n",
		"memory.peak":   "200000000\n",
		"memory.events": "low 0\nhigh 0\nmax 3\noom 2\noom_kill 1\noom_group_kill 1\n",
		"cpu.stat":      "usage_usec 1500\nuser_usec 1000\nsystem_usec 500\n",
		"pids.current":  "4\n",
		"cgroup.procs":  "77\n",
		"../77/status":  "VmHWM:\t 102400 kB\nRssAnon:\t 10240 kB\nRssFile:\t 2048 kB\nRssShmem:\t 0 kB\n",
		"../77/io":      "rchar: 300000000\nwchar: 0\n",
	} {
		name := filepath.Join(dir, "g", f)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := g.Stats()
	if err != nil {
		t.Fatal(err)
	}
	// high 200,000,000 less kernel 1 MiB less 50 MiB of files is more than the process' 98 MiB and shared 20 MiB, but
	// there was an OOM kill: an ended process.
	want := Stats{CPU: 1500 * 1000, MemoryPeak: 200000000 - 1<<20 - 50<<20, OOMKills: 1, PIDs: 4}
	if s != want {
		t.Errorf("%+v, want %+v", s, want)
	}
}

func TestStatsOfAHostWithoutCgroups(t *testing.T) {
	s, err := (&Host{ready: true}).group("g").Stats()
	if want := (Stats{-1, -1, -1, -1}); err != nil || s != want {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestField(t *testing.T) {
	const text = "cache 12\nrss_huge 7\nrss 5\nVmHWM:\t    9000 kB\nempty\nword x\nlast 3"
	for key, want := range map[string]int64{
		"cache": 12, "rss": 5, "rss_huge": 7, "VmHWM": 9000, "empty": -1, "word": -1, "last": 3, "absent": -1, "ca": -1,
	} {
		if got := field([]byte(text), key); got != want {
			t.Errorf("%s: %d, want %d", key, got, want)
		}
	}
}

func TestParseMountinfoUnescapes(t *testing.T) {
	m := parseMountinfo(`38 32 0:34 / /sys/fs/c\040group\134x rw - cgroup cgroup rw,memory` + "\n")
	if len(m) != 1 || m[0].point != `/sys/fs/c group\x` {
		t.Errorf("%+v", m)
	}
}

func TestBelow(t *testing.T) {
	for _, tt := range []struct{ name, root, position, want string }{
		{"top", "/", "/", "/m"},
		{"inside", "/", "/a/b", "/m/a/b"},
		{"mounted root", "/docker/x", "/docker/x", "/m"},
		{"below the mounted root", "/docker/x", "/docker/x/y", "/m/y"},
		{"neighbour with the same start", "/docker/x", "/docker/xy", "/m"},
		{"outside of a namespace", "/", "/../other", "/m"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := mount{root: tt.root, point: "/m"}
			if got := m.below(tt.position); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(hybridMounts, hybridPositions)
	f.Add(v2Mount, "0::/\n")
	f.Add(`1 2 0:1 / \0 - cgroup - -`, "::\n")
	f.Fuzz(func(t *testing.T, mountinfo, cgroup string) {
		for _, p := range parsePositions(cgroup) {
			for _, m := range parseMountinfo(mountinfo) {
				if m.version != 1 && m.version != 2 {
					t.Errorf("version %d", m.version)
				}
				got := m.below(p.path)
				point := filepath.Clean(m.point)
				if got != point && !strings.HasPrefix(got, strings.TrimSuffix(point, "/")+"/") {
					t.Errorf("%q at %q is %q: outside", p.path, m.point, got)
				}
			}
		}
	})
}

func FuzzField(f *testing.F) {
	f.Add("a 1\nb: 2 kB\n", "b")
	f.Fuzz(func(t *testing.T, text, key string) {
		if n := field([]byte(text), key); n < -1 {
			t.Errorf("%d", n)
		}
	})
}
