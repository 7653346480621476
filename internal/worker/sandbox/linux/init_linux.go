// SPDX-License-Identifier: Apache-2.0

package linux

import (
	"context"
	"fmt"
	"os"
	"sync"
	"syscall"

	"github.com/gustcloud/gust/internal/worker/sandbox"
	"github.com/gustcloud/gust/internal/worker/spawner/initproto"
	"github.com/gustcloud/gust/internal/worker/spawner/packet"
)

// initClient speaks to the PID 1 of one sandbox.
type initClient struct {
	conn *packet.Conn
	oom  func() bool // whether the kernel killed a process for the memory limit

	mu    sync.Mutex
	seq   uint32
	calls map[uint32]chan reply
	procs map[uint32]*process
	gone  bool
	ended chan struct{} // closed when PID 1 has gone and every process is reported
}

type reply struct {
	m    initproto.Reply
	proc *process
	err  error
}

func newInitClient(conn *packet.Conn, oom func() bool) *initClient {
	return &initClient{
		conn: conn, oom: oom, ended: make(chan struct{}),
		calls: map[uint32]chan reply{}, procs: map[uint32]*process{},
	}
}

// pending is a packet whose reply is to come.
type pending struct {
	seq  uint32
	done chan reply
}

// send sends what build makes of a sequence number. PID 1 handles packets in their order.
func (c *initClient) send(build func(seq uint32) initproto.Message, files ...*os.File) (pending, error) {
	done := make(chan reply, 1)
	c.mu.Lock()
	if c.gone {
		c.mu.Unlock()
		return pending{}, sandbox.ErrClosed
	}
	c.seq++
	seq := c.seq
	c.calls[seq] = done
	c.mu.Unlock()
	p := initproto.Encode(build(seq))
	if len(p) > initproto.MaxMessage {
		c.drop(seq)
		return pending{}, syscall.E2BIG // what execve answers to too long arguments
	}
	if err := c.conn.Send(p, files...); err != nil {
		c.drop(seq)
		return pending{}, fmt.Errorf("%w: send to PID 1: %v", sandbox.ErrClosed, err) //nolint:errorlint // its errno is not the command's
	}
	return pending{seq, done}, nil
}

// wait returns the reply.
func (c *initClient) wait(ctx context.Context, p pending) (reply, error) {
	select {
	case r := <-p.done:
		return r, r.err
	case <-ctx.Done():
		// The reply may still come; a process that it names is registered all the same and dies with the sandbox.
		c.drop(p.seq)
		return reply{}, context.Cause(ctx)
	}
}

func (c *initClient) drop(seq uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.calls, seq)
}

// receive handles the packets of PID 1 until it ends; then every process has ended.
func (c *initClient) receive() {
	buf := make([]byte, 4096) // replies and exits are short; one that is longer ends the sandbox
	for {
		n, files, err := c.conn.Receive(buf)
		if err != nil {
			break
		}
		packet.CloseAll(files)
		m, err := initproto.Decode(buf[:n])
		if err != nil || !c.handle(m) {
			break // PID 1 does not speak our language: what runs there is not trusted any more
		}
	}
	_ = c.conn.Close()
	c.mu.Lock()
	c.gone = true
	calls, procs := c.calls, c.procs
	c.calls, c.procs = nil, nil
	c.mu.Unlock()
	for _, done := range calls {
		done <- reply{err: sandbox.ErrClosed}
	}
	for _, p := range procs {
		p.end(sandbox.Exit{Code: -1, Signal: syscall.SIGKILL, OOM: c.oom()})
	}
	close(c.ended)
}

func (c *initClient) handle(m initproto.Message) bool {
	switch m := m.(type) {
	case initproto.Reply:
		c.mu.Lock()
		defer c.mu.Unlock()
		r := reply{m: m}
		if m.PID != 0 && m.Errno == 0 {
			r.proc = &process{client: c, pid: m.PID, done: make(chan struct{})}
			c.procs[m.PID] = r.proc
		}
		if done, ok := c.calls[m.Seq]; ok {
			delete(c.calls, m.Seq)
			done <- r
		}
		return true
	case initproto.Exit:
		c.mu.Lock()
		p, ok := c.procs[m.PID]
		delete(c.procs, m.PID)
		c.mu.Unlock()
		if ok {
			p.end(c.exit(m))
		}
		return true
	default:
		return false
	}
}

func (c *initClient) exit(m initproto.Exit) sandbox.Exit {
	if m.Signal == 0 {
		return sandbox.Exit{Code: int(m.Code)}
	}
	e := sandbox.Exit{Code: -1, Signal: syscall.Signal(m.Signal)}
	e.OOM = e.Signal == syscall.SIGKILL && c.oom()
	return e
}

// process implements sandbox.Process.
type process struct {
	client *initClient
	pid    uint32
	thaw   func() error
	done   chan struct{}
	exit   sandbox.Exit // set before done is closed
}

var _ sandbox.Process = (*process)(nil)

func (p *process) end(e sandbox.Exit) {
	p.exit = e
	close(p.done)
}

// Done is closed when the process has ended.
func (p *process) Done() <-chan struct{} { return p.done }

// Exit tells how it ended; it waits for the end.
func (p *process) Exit() sandbox.Exit {
	<-p.done
	return p.exit
}

// Signal sends sig. A frozen sandbox is thawed: PID 1, which delivers signals, is frozen with the others.
func (p *process) Signal(sig syscall.Signal) error {
	select {
	case <-p.done:
		return nil
	default:
	}
	err := p.client.conn.Send(initproto.Encode(initproto.Signal{PID: p.pid, Signal: uint32(sig)}))
	if err != nil {
		select {
		case <-p.client.ended: // it ended at the same moment
			return nil
		default:
			return fmt.Errorf("send a signal: %w", err)
		}
	}
	return p.thaw()
}
