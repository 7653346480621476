// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gustcloud/gust/bench/floor"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/cli/measure"
	"github.com/gustcloud/gust/internal/cli/trial"
)

// benchCommand measures. Each figure stands beside the floor measured in the same run and its ratio to it: absolute
// numbers of a shared machine move too much to be compared.
type benchCommand struct {
	Cold  benchColdCommand  `cmd:"" help:"Cold starts: with parked sandboxes, without, and sustained, beside the bare program."`
	Warm  benchWarmCommand  `cmd:"" help:"Warm invocations: latency of one client and throughput of several, beside their floor."`
	Start benchStartCommand `cmd:"" help:"Start of a server on an empty directory, and its memory when idle."`
	Noop  benchNoopCommand  `cmd:"" hidden:""`
	Store benchStoreCommand `cmd:"" help:"Durable puts through the store, beside the engine alone."`
}

func median(t []time.Duration) time.Duration { return measure.Times(t).Median() }

func milliseconds(d time.Duration) string { return measure.Milliseconds(d) }

// subject is one runtime that is measured.
type subject struct {
	name     string // "static", "python", "node"
	function trial.Function
	floor    floor.Program
}

var benchEvent = []byte(`{"name":"world"}`)

// subjects prepares the runtimes that this host has; dir takes the floor's programs.
func (e *Env) subjects(ctx context.Context, dir string) ([]subject, error) {
	binary, err := trial.Bootstrap()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "static")
	if err := os.WriteFile(path, binary, 0o700); err != nil { //nolint:gosec // an executable
		return nil, err
	}
	pack, err := trial.Zip("bootstrap", binary)
	if err != nil {
		return nil, err
	}
	out := []subject{{
		name: "static", floor: floor.Static(path),
		function: trial.Function{Runtime: "provided.al2023", Handler: "bootstrap", Zip: pack},
	}}
	list, err := e.runtimes(ctx)
	if err != nil {
		return nil, err
	}
	languages := []struct {
		name, prefix, file, source string
		program                    func(interpreter, dir string) (floor.Program, error)
	}{
		{"python", "python", "handler.py", floor.PythonHandler, floor.Python},
		{"node", "nodejs", "handler.cjs", floor.NodeHandler, floor.Node},
	}
	for _, l := range languages {
		var s *subject
		for _, r := range list {
			// Debian's own interpreter where it is there: what a newcomer has.
			if r.Err != nil || !strings.HasPrefix(r.Runtime, l.prefix) || s != nil && !strings.HasPrefix(r.Pack.Interpreter, "/usr/bin/") {
				continue
			}
			sub := filepath.Join(dir, l.name)
			if err := os.MkdirAll(sub, 0o700); err != nil {
				return nil, err
			}
			bare, err := l.program(r.Pack.Interpreter, sub)
			if err != nil {
				return nil, err
			}
			zip, err := trial.Zip(l.file, []byte(l.source))
			if err != nil {
				return nil, err
			}
			s = &subject{name: l.name, floor: bare, function: trial.Function{Runtime: r.Runtime, Handler: "handler.handler", Zip: zip}}
		}
		if s != nil {
			out = append(out, *s)
		}
	}
	for i := range out {
		out[i].function.MemoryMB, out[i].function.TimeoutS = 1769, 10
	}
	return out, nil
}

// trialOptions start this program as a server.
func (e *Env) trialOptions(flags ...string) (trial.Options, error) {
	program, err := os.Executable()
	if err != nil {
		return trial.Options{}, err
	}
	env := []string{"PATH=" + e.Path}
	if len(e.Homes) > 0 {
		env = append(env, "HOME="+e.Homes[0])
	}
	return trial.Options{Program: program, Flags: flags, Env: env, Clock: clock.System{}}, nil
}

// benchRun prints the head and gives fn a directory and the subjects.
func (e *Env) benchRun(ctx context.Context, command string, fn func([]subject) error) error {
	dir, err := os.MkdirTemp("", "gust-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	subjects, err := e.subjects(ctx, dir)
	if err != nil {
		return err
	}
	fmt.Fprint(e.Stdout, measure.Head(clock.System{}.Now(), command, Version(e.Version)))
	return fn(subjects)
}
