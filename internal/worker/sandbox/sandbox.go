// SPDX-License-Identifier: Apache-2.0

// Package sandbox is the contract between the worker and the drivers that isolate functions from the host and from each
// other. Drivers: linux (default), process (no isolation, only when asked for by name). One suite for all: sandboxtest.
//
// A sandbox goes through three steps: Prepare makes it without knowing its function ("parked"), Claim gives it one
// function's code, limits and /tmp, Start runs processes in it. Nothing above a driver knows how isolation works.
package sandbox

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// Driver makes sandboxes. It is safe for concurrent use.
type Driver interface {
	Name() string // "linux", "process"
	// Limits tells which limits bite on this host, for `gust doctor` and honest REPORT lines.
	Limits() Limits
	// Prepare makes a parked sandbox; the caller Closes it. ctx bounds only the call.
	Prepare(ctx context.Context, t Template) (Sandbox, error)
	// Close kills what is left of every sandbox and waits for it.
	Close() error
}

// Limits is what a driver enforces on this host.
type Limits struct {
	Isolation bool // namespaces, own root, seccomp
	Memory    bool // OOM kill at MemoryMB
	CPU       bool // share = MemoryMB / 1,769 of a core
	PIDs      bool
	Freeze    bool
	TmpQuota  bool     // ENOSPC at EphemeralMB
	TmpKind   string   // "ext4", "tmpfs" (its pages count against the function's memory), "dir"
	Missing   []string // one line for each limit that is missing: what, why, and what the operator can do
}

// Template is what a parked sandbox has before a function claims it. Sandboxes of equal Templates are interchangeable.
type Template struct {
	Name        string // of the runtime pack: "python3.11"; "" for custom runtimes
	Binds       []Bind // trees and files of the host, seen read-only
	EphemeralMB int    // size of the /tmp that is made in advance
	// Listeners are made with the sandbox where the driver can; Listen hands them out. At most MaxListeners.
	Listeners []Address
}

// MaxListeners bounds Template.Listeners.
const MaxListeners = 4

// Address is what Sandbox.Listen takes.
type Address struct{ Network, Address string }

// Bind shows the host's Source read-only at Target. Targets are absolute and clean; missing parents are made.
type Bind struct{ Source, Target string }

// Sandbox is one isolated place. Its methods are safe for concurrent use; the order is Listen*, Claim, Start*, Close.
type Sandbox interface {
	// ID is unique among the sandboxes of this process: 16 hexadecimal digits.
	ID() string
	// Listen returns a listener that processes inside reach at address: ("tcp", "127.0.0.1:9001") or
	// ("unix", "@name", an abstract socket of the sandbox's network namespace). A driver without namespaces listens
	// elsewhere: Addr tells where, as seen from inside. The listener is closed with the sandbox.
	Listen(ctx context.Context, network, address string) (net.Listener, error)
	// Paths are the places of the tree as processes inside see them.
	Paths() Paths
	// Claim gives the parked sandbox to one function; at most once. A driver may carry it out in part behind the caller's
	// back: what fails there fails the first Start, whose error is then not a StartError.
	Claim(ctx context.Context, c Claim) error
	// Start runs a process in the claimed sandbox; it may be called again (extensions, a runtime's second init).
	Start(ctx context.Context, c Command) (Process, error)
	// Freeze stops every process inside; it returns when all are stopped. Thaw lets them go on.
	Freeze(ctx context.Context) error
	Thaw(ctx context.Context) error
	// Stats reads the counters; fields that the host cannot measure are negative.
	Stats() (Stats, error)
	// TakeTmp hands over /tmp for the Claim of another sandbox (a reset keeps its contents). Processes must have ended
	// or be about to be killed by Close; nil when the driver cannot keep it.
	TakeTmp() Tmp
	// Close kills every process inside, frozen or not, waits for their end and releases everything. Idempotent.
	Close() error
}

// CPULimiter is implemented by sandboxes whose share of CPU time can change after the Claim. Lambda gives a function more
// of it during its first init; without this interface init has the function's own share, and is slower.
type CPULimiter interface {
	// SetCPU replaces Claim.CPU, the share in cores.
	SetCPU(ctx context.Context, cores float64) error
}

// Paths are absolute paths as seen from inside.
type Paths struct {
	Task    string // the function's code: "/var/task"
	Runtime string // our bootstraps: "/var/runtime"
	Opt     string // layers: "/opt"
	Tmp     string // "/tmp"
}

// Claim is what one function adds to a parked sandbox.
type Claim struct {
	Code        string // host directory, seen read-only at Paths.Task
	Runtime     string // host directory, seen read-only at Paths.Runtime; "" for none
	Opt         string // host directory, seen read-only at Paths.Opt; "" for none
	MemoryMB    int
	EphemeralMB int     // a size other than the Template's makes a new /tmp
	CPU         float64 // cores: MemoryMB / 1,769
	PIDs        int     // processes and threads
	Files       int     // open file descriptors for each process
	Tmp         Tmp     // nil: the sandbox's own, empty
}

// Tmp is a /tmp that outlives its sandbox; Close discards it.
type Tmp interface{ Close() error }

// Command is a process to run. Env is complete: nothing of the host's environment is added.
type Command struct {
	Path           string   // executable as seen from inside
	Args           []string // argv, including argv[0]
	Env            []string // "NAME=value"
	Dir            string
	Stdout, Stderr *os.File // write ends, owned by the caller; the driver duplicates what it keeps
}

// Process is a running command.
type Process interface {
	// Done is closed when the process has ended; then Exit tells how.
	Done() <-chan struct{}
	Exit() Exit
	// Signal is a no-op for an ended process.
	Signal(sig syscall.Signal) error
}

// Exit tells how a process ended.
type Exit struct {
	Code   int            // exit status; -1 when a signal ended it
	Signal syscall.Signal // 0 when it exited by itself
	OOM    bool           // the kernel killed a process of this sandbox for its memory limit
}

// Stats are cumulative since the Claim.
type Stats struct {
	CPU        time.Duration // user and system time of all processes
	MemoryPeak int64         // bytes; peak of anonymous and shared memory, page cache not counted
	OOMKills   int
	PIDs       int // now
}

// ErrClosed is returned by methods of a sandbox that was closed or whose processes were killed under it.
var ErrClosed = errors.New("sandbox is closed")

// StartError is a Command that could not be executed: the function's fault, not the host's.
type StartError struct {
	Path string
	Err  error // syscall.ENOENT, EACCES, ENOEXEC, ...
}

func (e *StartError) Error() string { return "start " + e.Path + ": " + e.Err.Error() }

// Unwrap returns the errno.
func (e *StartError) Unwrap() error { return e.Err }
