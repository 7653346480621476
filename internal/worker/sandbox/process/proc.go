// SPDX-License-Identifier: Apache-2.0

package process

import (
	"errors"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/gustcloud/gust/internal/worker/sandbox"
)

// proc implements sandbox.Process.
type proc struct {
	cmd  *exec.Cmd
	pid  int // also its process group
	done chan struct{}

	mu    sync.Mutex // held while a signal is sent, so that the pid cannot be another process's
	ended bool
	exit  sandbox.Exit
	cpu   time.Duration // after the end
}

func (p *proc) wait() {
	err := p.cmd.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	state := p.cmd.ProcessState
	if state != nil {
		p.cpu = state.UserTime() + state.SystemTime()
		p.exit.Code = state.ExitCode()
		if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			p.exit = sandbox.Exit{Code: -1, Signal: ws.Signal()}
		}
	} else if err != nil {
		p.exit.Code = -1
	}
	close(p.done)
}

func (p *proc) Done() <-chan struct{} { return p.done }

func (p *proc) Exit() sandbox.Exit {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.exit
}

func (p *proc) Signal(sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return nil
	}
	err := syscall.Kill(p.pid, sig)
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// signalGroup reaches the children of the process too, also after its own end: the group lives as long as one of them.
func (p *proc) signalGroup(sig syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		_ = syscall.Kill(-p.pid, sig) // ESRCH: it is ending now
	}
}

// killGroup ends children that outlived the process. The group id cannot have been reused while one of them lives, and
// a group without members answers ESRCH; a new group under the same number within this moment is not excluded.
func (p *proc) killGroup() { _ = syscall.Kill(-p.pid, syscall.SIGKILL) }
