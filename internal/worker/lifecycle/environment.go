// SPDX-License-Identifier: Apache-2.0

// Package lifecycle is one execution environment: its state machine, and what moves it: init, invocation, timeout,
// reset, freeze, shutdown. It drives a sandbox, the Runtime API of its runtime process and its log stream. Which
// environment an invocation gets, and when one is frozen or evicted, is decided in worker/pool. Read state.go first,
// then environment.go, invoke.go and init.go.
package lifecycle

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gustcloud/gust/internal/worker/output"
	"github.com/gustcloud/gust/internal/worker/runtimeapi"
	"github.com/gustcloud/gust/internal/worker/sandbox"
)

// ErrDead is returned by an environment that was closed.
var ErrDead = errors.New("execution environment is closed")

// Environment is one execution environment. Invoke, Settle, Freeze and Thaw are called by its one holder at a time;
// Close, State and Expires by anyone.
type Environment struct {
	deps Deps
	cfg  Config
	m    Machine
	out  *output.Stream

	timer *time.Timer // reused by the holder, or by the end of its invocation
	meter meter
	stop  chan struct{} // closed by Close
	tried bool          // the first init was attempted; of the holder

	mu      sync.Mutex // guards what follows; never held while a sandbox is called
	cur     *incarnation
	tmp     sandbox.Tmp // kept by a reset for the next sandbox
	closed  bool
	expires time.Time      // of the credentials in the process's environment
	settled chan struct{}  // closed when the last invocation has ended
	closing sync.WaitGroup // sandboxes that are being closed
	ends    sync.WaitGroup // ends of invocations
}

// incarnation is one sandbox of an environment with its runtime process: a reset ends it.
type incarnation struct {
	place   *Place
	api     *runtimeapi.Server
	proc    sandbox.Process
	serving sync.WaitGroup // the API door on place.API
	ready   bool           // init succeeded
	share   float64        // CPU share to set after init; 0 when the claim has set it
	cpu     time.Duration  // used until the last reading; guarded by meter.reading
}

// New returns an environment in state Parked; it opens the log stream's pipe. The caller closes it.
func New(d Deps, c Config) (*Environment, error) {
	v := c.Version
	stream := d.Clock.Now().UTC().Format("2006/01/02") + "/[" + v.Version + "]" + c.ID
	out, err := d.Output.Open(v.Scope, v.LogGroup, stream)
	if err != nil {
		return nil, err
	}
	t := d.Clock.NewTimer(time.Hour)
	t.Stop()
	return &Environment{deps: d, cfg: c, out: out, timer: t, stop: make(chan struct{})}, nil
}

// ID returns the environment's id.
func (e *Environment) ID() string { return e.cfg.ID }

// State returns the present state.
func (e *Environment) State() State { return e.m.State() }

// MemoryMB returns the version's memory size.
func (e *Environment) MemoryMB() int { return e.cfg.Version.MemoryMB }

// Expires returns when the credentials of the runtime process expire; zero for never.
func (e *Environment) Expires() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.expires
}

func (e *Environment) current() *incarnation {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.cur
}

// become moves the machine where a closed environment may have moved on; the only such move is to ShuttingDown.
func (e *Environment) become(to State) error {
	if err := e.m.Become(to); err != nil {
		if s := e.m.State(); s == ShuttingDown || s == Dead {
			return ErrDead
		}
		return err
	}
	return nil
}

// Settle waits up to d for the end of the last invocation. It returns true when the environment may take another one,
// or be frozen.
func (e *Environment) Settle(d time.Duration) bool {
	e.mu.Lock()
	settled := e.settled
	e.mu.Unlock()
	if settled == nil {
		return true
	}
	select {
	case <-settled:
		return true
	default:
	}
	if d <= 0 {
		return false
	}
	t := e.deps.Clock.NewTimer(d)
	defer t.Stop()
	select {
	case <-settled:
		return true
	case <-t.C:
		return false
	}
}

// Freeze stops the processes of a Ready environment.
func (e *Environment) Freeze(ctx context.Context) error {
	c := e.current()
	if c == nil {
		return nil // reset: nothing runs
	}
	if err := e.become(Freezing); err != nil {
		return err
	}
	if err := c.place.Sandbox.Freeze(ctx); err != nil {
		e.reset()
		return err
	}
	return e.become(Frozen)
}

// Thaw lets the processes of a Frozen environment go on.
func (e *Environment) Thaw(ctx context.Context) error {
	if e.m.State() != Frozen {
		return nil
	}
	if err := e.current().place.Sandbox.Thaw(ctx); err != nil {
		e.reset()
		return nil //nolint:nilerr // the reset environment can take an invocation
	}
	return e.become(Ready)
}

// reset ends the process and keeps /tmp; the next invocation starts another one. The holder calls it, or the end of its
// invocation.
func (e *Environment) reset() {
	if e.become(Resetting) != nil {
		return // it is being closed
	}
	e.flushReports()
	e.mu.Lock()
	c := e.cur
	e.cur = nil
	if c == nil {
		e.mu.Unlock()
		_ = e.become(Parked)
		return
	}
	e.closing.Add(1)
	e.mu.Unlock()
	tmp := c.place.Sandbox.TakeTmp()
	e.mu.Lock()
	e.tmp = tmp
	e.mu.Unlock()
	go func() { // joined by closing.Wait: before the next sandbox is claimed, or in Close
		defer e.closing.Done()
		e.closeIncarnation(c)
	}()
	_ = e.become(Parked)
}

// closeIncarnation kills what runs in a sandbox and releases it. There are no extensions, so the runtime gets SIGKILL
// at once and never SIGTERM.
func (e *Environment) closeIncarnation(c *incarnation) {
	if err := c.place.Sandbox.Close(); err != nil {
		e.deps.Log.Warn("sandbox could not be closed", "function", e.cfg.Version.Name, "error", err)
	}
	c.api.Close()
	if c.place.API != nil {
		_ = c.place.API.Close() // the sandbox has closed the listener; a door may wait for a place
	}
	c.serving.Wait()
}

// Close kills everything and returns when nothing of the environment is left. Idempotent; an invocation that runs ends
// with an error.
func (e *Environment) Close() {
	if e.m.Become(ShuttingDown) != nil {
		e.closing.Wait()
		return
	}
	close(e.stop)
	e.flushReports()
	e.mu.Lock()
	e.closed = true
	c := e.cur
	e.cur = nil
	e.mu.Unlock()
	if c != nil {
		e.closeIncarnation(c)
	}
	e.ends.Wait()
	e.flushReports()
	e.closing.Wait()
	e.mu.Lock()
	tmp := e.tmp
	e.tmp = nil
	e.mu.Unlock()
	if tmp != nil {
		if err := tmp.Close(); err != nil {
			e.deps.Log.Warn("/tmp could not be discarded", "function", e.cfg.Version.Name, "error", err)
		}
	}
	e.out.Close()
	_ = e.m.Become(Dead)
}
