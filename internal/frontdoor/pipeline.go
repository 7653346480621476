// SPDX-License-Identifier: Apache-2.0

// Package frontdoor is the AWS API door: an http.Handler that speaks every service's protocol, and the in-process caller
// that services reach each other through. It does not listen by itself (NewServer only configures), knows no service, and
// serves neither the operator's paths (/_gust/, internal/admin) nor customers' own traffic: requests for deployed APIs,
// function URLs, websites and the like are recognised, and answered with the door that is missing.
//
// How a request finds its service, cheapest evidence first; the first that says something decides:
//
//   - The host name, or a path that stands for one (vhost, ingress.go): customers' traffic, whatever else the request says.
//   - The service in the signature's scope. Where several services sign with one name, X-Amz-Target, the version of a
//     form, the path and the host name tell them apart (choose.go).
//   - Without a signature: X-Amz-Target, the service of a smithy path (/service/X/operation/Y), a service's own host name,
//     Action and Version of a form (of a queue URL: SQS), a path that begins with a date. What is left is S3.
//
// The protocol is what the request looks like (shapeOf), the operation what the header, the smithy path or the form names;
// else method, path and constant query parameters decide (trie.go), in S3 also what its operations require (s3.go). Paths
// are matched as sent: "//", ".." and "%2F" are parts of keys. Only the body of an unsigned form is read for all that.
//
// Read this file first: the stages of a call in their order. Then route.go and choose.go (which service and operation),
// guard.go (browsers), body.go and server.go (what slow and large requests can cost), gate.go (what calls from outside and
// in-process share). testdata/routes.txt has the requests of real clients and where they go.
package frontdoor

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/gustcloud/gust/internal/access"
	"github.com/gustcloud/gust/internal/access/sigv4"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/reqctx"
	"github.com/gustcloud/gust/internal/base/vhost"
	"github.com/gustcloud/gust/internal/wire"
)

// Deps is what a Door needs.
type Deps struct {
	Services      []wire.Service
	Known         []*wire.Schema // services of which nothing is implemented: the answer can name their operations
	Gate          *Gate          // shared with the in-process Caller
	Guard         Guard
	Authenticator Authenticator
	Clock         clock.Clock // for signatures and tokens: the machine's, never scaled
	NewID         func() string
	Log           *slog.Logger
	// CustomNames resolves host names that customers registered; nil when there are none.
	CustomNames func(host string) (vhost.Name, bool)
}

// Door serves the AWS API of all services. It is safe for concurrent use.
type Door struct {
	Deps
	table  *table
	bodies budget
}

var _ http.Handler = (*Door)(nil)

// New returns a door; it starts nothing.
func New(d Deps) *Door {
	d.Guard.hosts = vhost.New(d.Guard.Domains...)
	d.Guard.hosts.Custom = d.CustomNames
	return &Door{Deps: d, table: newTable(d.Services, d.Known), bodies: budget{limit: maxBodies}}
}

// call is one request on its way through the stages.
type call struct {
	w       http.ResponseWriter
	r       *http.Request
	request reqctx.Request
	sig     *sigv4.Signature
	auth    authentication
	target  target
	body    []byte
	read    bool  // body holds the request's
	memory  share // of the body and of what was made of it
	paced   pacedBody
	own     http.Request // r, where its body was replaced
	in, out any
	done    bool // answered already, there is nothing to encode
}

// stages is the life of a call. The first error ends it and is answered in the request's protocol.
var stages = [...]func(*Door, *call) error{
	(*Door).refuse,       // cross-site browser calls and unknown hosts, before anything else
	(*Door).route,        // service, protocol, operation; no body is read, except a form's
	(*Door).authenticate, // whose request, account and region
	(*Door).known,        // an operation that the model has and Gust implements
	(*Door).decode,       // into the generated structure, validated against the model
	(*Door).dispatch,     // authorize, run the service's method
	(*Door).verified,     // a streamed body was read to its end
	(*Door).encode,
}

// ServeHTTP runs the stages, then writes the audit line and the metrics.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := d.Clock.Now()
	answer := &response{ResponseWriter: w}
	c := &call{w: answer, r: r, target: target{op: -1}, memory: share{of: &d.bodies}, request: reqctx.Request{
		Scope: reqctx.Scope{Account: access.DefaultAccount, Region: access.DefaultRegion},
		ID:    d.NewID(), Host: r.Host,
	}}
	c.pace(d.Clock)
	defer c.memory.release()
	var err error
	for _, stage := range stages {
		if err = stage(d, c); err != nil || c.done {
			break
		}
	}
	answered := answer.status != 0
	if err != nil && !answered {
		err = d.fail(c, answer, err)
	}
	d.Gate.account(c.r.Context(), c.request, record{
		service: c.target.name, operation: c.target.operation, op: c.target.implemented(),
		status: answer.status, took: d.Clock.Now().Sub(start), err: err,
	})
	if err != nil && answered && !errors.Is(err, wire.ErrStreamEnded) {
		// Only the connection can still tell the client: closing it, a cut answer never looks complete.
		panic(http.ErrAbortHandler)
	}
}

