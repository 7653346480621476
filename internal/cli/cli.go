// SPDX-License-Identifier: Apache-2.0

// Package cli is the gust command: one file for each subcommand. Commands that work on a server talk HTTP to it; `serve`
// itself belongs to internal/app, which hands it in. Read this file first: parsing, help, errors and exit codes.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/alecthomas/kong"

	"github.com/gustcloud/gust/internal/access/sigv4"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// Env is what commands get from outside.
type Env struct {
	Args           []string // without the program's name
	Stdout, Stderr io.Writer
	Version        string     // "" where the build has none
	Path           string     // of executables: where interpreters are looked for
	Homes          []string   // home directories in which version managers keep interpreters
	Vars           kong.Vars  // for the defaults of Serve's flags
	Keys           sigv4.Keys // what calls of a running server are signed with; may be empty
}

// root is the tree of commands. S is the structure of `serve`: its fields are flags, its Run starts the server.
type root[S any] struct {
	Serve      S                 `cmd:"" help:"Start the server."`
	Doctor     doctorCommand     `cmd:"" help:"Show what this host gives functions: isolation, limits, runtimes, and how to get what is missing."`
	Runtime    runtimeCommand    `cmd:"" help:"Show the managed runtimes of this host."`
	Services   servicesCommand   `cmd:"" help:"Show which AWS services and how many of their operations Gust has."`
	Store      storeCommand      `cmd:"" help:"Back up what a server keeps."`
	Demo       demoCommand       `cmd:"" help:"Run three functions from start to kill -9 and back, on a server of its own."`
	Bench      benchCommand      `cmd:"" help:"Measure cold starts, warm calls and the start of the server on this host."`
	Completion completionCommand `cmd:"" help:"Print a completion script for a shell."`
	Version    versionCommand    `cmd:"" help:"Print the version."`
}

const description = `A self-hosted serverless platform that speaks the AWS wire protocols.

Start it with "gust serve", then point the AWS CLI, an SDK or a tool at http://127.0.0.1:4566.`

// Hinter is an error that knows what its reader can do about it.
type Hinter interface {
	error
	Hint() string
}

// exitCode ends parsing when kong has printed a help text: it offers no other way out.
type exitCode int

// Main parses the arguments, runs one command and returns the process's exit code: 0, 1 for a failure, 2 for wrong usage.
func Main[S any](ctx context.Context, e Env, serve S) (code int) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case exitCode:
			code = int(p)
		default:
			panic(p)
		}
	}()
	tree := &root[S]{Serve: serve}
	parser, err := newParser(e, tree)
	if err != nil {
		return e.fail(err)
	}
	args := e.Args
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		e.complain("gust: %v\n%s\n", err, `Run "gust --help" or "gust COMMAND --help" for how it is used.`)
		return exitUsage
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	if err := parsed.Run(&e); err != nil {
		return e.fail(err)
	}
	return exitOK
}

func newParser(e Env, tree any) (*kong.Kong, error) {
	return kong.New(tree,
		kong.Name("gust"), kong.Description(description), kong.Writers(e.Stdout, e.Stderr), e.Vars,
		kong.Exit(func(code int) { panic(exitCode(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
		kong.ExplicitGroups([]kong.Group{
			{Key: "server", Title: "Server:"}, {Key: "functions", Title: "Functions:"}, {Key: "security", Title: "Who may call:"},
		}),
	)
}

// fail prints an error and what to do about it.
func (e *Env) fail(err error) int {
	e.complain("gust: %v\n", err)
	if h := Hinter(nil); errors.As(err, &h) {
		e.complain("  %s\n", h.Hint())
	}
	return exitFailure
}

// complain writes to the standard error output; where that is closed nobody is left to tell.
func (e *Env) complain(format string, args ...any) { _, _ = fmt.Fprintf(e.Stderr, format, args...) }
