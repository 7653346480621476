// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"fmt"
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

// Caller calls an operation of any service in this process, through authorization, metering and audit like a call from
// outside, with the principal that ctx carries. It is safe for concurrent use.
type Caller interface {
	// Call runs service's operation. in is a pointer to its input structure; the result is a pointer to its output structure.
	// in must not change before Call returns. Errors of the service are its typed errors.
	Call(ctx context.Context, service, operation string, in any) (out any, err error)
}

// Call is the typed form of c.Call for generated clients: O is the operation's output structure.
func Call[O any](ctx context.Context, c Caller, service, operation string, in any) (*O, error) {
	out, err := c.Call(ctx, service, operation, in)
	if err != nil {
		return nil, err
	}
	o, ok := out.(*O)
	if !ok {
		return nil, fmt.Errorf("call %s %s: result is a %T", service, operation, out)
	}
	return o, nil
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
	return s.Types[ref].Error
}
