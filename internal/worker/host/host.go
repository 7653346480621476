// SPDX-License-Identifier: Apache-2.0

// Package host says what this machine gives to sandboxes: for `gust doctor`, and for choosing what to start.
//
// Collect looks at the machine and changes nothing; Judge turns what it saw into items, each with its fix. Interpreters
// of managed runtimes are not looked at here (worker/runtimes), and rendering is the caller's. Read judge.go first.
package host

// Item is one thing that was looked at.
type Item struct {
	Name     string
	OK       bool
	Required bool   // without it functions run only without isolation
	Detail   string // what was found, one line
	Fix      string // what the operator can do; "" when OK
}

// Report is what Judge found, in the order in which a reader wants it.
type Report struct{ Items []Item }

// Item returns the item of a name, the zero Item if there is none.
func (r Report) Item(name string) Item {
	for _, i := range r.Items {
		if i.Name == name {
			return i
		}
	}
	return Item{}
}

// OK reports whether all required items are there: isolated sandboxes can be made.
func (r Report) OK() bool {
	for _, i := range r.Items {
		if i.Required && !i.OK {
			return false
		}
	}
	return true
}

// Missing returns the items that are not OK.
func (r Report) Missing() []Item {
	var out []Item
	for _, i := range r.Items {
		if !i.OK {
			out = append(out, i)
		}
	}
	return out
}

// Options say what to look at.
type Options struct {
	Root    string // put before /proc, /sys and /dev: "" on a real machine
	DataDir string // whose disk is asked for space; it need not exist yet
}

// Inspect is Judge of Collect.
func Inspect(o Options) Report { return Judge(Collect(o)) }

// Facts are what Collect saw. Negative numbers and empty texts: could not be read.
type Facts struct {
	OS     string // runtime.GOOS
	UID    int
	Kernel string // release, "6.1.0-18-amd64"
	CapEff uint64 // effective capabilities

	UserNamespaces    bool   // the kernel has them
	MaxUserNamespaces int64  // of the user; 0 switches them off
	UserNSRestricted  string // the sysctl that forbids them to ordinary users, "" for none

	Cgroup Cgroup

	SeccompActions string // /proc/sys/kernel/seccomp/actions_avail
	LoopControl    bool   // /dev/loop-control exists
	LoopWritable   bool   // and may be opened
	Mkfs           string // path of mkfs.ext4
	Filesystems    string // /proc/filesystems
	PidFD          bool   // pidfd_open works
	MountAPI       bool   // open_tree and mount_setattr exist

	CPUs            int
	MemoryTotal     int64 // bytes
	MemoryAvailable int64
	OpenFiles       int64 // hard limit of this process
	PidMax          int64

	DataDir   string // the nearest directory above DataDir that exists
	DiskFree  int64  // bytes, for ordinary users
	DiskTotal int64
}

// Cgroup tells where each feature comes from: 0 none, 1 or 2 the version.
type Cgroup struct {
	Memory, CPU, CPUTime, PIDs, Freezer, Kill int
	NotWritable                               []string // directories in which this user cannot make groups
	Err                                       string   // why nothing could be found out
}
