// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"fmt"

	"github.com/gustcloud/gust/internal/base/reqctx"
)

// Service is a schema bound to an implementation: what a generated Bind(impl) returns and the front door dispatches to.
type Service struct {
	Schema *Schema
	// Impl is the implementation. Doors ask it for optional interfaces, such as the access checks of an operation.
	Impl any
	// Invoke runs operation op, an index of Schema.Operations. in is a pointer to the operation's input structure, never
	// nil; the result a pointer to its output structure. It is safe for concurrent use.
	Invoke func(ctx context.Context, op int, in any) (out any, err error)
}

// Name is the service's name in the registry and in Caller: Schema.ID.
func (s Service) Name() string { return s.Schema.ID }

// Caller calls an operation of any service in this process, through validation, authorization, metering and audit like a
// call from outside, with the principal that ctx carries; As names another one. It is safe for concurrent use.
type Caller interface {
	// Call runs service's operation. in is a pointer to its input structure; the result is a pointer to its output structure.
	// in must not change before Call returns. Errors of the service are its typed errors.
	Call(ctx context.Context, service, operation string, in any) (out any, err error)
	// CallJSON is Call for callers that hold JSON trees: in is the operation's input as a JSON object in the form that
	// DecodeJSON takes, validated; the result the output in the same form. Errors are *CallError.
	CallJSON(ctx context.Context, service, operation string, in []byte) (out []byte, err error)
}

// As returns a Caller that calls in the name of r's principal and in its scope, whoever the context says is calling: a
// service in its own name, or with a role that it was given. The request's id and host stay those of the context.
func As(c Caller, r reqctx.Request) Caller { return principal{c, r} }

type principal struct {
	caller Caller
	as     reqctx.Request
}

func (p principal) Call(ctx context.Context, service, operation string, in any) (any, error) {
	return p.caller.Call(p.context(ctx), service, operation, in)
}

func (p principal) CallJSON(ctx context.Context, service, operation string, in []byte) ([]byte, error) {
	return p.caller.CallJSON(p.context(ctx), service, operation, in)
}

func (p principal) context(ctx context.Context) context.Context {
	r, as := reqctx.From(ctx), p.as
	as.ID, as.Host = r.ID, r.Host
	return reqctx.With(ctx, as)
}

// Call is the typed form of c.Call for generated clients: P is a pointer to the operation's output structure.
func Call[P any](ctx context.Context, c Caller, service, operation string, in any) (P, error) {
	var none P
	out, err := c.Call(ctx, service, operation, in)
	if err != nil {
		return none, err
	}
	o, ok := out.(P)
	if !ok {
		return none, fmt.Errorf("call %s %s: result is a %T", service, operation, out)
	}
	return o, nil
}

// ErrInput is the error of generated dispatch for an input of another type than the operation's, or for no operation at all:
// a fault of the program.
func ErrInput(s *Schema, op int, in any) error {
	if op < 0 || op >= len(s.Prepare().Operations) {
		return fmt.Errorf("call %s: no operation %d", s.ID, op)
	}
	return fmt.Errorf("call %s %s: input is a %T", s.ID, s.Operations[op].Name, in)
}

// APIError is an error that the service's model or overlay declares. Generated error types implement it with pointer
// receivers; code, status and the other traits stand in the table.
type APIError interface {
	error
	// WireType returns the table and the error's type in it.
	WireType() (*Schema, Ref)
}

// ErrorInfoOf returns the traits of e.
func ErrorInfoOf(e APIError) *ErrorInfo {
	s, ref := e.WireType()
	return s.Prepare().Types[ref].Error
}
