// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"fmt"
	"time"

	"github.com/gustcloud/gust/internal/invoke"
	"github.com/gustcloud/gust/internal/worker/runtimeapi"
)

// Invoke runs one event to the runtime's answer, with init first where it is due. It does not end early with ctx: the
// function goes on when its caller went away. Errors are the host's; a function's failure is a Result.
//
// The invocation itself ends when the runtime asks for its next event, and is measured and billed until then; its END
// and REPORT lines are written then. Invoke waits for that only when the event wants the tail of the log.
func (e *Environment) Invoke(ctx context.Context, ev invoke.Event) (*invoke.Result, error) {
	ctx = context.WithoutCancel(ctx)
	e.checkAlive()
	first, err := e.firstInit(ctx)
	if err != nil {
		return nil, e.failed(err)
	}
	e.out.Begin(ev.LogTail)
	e.out.Lines(startLine(ev.RequestID, e.cfg.Version.Version))
	d := &invocation{id: ev.RequestID, start: e.deps.Clock.Now(), init: first}
	d.deadline = d.start.Add(e.cfg.Version.Timeout)

	outcome, f, err := e.run(ctx, ev, d)
	if err != nil || e.ending() { // ending: the process was killed under the invocation
		return nil, e.failed(err)
	}
	res := &invoke.Result{Payload: outcome.Payload}
	if d.fault = f; f != nil {
		res.Payload, res.FunctionError = f.body(ev.RequestID), "Unhandled"
	}
	if f != nil && f.lost {
		res.Report = e.report(d)
		res.LogTail = e.out.Tail()
		e.reset()
		return res, nil
	}
	c, settled, err := e.settling()
	if err != nil {
		return nil, err
	}
	if !ev.LogTail {
		res.Report = e.answered(d)
		go e.end(c, d, settled, false) // joined by ends.Wait in Close
		return res, nil
	}
	res.Report = e.end(c, d, settled, true)
	res.LogTail = e.out.Tail()
	return res, nil
}

// settling moves to Settling. The caller calls end, which closes the channel.
func (e *Environment) settling() (*incarnation, chan struct{}, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, nil, ErrDead
	}
	if err := e.become(Settling); err != nil {
		return nil, nil, err
	}
	e.settled = make(chan struct{})
	e.ends.Add(1)
	return e.cur, e.settled, nil
}

// invocation is what its END and REPORT lines are made from.
type invocation struct {
	id              string
	start, deadline time.Time
	init            time.Duration // first init, 0 when there was none
	fault           *fault        // nil for success
}

// answered is the report as it stands when the answer is there: memory and CPU time are not measured yet.
func (e *Environment) answered(d *invocation) invoke.Report {
	duration := e.deps.Clock.Now().Sub(d.start)
	r := invoke.Report{
		Duration: duration, InitDuration: d.init, Billed: billed(duration, d.init), Cold: d.init > 0, MaxMemoryMB: -1,
	}
	if d.fault != nil && d.fault.status != "" {
		r.Status, r.ErrorType = d.fault.status, d.fault.errorType
	}
	return r
}

// report measures what the invocation used and writes its last lines.
func (e *Environment) report(d *invocation) invoke.Report {
	r := e.answered(d)
	e.meter.reading.Lock()
	r.MaxMemoryMB, r.CPU = e.usage()
	e.meter.reading.Unlock()
	var lines []string
	if d.fault != nil {
		lines = d.fault.lines(d.id, e.deps.Clock.Now())
	}
	e.out.Lines(append(lines, endLine(d.id), reportLine(d.id, e.cfg.Version.MemoryMB, r))...)
	return r
}

// end waits until the runtime asks for its next event, which ends the invocation; or until its process ends or the
// invocation's time is over: then the environment is reset. now: the lines are written before it returns, with a reading
// of their own, and the report is whole.
func (e *Environment) end(c *incarnation, d *invocation, settled chan struct{}, now bool) invoke.Report {
	defer e.ends.Done()
	lost := e.awaitEnd(c, d)
	if lost == nil && !now {
		x := ended{id: d.id, report: e.answered(d), slot: e.out.Reserve()}
		_ = e.become(Ready) // else it is being closed
		close(settled)
		e.measure(x)
		return x.report
	}
	defer close(settled)
	if lost != nil {
		d.fault = lost
	}
	e.flushReports()
	r := e.report(d)
	if lost != nil {
		e.reset()
		return r
	}
	_ = e.become(Ready)
	return r
}

func (e *Environment) awaitEnd(c *incarnation, d *invocation) *fault {
	var lost *fault
	e.timer.Reset(max(d.deadline.Sub(e.deps.Clock.Now()), 0))
	defer e.timer.Stop()
	select {
	case <-c.api.Waiting():
	case <-c.proc.Done():
		lost = exitFault(c.proc.Exit())
	case <-e.timer.C:
		lost = timeoutFault(e.cfg.Version.Timeout)
	}
	if e.ending() {
		return nil
	}
	return lost
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
	took, f, err := e.init(ctx, e.cfg.InitLimit, &fault{errorType: "Sandbox.Timedout", status: "timeout", lost: true}, true)
	if err != nil || f == nil {
		return took, err
	}
	e.out.Lines(initReportLine(took, "init", f))
	e.reset()
	return 0, nil
}

// run brings the runtime to an event and waits for what comes of it.
func (e *Environment) run(ctx context.Context, ev invoke.Event, d *invocation) (runtimeapi.Outcome, *fault, error) {
	limit := e.cfg.Version.Timeout
	if c := e.current(); c == nil || !c.ready {
		took, f, err := e.init(ctx, limit, timeoutFault(limit), false)
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
		RequestID: ev.RequestID, DeadlineMS: d.deadline.UnixMilli(), InvokedARN: ev.InvokedARN, TraceID: ev.TraceID,
		ClientContext: ev.ClientContext, CognitoIdentity: ev.CognitoIdentity, Payload: ev.Payload,
	}
	if inv.Payload == nil {
		inv.Payload = []byte("{}")
	}
	if err := c.api.Dispatch(inv); err != nil {
		return runtimeapi.Outcome{}, nil, fmt.Errorf("dispatch: %w", err)
	}
	o, f := e.await(c, d.deadline)
	return o, f, nil
}

// await returns the outcome of the dispatched event: an answer, the end of the process, or the timeout.
func (e *Environment) await(c *incarnation, deadline time.Time) (runtimeapi.Outcome, *fault) {
	e.timer.Reset(max(deadline.Sub(e.deps.Clock.Now()), 0))
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
// CPU time since the last reading (of the first: since the start of the process). Precondition: meter.reading is held.
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
