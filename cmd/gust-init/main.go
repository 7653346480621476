// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Command gust-init is PID 1 inside a sandbox. It builds the root file system, waits on its socket for a claim, starts
// processes from a thread that has lost its privileges, reaps what ends, and dies with the socket. It decides nothing:
// the spawner and the server tell it what to do (package initproto is the wire). It is started from a memfd by the
// spawner only, links little and starts in about a millisecond. Read main.go, rootfs.go, limits.go, starter.go.
package main

import (
	"errors"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gustcloud/gust/internal/worker/spawner/initproto"
)

// socketFD is the control socket; the spawner places it there.
const socketFD = 3

// initProcess is the state of PID 1.
type initProcess struct {
	starter starter
	broken  bool // a claim failed: nothing is started in a half-made root

	mu      sync.Mutex          // guards started and orders packets: a Start's Reply before its process's Exit
	started map[uint32]struct{} // processes whose end the server waits for
	forked  chan struct{}       // wakes the reaper when there may be children again; capacity 1
}

func main() {
	// The main thread keeps the privileges (inside the user namespace); only the starter's thread drops them.
	runtime.LockOSThread()
	p := &initProcess{started: map[uint32]struct{}{}, forked: make(chan struct{}, 1)}
	setup, err := boot()
	if err == nil {
		err = p.starter.begin(setup.UID, setup.GID)
	}
	if err != nil {
		p.send(initproto.Reply{Errno: errno(err), Step: err.Error()}) // the spawner waits for a Ready
		syscall.Exit(1)
	}
	p.send(initproto.Bare{Kind: initproto.KindReady})
	go p.reap()
	p.serve()
}

// boot sets the sandbox up as the spawner says. The spawner's second packet means that this process is in its control
// group; only then may it make a control group namespace, whose root is the group it is in.
func boot() (initproto.Setup, error) {
	unix.CloseOnExec(socketFD)
	if err := unix.CloseRange(socketFD+1, ^uint(0), 0); err != nil {
		return initproto.Setup{}, err
	}
	m, fds, err := receive()
	if err != nil {
		return initproto.Setup{}, err
	}
	setup, ok := m.(initproto.Setup)
	if !ok || len(fds) < 1 || len(fds) > 2 || (len(fds) == 2) != setup.TmpAttached {
		return initproto.Setup{}, initproto.ErrMalformed
	}
	if err := buildRoot(setup, fds); err != nil {
		return initproto.Setup{}, err
	}
	if err := unix.Sethostname([]byte(setup.Hostname)); err != nil {
		return initproto.Setup{}, err
	}
	if err := limitProcesses(); err != nil {
		return initproto.Setup{}, step("limit processes", err)
	}
	if err := sendPacket(initproto.Bare{Kind: initproto.KindReady}); err != nil {
		return initproto.Setup{}, err
	}
	m, _, err = receive()
	if err != nil {
		return initproto.Setup{}, err
	}
	if b, ok := m.(initproto.Bare); !ok || b.Kind != initproto.KindJoin {
		return initproto.Setup{}, initproto.ErrMalformed
	}
	return setup, nil
}

// serve handles the server's packets until the socket closes; then PID 1 exits and the kernel kills all others.
func (p *initProcess) serve() {
	for {
		m, fds, err := receive()
		if err != nil {
			fail("receive", err)
		}
		switch m := m.(type) {
		case initproto.Claim:
			r := claim(m, fds)
			p.broken = p.broken || r.Errno != 0
			p.send(r)
		case initproto.Start:
			p.start(m, fds)
		case initproto.Signal:
			p.signal(m)
		default:
			fail("receive", initproto.ErrMalformed)
		}
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
	}
}

// start runs a process and answers before the reaper can tell of its end.
func (p *initProcess) start(m initproto.Start, fds []int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.broken {
		p.mustSend(initproto.Reply{Seq: m.Seq, Errno: uint32(unix.ECANCELED), Step: "claim"})
		return
	}
	if len(fds) != 2 {
		p.mustSend(initproto.Reply{Seq: m.Seq, Errno: uint32(unix.EINVAL), Step: "files"})
		return
	}
	pid, err := p.starter.run(m, fds[0], fds[1])
	if err != nil {
		p.mustSend(initproto.Reply{Seq: m.Seq, Errno: errno(err), Step: "exec"})
		return
	}
	p.started[pid] = struct{}{}
	p.mustSend(initproto.Reply{Seq: m.Seq, PID: pid})
	select {
	case p.forked <- struct{}{}:
	default:
	}
}

// signal ignores processes that ended: their number may already belong to another one.
func (p *initProcess) signal(m initproto.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.started[m.PID]; ok {
		_ = unix.Kill(int(m.PID), syscall.Signal(m.Signal))
	}
}

// reap waits for every child, started or orphaned, for the life of the sandbox.
func (p *initProcess) reap() {
	for {
		// Wait without reaping first: a process must not leave its number while p.started still names it.
		var info unix.Siginfo
		err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOWAIT, nil)
		switch err {
		case nil:
			p.reapOne()
		case unix.ECHILD:
			<-p.forked
		case unix.EINTR:
		default:
			fail("waitid", err)
		}
	}
}

func (p *initProcess) reapOne() {
	p.mu.Lock()
	defer p.mu.Unlock()
	var ws unix.WaitStatus
	pid, err := unix.Wait4(-1, &ws, unix.WNOHANG, nil)
	if err != nil || pid <= 0 {
		return
	}
	id := uint32(pid)
	if _, ok := p.started[id]; !ok {
		return
	}
	delete(p.started, id)
	if ws.Signaled() {
		p.mustSend(initproto.Exit{PID: id, Signal: uint32(ws.Signal())})
		return
	}
	p.mustSend(initproto.Exit{PID: id, Code: uint32(ws.ExitStatus())})
}

func (p *initProcess) send(m initproto.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mustSend(m)
}

// mustSend is called with mu held. A lost packet would leave the server waiting: the sandbox ends instead.
func (p *initProcess) mustSend(m initproto.Message) {
	if err := sendPacket(m); err != nil {
		fail("send", err)
	}
}

// fail ends the sandbox. A socket that closed is the ordinary end.
func fail(step string, err error) {
	if errors.Is(err, errClosed) || errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
		syscall.Exit(0)
	}
	_, _ = syscall.Write(2, []byte("gust-init: "+step+": "+err.Error()+"\n"))
	syscall.Exit(1)
}

// errno of err, or EIO when it carries none.
func errno(err error) uint32 {
	if e := syscall.Errno(0); errors.As(err, &e) {
		return uint32(e)
	}
	return uint32(unix.EIO)
}
