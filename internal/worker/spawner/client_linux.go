// SPDX-License-Identifier: Apache-2.0

package spawner

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gustcloud/gust/internal/worker/sandbox"
	"github.com/gustcloud/gust/internal/worker/spawner/packet"
)

// Options say how to start the spawner.
type Options struct {
	Executable string // a program that calls Main for its arguments after "spawner"
	Init       []byte // gust-init
	RunDir     string // directory of this server alone: lock and /tmp images
	Log        *slog.Logger
}

// Client is the server's end of a spawner. It is safe for concurrent use.
type Client struct {
	conn *packet.Conn
	cmd  *exec.Cmd
	log  *slog.Logger
	work sync.WaitGroup // receive, and the reader of what the spawner says

	mu    sync.Mutex
	seq   uint64
	calls map[uint64]*call
	gone  error // set when the spawner has gone
	done  chan struct{}
}

type call struct {
	op        op
	id        string
	done      chan reply // capacity 1
	abandoned bool       // nobody waits: files are closed, a sandbox that was prepared is closed again
}

type reply struct {
	a     answer
	files []*os.File
	err   error
}

// Start starts a spawner. It does not wait for it: the first call does.
func Start(o Options) (*Client, error) {
	ours, theirs, err := packet.Pair()
	if err != nil {
		return nil, err
	}
	defer func() { _ = theirs.Close() }()
	conn, err := packet.New(ours)
	if err != nil {
		return nil, err
	}
	program, err := initFile(o.Init)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	defer func() { _ = program.Close() }()
	said, stderr, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a pipe: %w", err), conn.Close())
	}
	defer func() { _ = stderr.Close() }()
	cmd := exec.Command(o.Executable, "spawner", "--run-dir", o.RunDir) //nolint:gosec,noctx // our own program; it ends with the socket
	cmd.Args[0] = "gust"
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	cmd.Dir = "/"
	cmd.Stderr = stderr
	cmd.ExtraFiles = []*os.File{theirs, program}
	// A session of its own keeps the terminal's signals away; a mount namespace of its own takes every mount with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Cloneflags: unix.CLONE_NEWNS}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the spawner: %w", err), conn.Close(), said.Close())
	}
	c := &Client{conn: conn, cmd: cmd, log: o.Log, calls: map[uint64]*call{}, done: make(chan struct{})}
	c.work.Go(c.receive)
	c.work.Go(func() { c.relay(said) })
	return c, nil
}

// Done is closed when the spawner has gone, and every sandbox with it.
func (c *Client) Done() <-chan struct{} { return c.done }

// Close makes the spawner end every sandbox and waits for it. A death that calls have reported already is no error.
func (c *Client) Close() error {
	c.mu.Lock()
	reported := c.gone != nil
	c.mu.Unlock()
	err := c.conn.Close() // ends receive, whose last act is to wait for the process
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	c.work.Wait()
	if !reported && c.cmd.ProcessState != nil && !c.cmd.ProcessState.Success() {
		return errors.Join(err, fmt.Errorf("the spawner ended with %s", c.cmd.ProcessState))
	}
	return err
}

// call sends a request and waits for its answer, or for ctx.
func (c *Client) call(ctx context.Context, r request) (answer, []*os.File, error) {
	return c.exchange(r, ctx.Done(), func() error { return context.Cause(ctx) })
}

// exchange is call with what ends the wait; a nil channel never does.
func (c *Client) exchange(r request, stop <-chan struct{}, cause func() error) (answer, []*os.File, error) {
	w := &call{op: r.Op, id: r.ID, done: make(chan reply, 1)}
	c.mu.Lock()
	if c.gone != nil {
		c.mu.Unlock()
		return answer{}, nil, c.gone
	}
	c.seq++
	r.Seq = c.seq
	c.calls[r.Seq] = w
	c.mu.Unlock()
	p, err := json.Marshal(r)
	if err == nil && len(p) > maxPacket {
		err = errors.New("the request is too long")
	}
	if err == nil {
		err = c.conn.Send(p)
	}
	if err != nil {
		c.take(r.Seq)
		return answer{}, nil, fmt.Errorf("ask the spawner to %s: %w", r.Op, err)
	}
	select {
	case got := <-w.done:
		return got.result(r.Op)
	case <-stop:
		c.mu.Lock()
		_, waiting := c.calls[r.Seq]
		w.abandoned = waiting
		c.mu.Unlock()
		if !waiting { // the answer came at the same moment
			got := <-w.done
			return got.result(r.Op)
		}
		return answer{}, nil, cause()
	}
}

func (r reply) result(o op) (answer, []*os.File, error) {
	if r.err != nil {
		return answer{}, nil, r.err
	}
	if r.a.Error == "" {
		return r.a, r.files, nil
	}
	packet.CloseAll(r.files)
	switch {
	case r.a.Error == sandbox.ErrClosed.Error():
		return answer{}, nil, sandbox.ErrClosed
	case r.a.Errno != 0:
		return answer{}, nil, &Error{Op: string(o), Text: r.a.Error, Errno: syscall.Errno(r.a.Errno)}
	default:
		return answer{}, nil, &Error{Op: string(o), Text: r.a.Error}
	}
}

// Error is a request that the spawner could not carry out.
type Error struct {
	Op    string
	Text  string
	Errno syscall.Errno // 0 when the kernel gave none
}

func (e *Error) Error() string { return "spawner: " + e.Op + ": " + e.Text }

// Unwrap returns the errno.
func (e *Error) Unwrap() error {
	if e.Errno == 0 {
		return nil
	}
	return e.Errno
}

func (c *Client) take(seq uint64) *call {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.calls[seq]
	delete(c.calls, seq)
	return w
}

// receive hands answers out until the socket ends, then waits for the process.
func (c *Client) receive() {
	buf := make([]byte, maxPacket)
	var err error
	for {
		var n int
		var files []*os.File
		if n, files, err = c.conn.Receive(buf); err != nil {
			break
		}
		var a answer
		if err = json.Unmarshal(buf[:n], &a); err != nil {
			packet.CloseAll(files)
			break
		}
		if w := c.take(a.Seq); w != nil {
			c.deliver(w, reply{a: a, files: files})
		} else {
			packet.CloseAll(files)
		}
	}
	_ = c.conn.Close()
	if werr := c.cmd.Wait(); werr != nil {
		err = werr
	}
	c.mu.Lock()
	c.gone = fmt.Errorf("%w: the spawner has gone: %w", sandbox.ErrClosed, err)
	calls := c.calls
	c.calls = nil
	c.mu.Unlock()
	for _, w := range calls {
		w.done <- reply{err: c.gone}
	}
	close(c.done)
}

func (c *Client) deliver(w *call, r reply) {
	c.mu.Lock()
	abandoned := w.abandoned
	if abandoned && w.op == opPrepare && r.a.Error == "" {
		c.seq++
		if p, err := json.Marshal(request{Seq: c.seq, Op: opClose, ID: w.id}); err == nil {
			_ = c.conn.Send(p)
		}
	}
	c.mu.Unlock()
	if abandoned {
		packet.CloseAll(r.files)
		return
	}
	w.done <- r
}

// relay logs what the spawner and the inits say: something went wrong.
func (c *Client) relay(said *os.File) {
	defer func() { _ = said.Close() }()
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		c.log.Warn("spawner", "said", lines.Text())
	}
}
