// SPDX-License-Identifier: Apache-2.0

// Package app is the composition root: it reads the configuration, wires planes and services together, owns every root
// goroutine, starts and stops the server. It holds no behaviour of the platform itself.
//
// Read services.go first: it is the map of who calls whom. Then run.go (start, drain, stop) and config.go.
package app

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/gustcloud/gust/internal/access"
	"github.com/gustcloud/gust/internal/access/sigv4"
	"github.com/gustcloud/gust/internal/cli"
	"github.com/gustcloud/gust/internal/worker/spawner"
)

// Main is the whole program. version is "" unless the build set one; the result is the process's exit code.
func Main(version string) int {
	// The server starts this program again for all privileged work: no other part of it may run there.
	if len(os.Args) > 1 && os.Args[1] == "spawner" {
		return spawner.Main(os.Args[2:])
	}
	// The first signal asks for an orderly end; with the second the system's default action ends the process.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return cli.Main(ctx, cli.Env{
		Args: os.Args[1:], Stdout: os.Stdout, Stderr: os.Stderr, Version: version, Vars: vars(),
		Path: os.Getenv("PATH"), Homes: homes(), Keys: sigv4.Keys{
			AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
			SessionToken: os.Getenv("AWS_SESSION_TOKEN"),
		},
	}, serveCommand{})
}

// serveCommand is `gust serve`.
type serveCommand struct{ Config }

// Help is shown by `gust serve --help`.
func (serveCommand) Help() string {
	return "Every flag can also be set by the environment variable that stands behind it, or in a configuration file. " +
		"A flag wins over the environment, the environment over the file.\n\n" +
		"With --auth enforce every request must be signed with an access key of this server. Its first start makes those of " +
		"the root of account " + access.DefaultAccount + " and prints them on the standard output, once, as the environment of AWS's tools; " +
		"with them make others: aws iam create-user, create-access-key. Signatures show who asks and that nothing was changed; " +
		"they hide nothing: across a network put a proxy with TLS in front.\n\n" +
		`The line "Ready." is logged when requests are served. SIGTERM and Ctrl-C let running requests end first, ` +
		"for 8 seconds at most; a second one ends at once."
}

// Run serves until ctx ends.
func (c *serveCommand) Run(ctx context.Context, e *cli.Env) error {
	if err := c.check(); err != nil {
		return err
	}
	return run(ctx, c.Config, cli.Version(e.Version), e.Stdout, e.Stderr)
}
