// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gustcloud/gust/internal/worker/runtimeapi"
	"github.com/gustcloud/gust/internal/worker/sandbox"
)

// What every function gets. Source: "Lambda quotas", AWS Lambda Developer Guide, read 2026-11.
const (
	fileLimit    = 1024
	processLimit = 1024
	mbPerCore    = 1769.0 // MB of memory that come with one vCPU
)

// initCores is the CPU share during the first init, where the function's own is smaller and the sandbox can change it.
// AWS documents no number: unverified.
const initCores = 2.0

// start claims a sandbox and starts the runtime process in it: Parked -> Claimed -> Init. A fault is the function's,
// an error the host's. began is when the process was started.
func (e *Environment) start(ctx context.Context, boost bool) (c *incarnation, began time.Time, f *fault, err error) {
	e.closing.Wait() // the old sandbox has let go of /tmp
	place, err := e.deps.Place(ctx, e.cfg.Launch.Template)
	if err != nil {
		return nil, began, nil, err
	}
	c = &incarnation{place: place, api: runtimeapi.New(e.deps.Clock)}
	if place.API != nil {
		place.API = newDoor(place.API)
	}
	issued := make(chan issue, 1) // the session is made while the sandbox is claimed
	go func() {
		cred, err := e.deps.Credentials(ctx, e.cfg.Version.RoleARN, e.cfg.Version.Name)
		issued <- issue{cred, err}
	}()
	err = e.adopt(ctx, c, boost)
	got := <-issued
	if got.err != nil {
		err = errors.Join(err, fmt.Errorf("credentials of the execution role: %w", got.err))
	}
	if err != nil {
		return nil, began, nil, err
	}
	e.mu.Lock()
	e.expires = got.cred.Expires
	e.mu.Unlock()
	began = e.deps.Clock.Now()
	cmd, err := e.cfg.Launch.Command(e.startOf(place, got.cred))
	if err == nil {
		cmd.Stdout, cmd.Stderr = e.out.File(), e.out.File()
		c.proc, err = place.Sandbox.Start(ctx, cmd)
	}
	if err != nil {
		if f := startFault(err); f != nil {
			return c, began, f, nil
		}
		return nil, began, nil, fmt.Errorf("start the runtime: %w", err)
	}
	return c, began, nil, nil
}

// issue is what asking for credentials gave.
type issue struct {
	cred Credentials
	err  error
}

func (e *Environment) startOf(p *Place, cred Credentials) Start {
	s := Start{
		Paths: p.Sandbox.Paths(), Code: e.cfg.CodeDir, LogStream: e.out.Name(),
		RuntimeAPI: p.Runtime.Addr().String(), InitType: e.cfg.InitType, Credentials: cred,
	}
	if p.Socket != nil {
		s.Socket = p.Socket.Addr().String()
	}
	if p.API != nil {
		s.Endpoint = "http://" + p.API.Addr().String()
	}
	return s
}

// adopt makes the sandbox the environment's and claims it. What fails is closed.
func (e *Environment) adopt(ctx context.Context, c *incarnation, boost bool) error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		e.closeIncarnation(c)
		return ErrDead
	}
	e.cur = c
	tmp := e.tmp
	e.tmp = nil
	e.mu.Unlock()
	v := e.cfg.Version
	cpu := float64(v.MemoryMB) / mbPerCore
	if _, ok := c.place.Sandbox.(sandbox.CPULimiter); ok && boost && cpu < initCores {
		c.share, cpu = cpu, initCores
	}
	err := c.place.Sandbox.Claim(ctx, sandbox.Claim{
		Code: e.cfg.CodeDir, Runtime: e.cfg.Launch.RuntimeDir,
		MemoryMB: v.MemoryMB, EphemeralMB: v.EphemeralMB, CPU: cpu,
		PIDs: processLimit, Files: fileLimit, Tmp: tmp,
	})
	if err != nil {
		return fmt.Errorf("claim a sandbox: %w", err)
	}
	if err := e.become(Claimed); err != nil {
		return err
	}
	if err := c.api.Start(c.place.Runtime); err != nil {
		return err
	}
	if c.place.Socket != nil {
		if err := c.api.Start(c.place.Socket); err != nil {
			return err
		}
	}
	if err := e.serveDoor(c); err != nil {
		return err
	}
	return e.become(Init)
}

// serveDoor starts the API door, unless Close, which waits for it, is under way.
func (e *Environment) serveDoor(c *incarnation) error {
	if e.deps.APIDoor == nil || c.place.API == nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return ErrDead
	}
	c.serving.Go(func() { e.deps.APIDoor(c.place.API) })
	return nil
}

// init starts the runtime and waits until it asks for its first event, at most until limit has passed. limited words
// what happens then. boost: with more CPU time than the function's own.
func (e *Environment) init(ctx context.Context, limit time.Duration, limited *fault, boost bool) (time.Duration, *fault, error) {
	c, began, f, err := e.start(ctx, boost)
	if err != nil {
		return 0, nil, err
	}
	if f == nil {
		f = e.awaitInit(c, limit, limited)
	}
	took := e.deps.Clock.Now().Sub(began)
	if f != nil {
		return took, f, nil
	}
	if limiter, ok := c.place.Sandbox.(sandbox.CPULimiter); ok && c.share > 0 {
		if err := limiter.SetCPU(ctx, c.share); err != nil {
			return took, nil, fmt.Errorf("limit the CPU share after init: %w", err)
		}
	}
	c.ready = true
	return took, nil, e.become(Ready)
}

func (e *Environment) awaitInit(c *incarnation, limit time.Duration, limited *fault) *fault {
	e.timer.Reset(max(limit, 0))
	defer e.timer.Stop()
	select {
	case <-c.api.Waiting():
		return nil
	case o := <-c.api.InitError():
		return initFault(o)
	case <-c.proc.Done():
		if o, ok := e.lastWords(c, c.api.InitError()); ok {
			return initFault(o)
		}
		return exitFault(c.proc.Exit())
	case <-e.timer.C:
		return limited
	}
}

func initFault(o runtimeapi.Outcome) *fault {
	f := &fault{errorType: o.ErrorType, status: "error", payload: o.Payload, lost: true}
	if len(o.Payload) == 0 {
		f.message = "Runtime failed to initialize"
	}
	return f
}

// lastWords waits for what an ended process left in its sockets: its connections end when all was read. A child that
// holds a connection open can delay that; it is given a moment.
func (e *Environment) lastWords(c *incarnation, from <-chan runtimeapi.Outcome) (runtimeapi.Outcome, bool) {
	e.timer.Reset(lastWordsWait)
	defer e.timer.Stop()
	for c.api.Connected() {
		select {
		case o := <-from:
			return o, true
		case <-c.api.Gone():
		case <-e.timer.C:
			return runtimeapi.Outcome{}, false
		}
	}
	select {
	case o := <-from:
		return o, true
	default:
		return runtimeapi.Outcome{}, false
	}
}

const lastWordsWait = 50 * time.Millisecond
