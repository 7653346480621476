// SPDX-License-Identifier: Apache-2.0

// Package invoke is the contract of function calls. Invoker is the only way anything calls a function (implemented by
// services/lambda: permission, qualifier, concurrency); Environments is how services/lambda reaches the execution plane
// (implemented by worker/pool). It holds types and errors, no behaviour.
package invoke

import (
	"context"
	"io"
	"time"

	"github.com/gustcloud/gust/internal/base/reqctx"
)

// Invoker calls functions.
type Invoker interface {
	// Invoke runs the function synchronously and returns its result. A function's own failure is a Result with
	// FunctionError set, not an error; errors are typed errors of the lambda contract.
	Invoke(ctx context.Context, r Request) (*Result, error)
}

// Request is one synchronous call.
type Request struct {
	Function        string // name, partial ARN or ARN
	Qualifier       string // "" for $LATEST
	Payload         []byte // JSON; nil is "{}"
	ClientContext   string // decoded JSON, "" for none
	CognitoIdentity string // JSON, "" for none
	TraceID         string // X-Ray header, "" for none
	LogTail         bool   // return the last 4 KB of the log
}

// Environments runs versions in execution environments. It is safe for concurrent use.
type Environments interface {
	// Try holds an execution environment of v while fn runs: an idle one, else a new one. ctx bounds the wait for it.
	// Errors: *BusyError when the host has no room, *PackError, *CodeError, and what fn returns.
	Try(ctx context.Context, v *Version, fn func(Environment) error) error
	// CheckCode tells whether a deployment package could be unpacked, by its directory alone: nothing is written.
	// Errors: *CodeError.
	CheckCode(ctx context.Context, zip io.ReaderAt, size int64) error
	// Prepare does in advance what a first invocation would wait for: finds the runtime pack, unpacks the code. It
	// does not run the function. Errors: *PackError, *CodeError.
	Prepare(ctx context.Context, v *Version) error
	// Retire tells that only the revision keep of a version may take new invocations ("" for none: it was deleted).
	// Busy environments finish theirs first.
	Retire(functionARN, version, keep string)
}

// Environment is one execution environment, valid only inside Try's fn.
type Environment interface {
	// Invoke runs one event to its end: response, error or timeout, with init first where it is due. The function
	// keeps running when ctx ends early (its caller went away), and is killed only by its own timeout.
	Invoke(ctx context.Context, e Event) (*Result, error)
}

// Version is what an execution environment runs. It is immutable: a change of code or configuration is a new Version
// value with a new Revision.
type Version struct {
	reqctx.Scope
	FunctionARN string // unqualified
	Name        string
	Version     string // "$LATEST", "1"
	Revision    string // the RevisionId
	Runtime     string // "python3.11", "provided.al2023"
	Handler     string // "app.handler"
	CodeSHA256  string // 64 lower-case hexadecimal digits: sha256 of the zip
	OpenCode    func(ctx context.Context) (CodeReader, error)
	MemoryMB    int
	Timeout     time.Duration
	EphemeralMB int
	Environment map[string]string // the customer's variables
	RoleARN     string
	LogGroup    string // "/aws/lambda/NAME"
}

// CodeReader is an open deployment package.
type CodeReader interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// Event is one invocation of an environment.
type Event struct {
	RequestID       string
	InvokedARN      string // as the caller named it, with its qualifier if it gave one
	Payload         []byte // valid JSON
	ClientContext   string
	CognitoIdentity string
	TraceID         string
	LogTail         bool
}

// Result is what an invocation gave.
type Result struct {
	Payload         []byte
	FunctionError   string // "" or "Unhandled"
	LogTail         []byte // at most 4,096 bytes, nil unless asked for
	ExecutedVersion string // set by the Invoker
	Report          Report
}

// Report holds the measured values of a REPORT line. An invocation ends, and is measured, when its runtime asks for the
// next event, a moment after its answer: a Result without LogTail has the Duration until the answer, and neither CPU nor
// MaxMemoryMB.
type Report struct {
	Duration     time.Duration // of the invocation, without a first init
	InitDuration time.Duration // 0 on a warm start
	Billed       time.Duration // rounded up to 1 ms
	CPU          time.Duration
	MaxMemoryMB  int // -1 where the host cannot measure it, or it is not known yet
	Cold         bool
	Status       string // "", "timeout", "error"
	ErrorType    string // "Runtime.ExitError", "" for none
}

// BusyError tells that no environment could be made now; the caller may try again.
type BusyError struct{ Message string }

func (e *BusyError) Error() string { return e.Message }

// CodeError tells that the deployment package is not usable. Message is AWS's text where AWS has one.
type CodeError struct{ Message string }

func (e *CodeError) Error() string { return e.Message }

// PackError tells that this host has no interpreter for a managed runtime. Fix is the command that would give it one.
type PackError struct{ Runtime, Fix string }

func (e *PackError) Error() string {
	return "no runtime pack for " + e.Runtime + " on this host: " + e.Fix
}
