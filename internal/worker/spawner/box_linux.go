// SPDX-License-Identifier: Apache-2.0

package spawner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gustcloud/gust/internal/worker/sandbox"
	"github.com/gustcloud/gust/internal/worker/spawner/cgroup"
	"github.com/gustcloud/gust/internal/worker/spawner/initproto"
	"github.com/gustcloud/gust/internal/worker/spawner/packet"
	"github.com/gustcloud/gust/internal/worker/spawner/tmpimage"
)

const (
	firstID   = 1 << 20          // host user and group id of root in the first sandbox
	idsEach   = 1024             // ids of one sandbox
	maxSlots  = 1 << 20          // sandboxes at a time; the last id is below 2^31
	bootLimit = 10 * time.Second // for the two answers of PID 1 at start
)

// Files under /proc that tell about the host or its kernel, and directories that must not be written.
var (
	procMasks = []string{
		"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/kallsyms", "/proc/latency_stats", "/proc/scsi",
		"/proc/sched_debug", "/proc/timer_list", "/proc/timer_stats", "/proc/modules", "/proc/cmdline", "/proc/interrupts",
		"/proc/pressure", // also writable by everyone: a trigger is work for the host's kernel
	}
	procReadOnly = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
)

// prepare makes a parked sandbox. It answers the socket of its PID 1 and what control files the server uses by itself.
// What it made before an error is released by the caller.
func (s *service) prepare(ctx context.Context, b *box, t sandbox.Template) (answer, []*os.File, error) {
	tree, err := s.trees.of(t)
	if err != nil {
		return answer{}, nil, err
	}
	if b.group, err = s.groups.New(s.instance+"-"+b.id, cgroup.Limits{}); err != nil {
		return answer{}, nil, fmt.Errorf("make the control group: %w", err)
	}
	ours, theirs, err := packet.Pair()
	if err != nil {
		return answer{}, nil, err
	}
	defer func() { _ = theirs.Close() }()
	conn, err := packet.New(ours)
	if err != nil {
		return answer{}, nil, err
	}
	defer func() { _ = conn.Close() }()
	// Two long waits that are independent: a file system is made, and namespaces.
	var tmpErr error
	var tmpMade sync.WaitGroup
	tmpMade.Go(func() { tmpErr = s.firstTmp(ctx, b, t.EphemeralMB) })
	var listeners []*os.File
	err = s.ns.inNew(func() error {
		if err := s.clone(b, theirs); err != nil {
			return err
		}
		var err error
		listeners, err = listenAll(t.Listeners) // while PID 1 starts
		return err
	})
	tmpMade.Wait()
	if err = errors.Join(err, tmpErr); err == nil {
		err = s.boot(b, conn, tree)
	}
	var server *os.File
	if err == nil {
		if server, err = conn.File(); err != nil {
			err = fmt.Errorf("pass the socket of PID 1: %w", err)
		}
	}
	if err != nil {
		packet.CloseAll(listeners)
		return answer{}, nil, err
	}
	a, files := b.describe(s, server)
	a.Listeners = len(listeners)
	return a, append(files, listeners...), nil
}

// describe answers a prepare: the socket of PID 1 and the control files that the server uses by itself.
func (b *box) describe(s *service, server *os.File) (answer, []*os.File) {
	a, files := answer{}, []*os.File{server}
	if ff, err := b.group.FreezeFile(); err == nil {
		a.Freezer = &freezer{Freeze: ff.Freeze, Thaw: ff.Thaw, State: ff.Name(), Frozen: "FROZEN"}
		if s.groups.Freezer.Version == 2 {
			a.Freezer.State, a.Freezer.Frozen = filepath.Join(filepath.Dir(ff.Name()), "cgroup.events"), "frozen 1"
		}
		files = append(files, ff.File)
	}
	if f, err := b.group.QuotaFile(); err == nil {
		a.Quota = s.groups.CPU.Version
		files = append(files, f)
	}
	if tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", b.pid)); err == nil {
		a.Threads = len(tasks)
	}
	counters := b.group.Counters()
	a.Counters = &counters
	return a, files
}

// clone starts PID 1 in namespaces of its own. It runs on the namespace thread, inside the sandbox's network namespace:
// that one belongs to the host's user namespace, so nobody inside has any right over it. The child is born in the
// sandbox's control groups.
func (s *service) clone(b *box, socket *os.File) error {
	dir, err := b.group.CloneDir()
	if err != nil {
		return fmt.Errorf("open the control group: %w", err)
	}
	groupFD := 0
	if dir != nil {
		defer func() { _ = dir.Close() }()
		groupFD = int(dir.Fd())
	}
	defer func() {
		if err := b.group.Leave(); err != nil {
			// Going on would charge other sandboxes to this one.
			fmt.Fprintln(os.Stderr, "spawner:", err)
			os.Exit(1) //nolint:forbidigo // ends every sandbox by their parent death signal
		}
	}()
	if err := b.group.Enter(); err != nil {
		return err
	}
	base := firstID + b.slot*idsEach
	ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: base, Size: idsEach}}
	pid, err := syscall.ForkExec(s.initPath, []string{"gust-init"}, &syscall.ProcAttr{ //nolint:gosec // our own program
		// Four schedulers, so that a thread blocked in a system call never makes another one wait for the monitor.
		Env:   []string{"GOMAXPROCS=4", "GOTRACEBACK=none"},
		Files: []uintptr{s.null.Fd(), s.null.Fd(), os.Stderr.Fd(), socket.Fd()},
		Sys: &syscall.SysProcAttr{
			Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
			Setsid:     true, Pdeathsig: syscall.SIGKILL,
			UseCgroupFD: dir != nil, CgroupFD: groupFD,
			UidMappings: ids, GidMappings: ids, GidMappingsEnableSetgroups: true,
			Credential: &syscall.Credential{Uid: 0, Gid: 0},
		},
	})
	if err != nil {
		return fmt.Errorf("clone PID 1: %w", err)
	}
	b.pid = pid
	return nil
}

