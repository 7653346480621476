// SPDX-License-Identifier: Apache-2.0

package linux

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"

	"github.com/gustcloud/gust/internal/worker/sandbox"
	"github.com/gustcloud/gust/internal/worker/spawner"
	"github.com/gustcloud/gust/internal/worker/spawner/cgroup"
	"github.com/gustcloud/gust/internal/worker/spawner/initproto"
	"github.com/gustcloud/gust/internal/worker/spawner/packet"
)

// box implements sandbox.Sandbox.
type box struct {
	driver *Driver
	id     string
	init   *initClient
	run    sync.WaitGroup // init.receive

	// freezing orders Freeze and Thaw; it is never held while waiting for mu.
	freezing sync.Mutex
	freezer  *spawner.Freezer // nil when the host has none
	frozen   bool

	quota *cgroup.Quota // of CPU time; nil when the host has none
	meter *cgroup.Meter

	threads int // of PID 1, which are not the function's

	mu        sync.Mutex
	state     state
	made      map[sandbox.Address]*os.File // listeners of the template that nobody asked for yet
	listeners []net.Listener
	claiming  <-chan reply // of PID 1, to the claim; nil when Start has read it
	tmpTaken  bool

	closing  sync.Once
	closeErr error
}

type state int

const (
	parked state = iota
	claimed
	closed
)

var (
	_ sandbox.Sandbox    = (*box)(nil)
	_ sandbox.CPULimiter = (*box)(nil)
)

func newBox(d *Driver, id string, t sandbox.Template, p spawner.Prepared) *box {
	b := &box{
		driver: d, id: id, freezer: p.Freezer, quota: p.Quota, meter: p.Meter, threads: p.Threads,
		made: make(map[sandbox.Address]*os.File, len(p.Listeners)),
	}
	for i, f := range p.Listeners {
		b.made[t.Listeners[i]] = f
	}
	b.init = newInitClient(p.Init, b.oom)
	b.run.Go(b.init.receive)
	return b
}

// ID returns 16 hexadecimal digits.
func (b *box) ID() string { return b.id }

// Paths are AWS's.
func (b *box) Paths() sandbox.Paths {
	return sandbox.Paths{Task: "/var/task", Runtime: "/var/runtime", Opt: "/opt", Tmp: "/tmp"}
}

// Listen makes a listener in the sandbox's network namespace.
func (b *box) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	at := sandbox.Address{Network: network, Address: address}
	b.mu.Lock()
	f := b.made[at]
	delete(b.made, at)
	b.mu.Unlock()
	if f == nil {
		var err error
		if f, err = b.driver.client.Listen(ctx, b.id, network, address); err != nil {
			return nil, fmt.Errorf("listen on %s inside %s: %w", address, b.id, err)
		}
	}
	defer func() { _ = f.Close() }() // FileListener duplicates it
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("listen on %s inside %s: %w", address, b.id, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == closed {
		return nil, errors.Join(sandbox.ErrClosed, l.Close())
	}
	b.listeners = append(b.listeners, l)
	return l, nil
}

// Claim gives the sandbox its function.
func (b *box) Claim(ctx context.Context, c sandbox.Claim) error {
	b.mu.Lock()
	if b.state == closed {
		b.mu.Unlock()
		return sandbox.ErrClosed
	}
	if b.state != parked {
		b.mu.Unlock()
		return fmt.Errorf("sandbox %s is claimed already", b.id)
	}
	b.state = claimed
	b.mu.Unlock()
	tmp, err := tmpID(c.Tmp)
	if err != nil {
		return err
	}
	m, err := b.driver.client.Claim(ctx, b.id, c, tmp)
	if err != nil {
		return fmt.Errorf("claim sandbox %s: %w", b.id, err)
	}
	defer packet.CloseAll(m.Files)
	// PID 1 attaches the mounts while the caller prepares its command; Start waits for its reply.
	p, err := b.init.send(func(seq uint32) initproto.Message {
		return initproto.Claim{Seq: seq, Targets: m.Targets, Replace: m.Replace, Files: uint32(max(0, c.Files))}
	}, m.Files...)
	if err != nil {
		return fmt.Errorf("claim sandbox %s: %w", b.id, err)
	}
	b.mu.Lock()
	b.claiming = p.done
	b.mu.Unlock()
	return nil
}

