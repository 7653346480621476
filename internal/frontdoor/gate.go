// SPDX-License-Identifier: Apache-2.0

package frontdoor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/obs"
	"github.com/gustcloud/gust/internal/base/reqctx"
	"github.com/gustcloud/gust/internal/wire"
)

// Authorizer decides whether the principal that ctx carries may run an operation. in is the operation's input. A refusal
// is an error of the service's contract or a *wire.FrameworkError.
type Authorizer interface {
	Authorize(ctx context.Context, s wire.Service, op int, in any) error
}

// AllowAll is the Authorizer of development mode.
type AllowAll struct{}

// Authorize allows everything.
func (AllowAll) Authorize(context.Context, wire.Service, int, any) error { return nil }

// Gate is what every call passes, whether it came through the door or from another service in this process:
// authorization, the service's method, metering and audit.
type Gate struct {
	authorizer Authorizer
	log        *slog.Logger
	calls      *prometheus.CounterVec
	seconds    *prometheus.HistogramVec
	meters     sync.Map // *wire.Operation to its *meters, as most calls need them
}

// meters are the metrics of an operation.
type meters struct {
	ok      prometheus.Counter // calls with status 200
	seconds prometheus.Observer
}

// metersOf finds the metrics of a record's operation.
func (g *Gate) metersOf(r record) *meters {
	if m, ok := g.meters.Load(r.op); ok {
		if m, ok := m.(*meters); ok {
			return m
		}
	}
	m := &meters{
		ok:      g.calls.WithLabelValues(r.service, r.operation, strconv.Itoa(http.StatusOK)),
		seconds: g.seconds.WithLabelValues(r.service, r.operation),
	}
	g.meters.Store(r.op, m)
	return m
}

// NewGate registers the metrics of calls.
func NewGate(a Authorizer, log *slog.Logger, m *obs.Metrics) *Gate {
	return &Gate{
		authorizer: a, log: log,
		calls: m.Counter("gust_api_requests_total", "API calls, by their status; in-process calls included.",
			"service", "operation", "status"),
		seconds: m.Seconds("gust_api_request_seconds", "Time from the head of a call to the end of its answer.",
			"service", "operation"),
	}
}

// run authorizes and dispatches. A panic of a service ends its call, not the server.
func (g *Gate) run(ctx context.Context, s wire.Service, op int, in any) (out any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s %s: panic: %v\n%s", s.Name(), s.Schema.Operations[op].Name, p, debug.Stack())
		}
	}()
	if err := g.authorizer.Authorize(ctx, s, op, in); err != nil {
		return nil, err
	}
	return s.Invoke(ctx, op, in)
}

// record is what is remembered of a finished call.
type record struct {
	service, operation string
	op                 *wire.Operation // nil unless it is implemented: only these names become label values
	status             int
	took               time.Duration
	err                error
	inProcess          bool
}

// What a log line shows of a client's text, in bytes: a head may hold 64 KiB, and nobody has signed it.
const (
	maxLogged      = 128
	maxLoggedError = 1 << 10
)

// account writes the metrics and the audit line of the call req: failures of the server as errors, of an outside caller as
// information, and what went well at debug level.
func (g *Gate) account(ctx context.Context, req reqctx.Request, r record) {
	switch {
	case r.op == nil:
		g.calls.WithLabelValues("", "", strconv.Itoa(r.status)).Inc()
	case r.status == http.StatusOK:
		m := g.metersOf(r)
		m.ok.Inc()
		m.seconds.Observe(r.took.Seconds())
	default:
		g.calls.WithLabelValues(r.service, r.operation, strconv.Itoa(r.status)).Inc()
		g.metersOf(r).seconds.Observe(r.took.Seconds())
	}
	level := slog.LevelDebug
	switch {
	case r.status >= http.StatusInternalServerError && r.status != http.StatusNotImplemented,
		r.err != nil && r.status < http.StatusBadRequest: // an answer that broke off
		level = slog.LevelError
	case r.err != nil && !r.inProcess: // what an in-process call answers is its caller's business
		level = slog.LevelInfo
	}
	if !g.log.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("service", cut(r.service, maxLogged)), slog.String("operation", cut(r.operation, maxLogged)), slog.Int("status", r.status),
		slog.Duration("took", r.took), slog.String("account", req.Account), slog.String("region", req.Region),
		slog.String("principal", req.PrincipalARN),
	}
	if r.inProcess {
		attrs = append(attrs, slog.Bool("in_process", true))
	}
	if r.err != nil {
		text := r.err.Error()
		if level < slog.LevelError { // a caller's mistake, which may hold what the caller has sent
			text = cut(text, maxLoggedError)
		}
		attrs = append(attrs, slog.String("error", text))
	}
	g.log.LogAttrs(reqctx.With(ctx, req), level, "api call", attrs...)
}

