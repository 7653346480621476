// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"text/tabwriter"

	"github.com/gustcloud/gust/internal/invoke"
	"github.com/gustcloud/gust/internal/worker/runtimes"
)

type runtimeCommand struct {
	List runtimeListCommand `cmd:"" help:"List the managed runtimes, with the interpreter that this host has for each."`
}

type runtimeListCommand struct {
	JSON bool `help:"Print JSON instead of a table." name:"json"`
}

// runtimeLine is one runtime in the JSON form.
type runtimeLine struct {
	Name        string `json:"name"`
	Available   bool   `json:"available"`
	Version     string `json:"version,omitempty"`     // of the interpreter
	Interpreter string `json:"interpreter,omitempty"` // its path
	Fix         string `json:"fix,omitempty"`         // what makes the runtime available
}

// Run prints the table.
func (c runtimeListCommand) Run(ctx context.Context, e *Env) error {
	list, err := e.runtimes(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		lines := make([]runtimeLine, len(list))
		for i, r := range list {
			lines[i] = runtimeLine{Name: r.Runtime, Available: r.Err == nil}
			if r.Err == nil {
				lines[i].Version, lines[i].Interpreter = r.Pack.Version, r.Pack.Interpreter
			} else {
				_, lines[i].Fix = describeRuntime(r)
			}
		}
		enc := json.NewEncoder(e.Stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(lines)
	}
	t := tabwriter.NewWriter(e.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "RUNTIME\tVERSION\tINTERPRETER")
	for _, r := range list {
		detail, fix := describeRuntime(r)
		version := "-"
		if r.Err == nil {
			version = "any"
			if v := r.Pack.Version; v != "" {
				version, detail = v, r.Pack.Interpreter
			}
		} else if fix != "" {
			detail = fix
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\n", r.Runtime, version, detail)
	}
	return t.Flush() // the table is written here, and here an error shows
}

// describeRuntime words what the host has for a runtime, and what to do where it has nothing.
func describeRuntime(r runtimes.Status) (detail, fix string) {
	var missing *invoke.PackError
	switch {
	case errors.As(r.Err, &missing):
		return "not on this host", missing.Fix
	case r.Err != nil:
		return r.Err.Error(), ""
	case r.Pack.Version == "":
		return "the function brings its own bootstrap", ""
	}
	return r.Pack.Version + " " + r.Pack.Interpreter, ""
}

// runtimes looks for the interpreters of this host. The trees that this makes are thrown away.
func (e *Env) runtimes(ctx context.Context) (_ []runtimes.Status, err error) {
	dir, err := os.MkdirTemp("", "gust-runtimes-")
	if err != nil {
		return nil, fmt.Errorf("look for runtimes: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	set := runtimes.New(runtimes.Deps{Dir: dir, Homes: e.Homes, Path: e.Path, Log: slog.New(slog.DiscardHandler)})
	return set.List(ctx), nil
}
