// SPDX-License-Identifier: Apache-2.0

// Package wiretest helps to test services through their contracts. For tests only.
package wiretest

import (
	"context"
	"errors"
	"fmt"

	"github.com/gustcloud/gust/internal/wire"
)

// Caller is a wire.Caller that checks the rule of inputs: they are valid until the method returns. It validates the input as
// the front door does, gives the service a copy of it, and overwrites that copy when the method has returned: what a
// service kept without cloning it turns into "####". Outputs and errors may hold parts of the input; the test gets copies
// that were made before.
type Caller map[string]wire.Service

// NewCaller returns a caller of services.
func NewCaller(services ...wire.Service) Caller {
	c := Caller{}
	for _, s := range services {
		c[s.Name()] = s
	}
	return c
}

var _ wire.Caller = Caller{}

// Call implements wire.Caller.
func (c Caller) Call(ctx context.Context, service, operation string, in any) (any, error) {
	s, ok := c[service]
	if !ok || s.Schema.Operation(operation) < 0 {
		return nil, fmt.Errorf("call %s %s: the test has no such operation", service, operation)
	}
	i := s.Schema.Operation(operation)
	op := &s.Schema.Operations[i]
	if err := wire.Validate(s.Schema, op.Input, in); err != nil {
		return nil, err
	}
	lent, take, err := wire.Lend(s.Schema, op.Input, in)
	if err != nil {
		return nil, err
	}
	defer take()
	out, err := s.Invoke(ctx, i, lent)
	if err != nil {
		return nil, copyError(err)
	}
	out, _, err = wire.Lend(s.Schema, op.Output, out)
	return out, err
}

// CallJSON implements wire.Caller.
func (c Caller) CallJSON(ctx context.Context, service, operation string, in []byte) ([]byte, error) {
	s, ok := c[service]
	if !ok {
		return nil, fmt.Errorf("call %s %s: the test has no such service", service, operation)
	}
	return wire.CallJSON(s.Schema, operation, in, func(_ int, in any) (any, error) {
		return c.Call(ctx, service, operation, in)
	})
}

// copyError copies a service's error; what else went wrong is returned as it is.
func copyError(err error) error {
	var e wire.APIError
	if !errors.As(err, &e) {
		return err
	}
	s, ref := e.WireType()
	c, _, broken := wire.Lend(s, ref, e)
	if broken != nil {
		return broken
	}
	if e, ok := c.(wire.APIError); ok {
		return e
	}
	return err
}