// Caller calls services in this process; it implements wire.Caller. Services are made with it before they all exist, so
// it is filled by Bind, once, before the first call.
type Caller struct {
	gate     *Gate
	clock    clock.Clock // for metering: the machine's
	newID    func() string
	services map[string]wire.Service
}

var _ wire.Caller = (*Caller)(nil)

// NewCaller returns a caller that knows no service yet.
func NewCaller(g *Gate, c clock.Clock, newID func() string) *Caller {
	return &Caller{gate: g, clock: c, newID: newID}
}

// Bind gives the caller its services. It must happen before the first Call.
func (c *Caller) Bind(services []wire.Service) {
	c.services = make(map[string]wire.Service, len(services))
	for _, s := range services {
		c.services[s.Name()] = s
	}
}

// Call implements wire.Caller. The called operation sees the caller's principal and scope, and its request id when it
// has one: the log lines of both belong together.
func (c *Caller) Call(ctx context.Context, service, operation string, in any) (any, error) {
	s, err := c.service(service, operation)
	if err != nil {
		return nil, err
	}
	op := s.Schema.Operation(operation)
	if op < 0 {
		return nil, fmt.Errorf("call %s %s: %w", service, operation, errNoSuchCall)
	}
	ctx, start := c.identified(ctx), c.clock.Now()
	err = wire.Validate(s.Schema, s.Schema.Operations[op].Input, in)
	var out any
	if err == nil {
		out, err = c.gate.run(ctx, s, op, in)
	}
	r := record{
		service: service, operation: operation, op: &s.Schema.Operations[op], status: http.StatusOK, err: err, inProcess: true,
	}
	if err != nil {
		r.status = wire.FaultOf(s.Schema, err).Status
	}
	r.took = c.clock.Now().Sub(start)
	c.gate.account(ctx, reqctx.From(ctx), r)
	return out, err
}

// CallJSON implements wire.Caller. What the table refuses is accounted, too.
func (c *Caller) CallJSON(ctx context.Context, service, operation string, in []byte) ([]byte, error) {
	s, err := c.service(service, operation)
	if err != nil {
		return nil, err
	}
	ctx, start := c.identified(ctx), c.clock.Now()
	out, err := wire.CallJSON(s.Schema, operation, in, func(op int, in any) (any, error) { return c.gate.run(ctx, s, op, in) })
	r := record{
		service: service, operation: operation, status: http.StatusOK, err: err, inProcess: true,
	}
	if op := s.Schema.Operation(operation); op >= 0 {
		r.op = &s.Schema.Operations[op]
	}
	if failed := (*wire.CallError)(nil); errors.As(err, &failed) {
		r.status = failed.Status
	}
	r.took = c.clock.Now().Sub(start)
	c.gate.account(ctx, reqctx.From(ctx), r)
	return out, err
}

// errNoSuchCall is an error of the program: a service called what its contract does not have.
var errNoSuchCall = errors.New("no such operation in this server")

// service finds a service by name. The name may come from a user's state machine: one that is not there is the honest
// error for a service that Gust does not have.
func (c *Caller) service(name, operation string) (wire.Service, error) {
	s, ok := c.services[name]
	if !ok {
		return s, wire.NewCallError(&wire.Schema{ID: name}, operation, noService(&target{name: name, operation: operation}))
	}
	return s, nil
}

// identified gives a call that no request caused an id.
func (c *Caller) identified(ctx context.Context) context.Context {
	req := reqctx.From(ctx)
	if req.ID != "" {
		return ctx
	}
	req.ID = c.newID()
	return reqctx.With(ctx, req)
}
