// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"fmt"
	"time"

	"github.com/gustcloud/gust/internal/invoke"
	"github.com/gustcloud/gust/internal/worker/runtimeapi"
)

// Invoke runs one event to its end, with init first where it is due. It does not end early with ctx: the function goes
// on when its caller went away. Errors are the host's; a function's failure is a Result.
func (e *Environment) Invoke(ctx context.Context, ev invoke.Event) (*invoke.Result, error) {
	ctx = context.WithoutCancel(ctx)
	e.checkAlive()
	first, err := e.firstInit(ctx)
	if err != nil {
		return nil, e.failed(err)
	}
	v := e.cfg.Version
	e.out.Begin(ev.LogTail)
	e.out.Lines(startLine(ev.RequestID, v.Version))
	start := e.deps.Clock.Now()
	e.deadline = start.Add(v.Timeout)

	outcome, f, err := e.run(ctx, ev)
	if err != nil || e.ending() { // ending: the process was killed under the invocation
		return nil, e.failed(err)
	}
	end := e.deps.Clock.Now()
	rep := invoke.Report{
		Duration: end.Sub(start), InitDuration: first, Billed: billed(end.Sub(start), first), Cold: first > 0,
	}
	rep.MaxMemoryMB, rep.CPU = e.usage()
	res := &invoke.Result{Payload: outcome.Payload}
	lines := []string{endLine(ev.RequestID), ""}
	if f != nil {
		res.Payload, res.FunctionError = f.body(ev.RequestID), "Unhandled"
		if f.status != "" {
			rep.Status, rep.ErrorType = f.status, f.errorType
		}
		lines = append(f.lines(ev.RequestID, end), lines...)
	}
	lines[len(lines)-1] = reportLine(ev.RequestID, v.MemoryMB, rep)
	e.out.Lines(lines...)
	res.Report, res.LogTail = rep, e.out.Tail()
	if f != nil && f.lost {
		e.reset()
		return res, nil
	}
	return res, e.become(Settling)
}

func (e *Environment) ending() bool {
	s := e.m.State()
	return s == ShuttingDown || s == Dead
}

// failed ends an environment that the host could not run. Whatever failed while it was being closed is ErrDead.
func (e *Environment) failed(err error) error {
	if e.ending() {
		return ErrDead
	}
	e.Close()
	return err
}

// checkAlive resets an environment whose process ended between two invocations, so that this one starts another.
func (e *Environment) checkAlive() {
	c := e.current()
	if c == nil {
		return
	}
	select {
	case <-c.proc.Done():
		e.reset()
	default:
	}
}

// firstInit is the init phase of a new environment. One that fails or is too slow is not the end: the invocation runs
// init again under its own timeout. The duration is zero on a warm start, and where the phase failed.
func (e *Environment) firstInit(ctx context.Context) (time.Duration, error) {
	if e.tried {
		return 0, nil
	}
	e.tried = true
	e.out.Lines(initStartLine(e.cfg.Launch, e.cfg.Version.Runtime))
	took, f, err := e.init(ctx, e.cfg.InitLimit, &fault{errorType: "Sandbox.Timedout", status: "timeout", lost: true})
	if err != nil || f == nil {
		return took, err
	}
	e.out.Lines(initReportLine(took, "init", f))
	e.reset()
	return 0, nil
}

// run brings the runtime to an event and waits for what comes of it.
func (e *Environment) run(ctx context.Context, ev invoke.Event) (runtimeapi.Outcome, *fault, error) {
	limit := e.cfg.Version.Timeout
	if c := e.current(); c == nil || !c.ready {
		took, f, err := e.init(ctx, limit, timeoutFault(limit))
		if err != nil {
			return runtimeapi.Outcome{}, nil, err
		}
		if f != nil {
			e.out.Lines(initReportLine(took, "invoke", f))
			return runtimeapi.Outcome{}, f, nil
		}
	}
	if err := e.become(Busy); err != nil {
		return runtimeapi.Outcome{}, nil, err
	}
	c := e.current()
	if c == nil {
		return runtimeapi.Outcome{}, nil, ErrDead
	}
	inv := &runtimeapi.Invocation{
		RequestID: ev.RequestID, DeadlineMS: e.deadline.UnixMilli(), InvokedARN: ev.InvokedARN, TraceID: ev.TraceID,
		ClientContext: ev.ClientContext, CognitoIdentity: ev.CognitoIdentity, Payload: ev.Payload,
	}
	if inv.Payload == nil {
		inv.Payload = []byte("{}")
	}
	if err := c.api.Dispatch(inv); err != nil {
		return runtimeapi.Outcome{}, nil, fmt.Errorf("dispatch: %w", err)
	}
	o, f := e.await(c)
	return o, f, nil
}

// await returns the outcome of the dispatched event: an answer, the end of the process, or the timeout.
func (e *Environment) await(c *incarnation) (runtimeapi.Outcome, *fault) {
	e.timer.Reset(max(e.deadline.Sub(e.deps.Clock.Now()), 0))
	defer e.timer.Stop()
	select {
	case o := <-c.api.Outcome():
		return o, outcomeFault(o)
	case <-c.proc.Done():
		if o, ok := e.lastWords(c, c.api.Outcome()); ok {
			return o, outcomeFault(o)
		}
		return runtimeapi.Outcome{}, exitFault(c.proc.Exit())
	case <-e.timer.C:
		return runtimeapi.Outcome{}, timeoutFault(e.cfg.Version.Timeout)
	}
}

const mib = 1 << 20

// usage measures what an invocation used: the peak of memory since the sandbox was claimed, in MB rounded up, and the
// CPU time since the last invocation's end (of the first: since the start of the process).
func (e *Environment) usage() (maxMB int, cpu time.Duration) {
	c := e.current()
	if c == nil {
		return -1, 0
	}
	st, err := c.place.Sandbox.Stats()
	if err != nil {
		return -1, 0
	}
	cpu = max(st.CPU-c.cpu, 0)
	c.cpu = max(st.CPU, 0)
	if st.MemoryPeak < 0 {
		return -1, cpu
	}
	return int((st.MemoryPeak + mib - 1) / mib), cpu
}