// boot talks to PID 1 until the sandbox is parked.
func (s *service) boot(b *box, conn *packet.Conn, tree string) error {
	if err := conn.SetDeadline(s.clock.Now().Add(bootLimit)); err != nil {
		return err
	}
	root, err := unix.OpenTree(unix.AT_FDCWD, tree, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return fmt.Errorf("clone the tree: %w", err)
	}
	mounts := []*os.File{os.NewFile(uintptr(root), tree)}
	defer func() { packet.CloseAll(mounts) }()
	if b.tmp != nil {
		m, err := b.tmpMount()
		if err != nil {
			return err
		}
		mounts = append(mounts, m)
	}
	setup := initproto.Setup{
		Hostname: "169-254-76-1", ProcMasks: procMasks, ProcRO: procReadOnly,
		UID: functionUID, GID: functionGID, TmpAttached: b.tmp != nil,
	}
	if err := conn.Send(initproto.Encode(setup), mounts...); err != nil {
		return fmt.Errorf("set PID 1 up: %w", err)
	}
	// PID 1 was born in its control group: it need not wait for this.
	if err := conn.Send(initproto.Encode(initproto.Bare{Kind: initproto.KindJoin})); err != nil {
		return fmt.Errorf("park PID 1: %w", err)
	}
	if err := ready(conn); err != nil {
		return fmt.Errorf("set PID 1 up: %w", err)
	}
	if err := ready(conn); err != nil {
		return fmt.Errorf("park PID 1: %w", err)
	}
	return conn.SetDeadline(time.Time{})
}

// ready waits for PID 1 to say so, or returns what it failed in.
func ready(conn *packet.Conn) error {
	buf := make([]byte, initproto.MaxMessage)
	n, files, err := conn.Receive(buf)
	packet.CloseAll(files)
	if errors.Is(err, io.EOF) {
		return errors.New("gust-init ended")
	}
	if err != nil {
		return err
	}
	m, err := initproto.Decode(buf[:n])
	if err != nil {
		return err
	}
	switch m := m.(type) {
	case initproto.Bare:
		if m.Kind == initproto.KindReady {
			return nil
		}
	case initproto.Reply:
		return fmt.Errorf("gust-init: %s (%w)", m.Step, syscall.Errno(m.Errno))
	}
	return fmt.Errorf("gust-init sent %T", m)
}

// closeBox ends a sandbox and releases everything of it.
func (s *service) closeBox(ctx context.Context, b *box) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return s.release(ctx, b)
}

// release is called with b.mu held; it may be called again.
func (s *service) release(ctx context.Context, b *box) error {
	if b.closed {
		return nil
	}
	b.closed = true
	var errs []error
	if b.pid != 0 {
		errs = append(errs, b.kill())
	}
	if b.group != nil {
		errs = append(errs, b.group.Remove(ctx))
	}
	if b.tmp != nil {
		errs = append(errs, b.tmp.Close())
	}
	s.mu.Lock()
	delete(s.boxes, b.id)
	s.slots[b.slot] = false
	s.mu.Unlock()
	return errors.Join(errs...)
}

// kill ends PID 1 and waits for it: the kernel ends every process of its PID namespace before it can be reaped. The
// group is killed too, as a thousand processes that fork would keep PID 1 from the CPU.
func (b *box) kill() error {
	if err := unix.Kill(b.pid, unix.SIGKILL); err != nil {
		return fmt.Errorf("kill PID 1: %w", err)
	}
	if b.group != nil {
		if err := b.group.Kill(); err != nil {
			return fmt.Errorf("kill the sandbox: %w", err)
		}
		if err := b.group.Thaw(); err != nil { // a version 1 freezer holds the signal back
			return fmt.Errorf("thaw before the end: %w", err)
		}
	}
	for {
		_, err := unix.Wait4(b.pid, nil, 0, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("wait for PID 1: %w", err)
		}
		b.pid = 0
		return nil
	}
}

// firstTmp makes the /tmp of a template, if it has one.
func (s *service) firstTmp(ctx context.Context, b *box, mb int) error {
	if mb == 0 {
		return nil
	}
	var err error
	if b.tmp, err = s.newTmp(ctx, mb); err != nil {
		return err
	}
	b.tmpSpec = mb
	return nil
}

func (s *service) newTmp(ctx context.Context, mb int) (*tmpimage.Image, error) {
	image, err := s.tmps.New(ctx, tmpimage.Spec{MB: mb, UID: functionUID, GID: functionGID, Mode: 0o1777})
	if err != nil {
		return nil, fmt.Errorf("make a /tmp of %d MB: %w", mb, err)
	}
	return image, nil
}
