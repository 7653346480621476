// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gustcloud/gust/internal/worker/host"
	"github.com/gustcloud/gust/internal/worker/runtimes"
)

type doctorCommand struct {
	Data string `env:"GUST_DATA" type:"path" default:"${data}" placeholder:"DIR" help:"The data directory whose disk is looked at (default: ${default})."`
}

// Help is shown by `gust doctor --help`.
func (doctorCommand) Help() string {
	return "Looks at this machine and changes nothing. The exit code is 1 when functions cannot be isolated from the " +
		"host and from each other."
}

// errNotIsolated makes the exit code; the report has said why.
var errNotIsolated = errors.New("this host cannot isolate functions; the lines marked MISSING say what to do")

// Run prints the report.
func (c doctorCommand) Run(ctx context.Context, e *Env) error {
	report := needRoot(host.Inspect(host.Options{DataDir: c.Data}))
	list, err := e.runtimes(ctx)
	if err != nil {
		return err
	}
	if err := writeDoctor(e.Stdout, report, list); err != nil {
		return err
	}
	if !report.OK() {
		return errNotIsolated
	}
	return nil
}

// needRoot marks what this version's driver needs beyond what isolation itself does: it has no rootless mode yet.
func needRoot(r host.Report) host.Report {
	for i := range r.Items {
		if r.Items[i].Name == host.Root && !r.Items[i].OK {
			r.Items[i].Required = true
			r.Items[i].Fix = "start as root (sudo gust serve), or without any isolation with --driver process"
		}
	}
	return r
}

// writeDoctor prints one line for each thing that was looked at and one more for what to do about it. "MISSING" is what
// isolation needs, "no" what makes a limit weaker or a runtime unavailable.
func writeDoctor(w io.Writer, report host.Report, list []runtimes.Status) error {
	var b strings.Builder
	line := func(ok, required bool, name, detail, fix string) {
		mark := "no"
		switch {
		case ok:
			mark = "ok"
		case required:
			mark = "MISSING"
		}
		fmt.Fprintf(&b, "  %-8s %-18s %s\n", mark, name, detail)
		if !ok && fix != "" {
			fmt.Fprintf(&b, "  %-8s %-18s -> %s\n", "", "", fix)
		}
	}
	b.WriteString("Isolation and limits\n")
	for _, i := range report.Items {
		line(i.OK, i.Required, i.Name, i.Detail, i.Fix)
	}
	b.WriteString("\nRuntimes\n")
	for _, r := range list {
		detail, fix := describeRuntime(r)
		line(r.Err == nil, false, r.Runtime, detail, fix)
	}
	missing := len(report.Missing())
	switch {
	case !report.OK():
		b.WriteString("\nFunctions cannot be isolated on this host.\n")
	case missing > 0:
		fmt.Fprintf(&b, "\nFunctions are isolated; %d of the points above could be better.\n", missing)
	default:
		b.WriteString("\nFunctions are isolated, and every limit holds.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
