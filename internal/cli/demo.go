// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/cli/trial"
)

type demoCommand struct {
	Driver string `default:"linux" enum:"linux,process" help:"Sandbox driver: linux, or process, which isolates nothing."`
	Auth   string `default:"development" enum:"development,enforce" help:"As for gust serve; enforce signs with the credentials that the server makes."`
}

// Help is shown by `gust demo --help`.
func (demoCommand) Help() string {
	return `Starts a server of its own on an empty data directory, creates a Python, a Node.js and a compiled function through the AWS API, calls each cold and warm, kills the server with kill -9, starts it again, calls them once more, and cleans up.`
}

const demoPython = `import platform
greeted = 0
def handler(event, context):
    global greeted
    greeted += 1
    return f"hello {event['name']} from Python {platform.python_version()}, call {greeted}"
`

const demoNode = "let greeted = 0\nexports.handler = async (event) =>\n  `hello ${event.name} from Node.js ${process.versions.node}, call ${++greeted}`\n"

// demoRow is one line of the table.
type demoRow struct {
	function     trial.Function
	first, again trial.Answer
	warm         time.Duration
}

// Run plays the demo.
func (c demoCommand) Run(ctx context.Context, e *Env) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	rows, err := c.functions(ctx, e)
	if err != nil {
		return err
	}
	options := trial.Options{Program: program, Flags: []string{"--driver", c.Driver, "--auth", c.Auth}, Env: []string{"PATH=" + e.Path, "HOME=" + strings.Join(e.Homes, ":")}, Clock: clock.System{}}
	return trial.With(ctx, options, func(s *trial.Server) error {
		fmt.Fprintf(e.Stdout, "gust serves at %s\n", s.Endpoint)
		if err := play(ctx, e, s.Client(), rows); err != nil {
			return err
		}
		fmt.Fprintln(e.Stdout, "kill -9, and start again on the same data directory")
		if err := s.Kill(); err != nil {
			return err
		}
		if err := s.Start(ctx); err != nil {
			return err
		}
		client := s.Client()
		for i := range rows {
			if rows[i].again, err = client.Invoke(ctx, rows[i].function.Name, demoEvent, true); err != nil {
				return fmt.Errorf("after the kill: %w", err)
			}
		}
		return writeDemo(e, rows)
	})
}

var demoEvent = []byte(`{"name":"world"}`)

// functions are the three to run: the newest Python and Node.js of this host and the compiled one.
func (c demoCommand) functions(ctx context.Context, e *Env) ([]demoRow, error) {
	list, err := e.runtimes(ctx)
	if err != nil {
		return nil, err
	}
	sources := []struct{ prefix, file, handler, source, fix string }{
		{"python", "app.py", "app.handler", demoPython, "apt-get install python3"},
		{"nodejs", "index.js", "index.handler", demoNode, "apt-get install nodejs"},
	}
	var rows []demoRow
	for _, s := range sources {
		runtime := ""
		for _, r := range list {
			if strings.HasPrefix(r.Runtime, s.prefix) && r.Err == nil {
				runtime = r.Runtime
			}
		}
		if runtime == "" {
			return nil, fmt.Errorf("this host has no %s that Lambda knows: %s (`gust runtime list` shows the versions)", s.prefix, s.fix)
		}
		pack, err := trial.Zip(s.file, []byte(s.source))
		if err != nil {
			return nil, err
		}
		rows = append(rows, demoRow{function: trial.Function{Name: "hello-" + s.prefix, Runtime: runtime, Handler: s.handler, Zip: pack}})
	}
	binary, err := trial.Bootstrap()
	if err != nil {
		return nil, err
	}
	pack, err := trial.Zip("bootstrap", binary)
	if err != nil {
		return nil, err
	}
	return append(rows, demoRow{function: trial.Function{Name: "echo-compiled", Runtime: "provided.al2023", Handler: "bootstrap", Zip: pack}}), nil
}

// play creates the functions and calls each cold, then warm.
func play(ctx context.Context, e *Env, client *trial.Client, rows []demoRow) error {
	const calls = 20
	for i := range rows {
		r := &rows[i]
		r.function.MemoryMB, r.function.TimeoutS = 1769, 10 // one whole core, as AWS gives it
		fmt.Fprintf(e.Stdout, "create-function %s (%s), invoke\n", r.function.Name, r.function.Runtime)
		if err := client.Create(ctx, r.function); err != nil {
			return err
		}
		var err error
		if r.first, err = client.Invoke(ctx, r.function.Name, demoEvent, true); err != nil {
			return err
		}
		took := make([]time.Duration, calls)
		for n := range took {
			a, err := client.Invoke(ctx, r.function.Name, demoEvent, false)
			if err != nil {
				return err
			}
			took[n] = a.Took
		}
		r.warm = median(took)
	}
	return nil
}

func writeDemo(e *Env, rows []demoRow) error {
	t := tabwriter.NewWriter(e.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nFUNCTION\tRUNTIME\tCOLD ms\tWARM ms\tMEMORY\tAFTER kill -9\tRESULT")
	for _, r := range rows {
		var text string
		if json.Unmarshal(r.first.Payload, &text) != nil {
			text = string(r.first.Payload)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d MB\tanswers\t%s\n", r.function.Name, r.function.Runtime,
			milliseconds(r.first.Took), milliseconds(r.warm), r.first.MaxMemoryMB(), text)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(e.Stdout, "\ncold: sandbox, interpreter, import and first answer; warm: median of 20 calls; both over signed HTTP")
	return nil
}