// awaitClaim returns how the claim went in PID 1, to the first caller after it. PID 1 starts nothing after one that
// failed.
func (b *box) awaitClaim(ctx context.Context) error {
	b.mu.Lock()
	done := b.claiming
	b.claiming = nil
	b.mu.Unlock()
	if done == nil {
		return nil
	}
	select {
	case r := <-done:
		switch {
		case r.err != nil:
			return fmt.Errorf("claim sandbox %s: %w", b.id, r.err)
		case r.m.Errno != 0:
			return fmt.Errorf("claim sandbox %s: %s: %w", b.id, r.m.Step, syscall.Errno(r.m.Errno))
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Start runs a process as the function's user.
func (b *box) Start(ctx context.Context, c sandbox.Command) (sandbox.Process, error) {
	b.mu.Lock()
	s := b.state
	b.mu.Unlock()
	switch s {
	case parked:
		return nil, fmt.Errorf("sandbox %s is not claimed", b.id)
	case closed:
		return nil, sandbox.ErrClosed
	case claimed:
	}
	out, err := outputs(c)
	if err != nil {
		return nil, err
	}
	p, err := b.init.send(func(seq uint32) initproto.Message {
		return initproto.Start{Seq: seq, Path: c.Path, Dir: c.Dir, Args: c.Args, Env: c.Env}
	}, out.files[:]...)
	out.close()
	if cerr := b.awaitClaim(ctx); cerr != nil {
		return nil, cerr
	}
	var r reply
	if err == nil {
		r, err = b.init.wait(ctx, p)
	}
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		return nil, &sandbox.StartError{Path: c.Path, Err: errno}
	}
	if err != nil {
		return nil, fmt.Errorf("start %s in %s: %w", c.Path, b.id, err)
	}
	if r.m.Errno != 0 {
		return nil, &sandbox.StartError{Path: c.Path, Err: syscall.Errno(r.m.Errno)}
	}
	r.proc.thaw = b.thaw
	return r.proc, nil
}

// outs are the two files of a command; what the command leaves nil is the null device.
type outs struct {
	files [2]*os.File
	null  *os.File
}

func outputs(c sandbox.Command) (outs, error) {
	o := outs{files: [2]*os.File{c.Stdout, c.Stderr}}
	for i, f := range o.files {
		if f != nil {
			continue
		}
		if o.null == nil {
			var err error
			if o.null, err = os.OpenFile(os.DevNull, os.O_WRONLY, 0); err != nil {
				return outs{}, fmt.Errorf("open the null device: %w", err)
			}
		}
		o.files[i] = o.null
	}
	return o, nil
}

func (o outs) close() {
	if o.null != nil {
		_ = o.null.Close()
	}
}

// Freeze stops every process inside, PID 1 too.
func (b *box) Freeze(ctx context.Context) error {
	b.freezing.Lock()
	defer b.freezing.Unlock()
	if b.isClosed() {
		return sandbox.ErrClosed
	}
	if b.frozen {
		return nil
	}
	if b.freezer == nil {
		return fmt.Errorf("freeze %s: %w by this host", b.id, errors.ErrUnsupported)
	}
	b.frozen = true // also when the wait fails: the request stands until Thaw
	if err := b.freezer.Freeze(ctx, b.driver.clock); err != nil {
		return fmt.Errorf("freeze %s: %w", b.id, err)
	}
	return nil
}

// Thaw lets them go on.
func (b *box) Thaw(context.Context) error { return b.thaw() }

func (b *box) thaw() error {
	b.freezing.Lock()
	defer b.freezing.Unlock()
	if b.isClosed() {
		return sandbox.ErrClosed
	}
	if !b.frozen {
		return nil
	}
	if err := b.freezer.Thaw(); err != nil {
		return fmt.Errorf("thaw %s: %w", b.id, err)
	}
	b.frozen = false
	return nil
}

// Stats reads the counters.
func (b *box) Stats() (sandbox.Stats, error) {
	if b.isClosed() {
		return sandbox.Stats{}, sandbox.ErrClosed
	}
	st, err := b.meter.Stats()
	if err != nil && b.isClosed() { // at the same moment
		return sandbox.Stats{}, sandbox.ErrClosed
	}
	if err != nil {
		return sandbox.Stats{}, fmt.Errorf("read the counters of %s: %w", b.id, err)
	}
	out := sandbox.Stats{CPU: st.CPU, MemoryPeak: st.MemoryPeak, OOMKills: st.OOMKills, PIDs: st.PIDs}
	if out.PIDs > 0 {
		out.PIDs = max(0, out.PIDs-b.threads)
	}
	return out, nil
}

// SetCPU replaces the share of CPU time. On a host without the limit nothing happens, as in Claim.
func (b *box) SetCPU(_ context.Context, cores float64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == closed {
		return sandbox.ErrClosed
	}
	if b.quota == nil {
		return nil
	}
	return b.quota.Set(cores)
}

func (b *box) oom() bool {
	st, err := b.Stats()
	return err == nil && st.OOMKills > 0
}

func (b *box) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state == closed
}

// abandon ends what is left of a sandbox whose spawner has gone: PID 1 exits at the end of its socket.
func (b *box) abandon() {
	b.freezing.Lock()
	if b.freezer != nil {
		_ = b.freezer.Thaw()
	}
	b.freezing.Unlock()
	_ = b.init.conn.Close()
}

// Close ends the sandbox.
func (b *box) Close() error {
	b.closing.Do(func() { b.closeErr = b.close() })
	return b.closeErr
}

func (b *box) close() error {
	b.mu.Lock()
	b.state = closed
	listeners, made := b.listeners, b.made
	b.made = nil
	b.mu.Unlock()
	var errs []error
	for _, f := range made {
		errs = append(errs, f.Close())
	}
	for _, l := range listeners {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	// The spawner kills PID 1 and waits; receive sees the socket end after the last exit was reported.
	if err := b.driver.client.CloseSandbox(b.id); err != nil && !errors.Is(err, sandbox.ErrClosed) {
		errs = append(errs, fmt.Errorf("close %s: %w", b.id, err))
	}
	_ = b.init.conn.Close()
	b.run.Wait()
	b.freezing.Lock()
	if b.freezer != nil {
		errs = append(errs, b.freezer.Close())
	}
	b.freezing.Unlock()
	if b.quota != nil {
		errs = append(errs, b.quota.Close())
	}
	b.driver.forget(b)
	return errors.Join(errs...)
}
