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
	"github.com/gustcloud/gust/internal/worker/sandbox"
)

// Addresses inside a sandbox, as Place's listeners have them.
const (
	RuntimeAddress = "127.0.0.1:9001"
	RuntimeSocket  = "@gust-runtime" // abstract; of our own bootstraps
	APIAddress     = "127.0.0.1:4566"
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
	// Command returns the executable and its arguments (argv, with argv[0]) as seen from inside.
	Command func(p sandbox.Paths) (path string, args []string)
	Env     []string // "NAME=value": defaults that the customer's variables may override
	Socket  bool     // the bootstrap speaks over the abstract socket instead of TCP
	Version string   // for the INIT_START line: "python:3.11.2"
}

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
