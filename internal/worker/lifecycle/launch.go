// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/invoke"
	"github.com/gustcloud/gust/internal/worker/output"
	"github.com/gustcloud/gust/internal/worker/runtimes"
	"github.com/gustcloud/gust/internal/worker/sandbox"
)

// Addresses inside a sandbox, as Place's listeners have them.
const (
	RuntimeAddress = "127.0.0.1:9001"
	APIAddress     = "127.0.0.1:4566"
	// RuntimeSocket is abstract, of our own bootstraps. It has the greatest length, 108 bytes: Node.js 20 pads shorter
	// names with NUL bytes and so would not find them.
	RuntimeSocket = runtimes.SocketName
)

// Place is a sandbox that no function has claimed, with its listeners. The listeners close with the sandbox.
type Place struct {
	Sandbox sandbox.Sandbox
	Runtime net.Listener // RuntimeAddress
	Socket  net.Listener // RuntimeSocket
	API     net.Listener // APIAddress
}

// Launch is how the runtime of a version is started.
type Launch struct {
	Template   sandbox.Template
	RuntimeDir string // host directory shown at Paths.Runtime; "" for none
	Version    string // for the INIT_START line: "python:3.11.2"
	// Command returns the runtime process. Stdout and Stderr are set by the caller.
	// Errors: *EntrypointError, when the function has nothing to start.
	Command func(s Start) (sandbox.Command, error)
}

// Start is what the command and the variables of a runtime process depend on, beside the version.
type Start struct {
	Paths       sandbox.Paths
	Code        string // host directory of the function's code
	LogStream   string
	RuntimeAPI  string // host:port as seen from inside
	Socket      string // the same API's unix socket; "" for none
	Endpoint    string // URL of the AWS API door as seen from inside; "" for none
	InitType    string // "on-demand"
	Credentials Credentials
}

// EntrypointError says that the function's code has no bootstrap. Its errorType is Runtime.InvalidEntrypoint.
type EntrypointError struct{ Message string }

func (e *EntrypointError) Error() string { return e.Message }

// Credentials are those of the execution role.
type Credentials struct {
	AccessKeyID, SecretAccessKey, SessionToken string
	Expires                                    time.Time // zero: never
}

// Deps is what environments need. All fields are required but APIDoor.
type Deps struct {
	Clock  clock.Clock
	Log    *slog.Logger
	Output *output.Writer
	// Place gives a parked sandbox of a template, or makes one. The caller owns it.
	Place func(ctx context.Context, t sandbox.Template) (*Place, error)
	// Credentials makes a session of the execution role.
	Credentials func(ctx context.Context, roleARN, sessionName string) (Credentials, error)
	// APIDoor serves the AWS API on a listener inside a sandbox until the listener is closed; nil for none.
	APIDoor func(net.Listener)
}

// Config is what one environment runs.
type Config struct {
	ID        string // unique: 32 hexadecimal digits, the end of its log stream's name
	Version   *invoke.Version
	Launch    Launch
	CodeDir   string        // host directory of the unpacked code
	InitLimit time.Duration // of the first init; 10 s on AWS
	InitType  string        // "on-demand": AWS_LAMBDA_INITIALIZATION_TYPE
}
