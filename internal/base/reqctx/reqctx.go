// SPDX-License-Identifier: Apache-2.0

// Package reqctx carries what the front door learned about a request to the code that serves it: whose request it is,
// for which account and region, and under which id it is logged. It carries no dependencies and no options.
package reqctx

import "context"

// Scope is the tenant of a request: every name of a resource is unique within it.
type Scope struct {
	Account string // 12 digits
	Region  string // "us-east-1"
}

// Request is what is known of one API call. The zero value means "outside any request".
type Request struct {
	Scope
	ID           string // request id as the client sees it
	PrincipalARN string // "arn:aws:iam::123456789012:root", or an assumed-role session's ARN
	UserID       string // GetCallerIdentity's UserId: the account of a root, "AROA...:session" of a role session
	AccessKeyID  string // "" when the call was not signed
	Host         string // the Host the client used, with its port: base of the URLs that answers contain
}

type key struct{}

// carrier is context.WithValue for a Request, in one allocation: each call makes one.
type carrier struct {
	context.Context //nolint:containedctx // it is a context itself
	request         Request
}

func (c *carrier) Value(k any) any {
	if k == (key{}) {
		return &c.request
	}
	return c.Context.Value(k)
}

// With returns a context that carries r.
func With(ctx context.Context, r Request) context.Context { return &carrier{ctx, r} }

// From returns the request that ctx carries, or the zero Request.
func From(ctx context.Context) Request {
	if r, ok := ctx.Value(key{}).(*Request); ok {
		return *r
	}
	return Request{}
}