func (d *Door) refuse(c *call) error {
	host, err := d.Guard.admit(c.r)
	if err != nil {
		c.target.shape = shapeOf(c.r) // not routed, but the client should understand why
		return err
	}
	c.target.host = host
	if _, ok := host.Kind.Ingress(); ok {
		return nil
	}
	c.done = d.Guard.Allow(c.w, c.r)
	return nil
}

func (d *Door) route(c *call) error {
	sig, broken := access.Parse(c.r)
	c.sig = sig
	_, ingress := c.target.host.Kind.Ingress()
	if !ingress { // whoever will serve that also authenticates it
		d.begin(c)
	}
	var err error
	c.target, err = d.table.find(c.r, c.target.host, sig, c.formAction)
	c.target.codec = wire.CodecFor(c.target.codec, c.r)
	if _, ingress := c.target.host.Kind.Ingress(); ingress { // perhaps only by its signature
		return noDoor(c.target.host)
	}
	if broken != nil { // routed all the same: the answer needs a protocol
		return broken
	}
	return err
}

// formAction reads the body of a form.
func (c *call) formAction() (action, version string, err error) {
	limit := int64(wire.DefaultMaxBody)
	if c.sig == nil && c.auth.err != nil {
		limit = maxStrangersForm
	}
	if err := c.readBody(&wire.Operation{Name: "requested"}, limit); err != nil {
		return "", "", err
	}
	action, version = actionOf(c.body)
	return action, version, nil
}

// wantsForm tells whether a signed form has to be read to know what it asks for. Of a service that is not there it is read
// for the name of the operation, but no client is asked to send it.
func (c *call) wantsForm() bool {
	return c.target.unread && (c.target.service != nil || c.r.Header.Get("Expect") == "")
}

// implemented returns the operation, or nil when it is missing or unknown.
func (t *target) implemented() *wire.Operation {
	if t.op < 0 {
		return nil
	}
	return &t.service.Schema.Operations[t.op]
}

func (d *Door) known(c *call) error {
	t := &c.target
	if c.wantsForm() {
		action, version, err := c.formAction()
		if err != nil {
			return err
		}
		d.table.settle(t, action, version)
	}
	switch {
	case t.service == nil:
		return noService(t)
	case t.op >= 0:
		return nil
	case t.service.Schema.Has(t.operation), t.operation == postObject:
		return wire.Unimplemented(t.service.Schema, t.codec.ID(), t.operation)
	}
	return wire.UnknownOperation(t.service.Schema, t.codec.ID(), t.operation)
}

func (d *Door) decode(c *call) error {
	s := c.target.service.Schema
	op := &s.Operations[c.target.op]
	req := wire.Request{HTTP: c.r, Labels: c.target.labels, Grow: c.memory.hold}
	if s.Streams(op) {
		req.Stream = c.r.Body
	} else if err := c.readBody(op, s.BodyLimit(op)); err != nil {
		return err
	}
	req.Body = c.body
	var err error
	c.in, err = c.target.codec.Decode(op, req)
	return err
}

func (d *Door) dispatch(c *call) error {
	var err error
	c.out, err = d.Gate.run(c.context(), c.target.service.Service, c.target.op, c.in)
	return err
}

func (d *Door) encode(c *call) error {
	op := &c.target.service.Schema.Operations[c.target.op]
	return c.target.codec.Encode(c.w, op, c.out, c.request.ID)
}

// context is the request's, with what is known of the call so far.
func (c *call) context() context.Context { return reqctx.With(c.r.Context(), c.request) }

// readBody reads the body once. limit is in bytes, decompressed.
func (c *call) readBody(op *wire.Operation, limit int64) error {
	if c.read {
		if int64(len(c.body)) > limit {
			return &wire.FrameworkError{
				Code: "RequestEntityTooLargeException", Sender: true,
				Status: http.StatusRequestEntityTooLarge, Message: "The request body is larger than the operation allows.",
			}
		}
		return nil
	}
	var err error
	c.body, err = wire.ReadBodyWithin(c.r, op, limit, c.memory.hold)
	c.read = err == nil
	if known := (*wire.FrameworkError)(nil); err != nil && !errors.As(err, &known) {
		return &wire.FrameworkError{
			Code: "IncompleteBody", Sender: true, Status: http.StatusBadRequest, // S3's code; other services have none
			Message: "The request body ended before its announced length.", Cause: err,
		}
	}
	return err
}

// fail answers err. It returns err as the audit should see it, nil when the client itself went away.
func (d *Door) fail(c *call, answer *response, err error) error {
	if errors.Is(err, context.Canceled) && c.r.Context().Err() != nil {
		answer.status = statusClientGone
		return nil //nolint:nilerr // not a failure of the call
	}
	writeFault(c, refusal(c.target, err))
	return forLog(err)
}

// statusClientGone is what the audit shows for a client that did not wait; nothing is sent.
const statusClientGone = 499

// response remembers the status that was written.
type response struct {
	http.ResponseWriter
	status int
}

func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection (flush of event streams).
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }
