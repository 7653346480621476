// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/gustcloud/gust/internal/worker/sandbox"
)

// box implements sandbox.Sandbox.
type box struct {
	driver   *Driver
	id       string
	root     string
	template sandbox.Template

	mu      sync.Mutex
	claimed bool
	closed  bool
	frozen  bool
	procs   []*proc
	lns     []net.Listener
	tmp     *tmpDir
}

func (b *box) ID() string { return b.id }

// Listen listens on a free port of the loopback interface, or on an abstract socket whose name holds the sandbox's id.
func (b *box) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	switch {
	case network == "tcp":
		address = "127.0.0.1:0"
	case network == "unix" && strings.HasPrefix(address, "@"):
		address = b.socketName(address[1:])
	default:
		return nil, fmt.Errorf("listen on %s %s: %w", network, address, errors.ErrUnsupported)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("listen in sandbox: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, errors.Join(sandbox.ErrClosed, l.Close())
	}
	b.lns = append(b.lns, l)
	return l, nil
}

func (b *box) Paths() sandbox.Paths {
	return sandbox.Paths{
		Task: filepath.Join(b.root, "task"), Runtime: filepath.Join(b.root, "runtime"),
		Opt: filepath.Join(b.root, "opt"), Tmp: b.currentTmp(),
	}
}

func (b *box) currentTmp() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tmp == nil {
		return filepath.Join(b.root, "tmp")
	}
	return b.tmp.path
}

// Claim links the function's directories into the tree. MemoryMB, CPU, PIDs, Files and EphemeralMB have no effect.
func (b *box) Claim(ctx context.Context, c sandbox.Claim) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return sandbox.ErrClosed
	case b.claimed:
		return errors.New("sandbox was claimed before")
	}
	b.claimed = true
	for _, dir := range []struct{ source, name string }{{c.Code, "task"}, {c.Runtime, "runtime"}, {c.Opt, "opt"}} {
		target := filepath.Join(b.root, dir.name)
		var err error
		if dir.source == "" {
			err = os.Mkdir(target, 0o700)
		} else {
			err = os.Symlink(dir.source, target)
		}
		if err != nil {
			return fmt.Errorf("claim sandbox: %w", err)
		}
	}
	if c.Tmp != nil {
		old, ok := c.Tmp.(*tmpDir)
		if !ok {
			return errors.New("claim sandbox: Tmp of another driver")
		}
		if err := b.tmp.Close(); err != nil {
			return fmt.Errorf("claim sandbox: %w", err)
		}
		b.tmp = old
	}
	return nil
}

// Start runs a process in its own process group.
func (b *box) Start(ctx context.Context, c sandbox.Command) (sandbox.Process, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return nil, sandbox.ErrClosed
	case !b.claimed:
		return nil, errors.New("start in a sandbox that was not claimed")
	}
	cmd := &exec.Cmd{
		Path: b.hostPath(c.Path), Args: c.Args, Env: append([]string{}, c.Env...), Dir: b.hostPath(c.Dir),
		Stdout: c.Stdout, Stderr: c.Stderr,
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}
	if err := cmd.Start(); err != nil {
		return nil, startError(c.Path, err)
	}
	p := &proc{cmd: cmd, pid: cmd.Process.Pid, done: make(chan struct{})}
	b.procs = append(b.procs, p)
	go p.wait() // ends with the process; Close kills it and waits for done
	return p, nil
}

// hostPath translates a path that only a Bind of the template would show: what the host has is used as it is.
func (b *box) hostPath(path string) string {
	if _, err := os.Lstat(path); err == nil {
		return path
	}
	for _, bind := range b.template.Binds {
		if path == bind.Target {
			return bind.Source
		}
		if rest, ok := strings.CutPrefix(path, bind.Target+"/"); ok {
			return filepath.Join(bind.Source, rest)
		}
	}
	return path
}

func startError(path string, err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return &sandbox.StartError{Path: path, Err: errno}
	}
	return fmt.Errorf("start %s: %w", path, err)
}

// Freeze sends SIGSTOP to the process groups and waits until the processes that Start made have stopped.
func (b *box) Freeze(ctx context.Context) error {
	if err := b.signal(syscall.SIGSTOP, true); err != nil {
		return err
	}
	for _, p := range b.running() {
		if err := b.awaitStop(ctx, p.pid); err != nil {
			return err
		}
	}
	return nil
}

// Thaw sends SIGCONT.
func (b *box) Thaw(context.Context) error { return b.signal(syscall.SIGCONT, false) }

func (b *box) signal(sig syscall.Signal, frozen bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return sandbox.ErrClosed
	}
	b.frozen = frozen
	for _, p := range b.procs {
		p.signalGroup(sig)
	}
	return nil
}

func (b *box) running() []*proc {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []*proc
	for _, p := range b.procs {
		select {
		case <-p.done:
		default:
			out = append(out, p)
		}
	}
	return out
}

// TakeTmp hands over the directory.
func (b *box) TakeTmp() sandbox.Tmp {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tmp == nil {
		return nil
	}
	t := b.tmp
	if moved, err := t.moveOut(b.driver.deps.Dir, b.id); err == nil {
		t = moved
	} else {
		return nil
	}
	b.tmp = nil
	return t
}

// Close kills the process groups, waits for the processes and removes the tree.
func (b *box) Close() error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil
	}
	b.closed = true
	for _, l := range b.lns {
		_ = l.Close() // the server of the listener may have closed it
	}
	procs := b.procs
	for _, p := range procs {
		p.signalGroup(syscall.SIGKILL) // a stopped process dies of it too
	}
	tmp := b.tmp
	b.mu.Unlock()
	for _, p := range procs {
		<-p.done
		p.killGroup()
	}
	b.driver.forget(b.id)
	var err error
	if tmp != nil {
		err = tmp.Close()
	}
	return errors.Join(err, os.RemoveAll(b.root))
}

// tmpDir is a /tmp: a plain directory.
type tmpDir struct{ path string }

// moveOut renames the directory out of its sandbox's tree. Processes that are about to die keep it open.
func (t *tmpDir) moveOut(dir, id string) (*tmpDir, error) {
	to := filepath.Join(dir, "tmp-"+id)
	if err := os.Rename(t.path, to); err != nil {
		return nil, fmt.Errorf("keep /tmp: %w", err)
	}
	return &tmpDir{path: to}, nil
}

// Close removes the directory.
func (t *tmpDir) Close() error { return os.RemoveAll(t.path) }
