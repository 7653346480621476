// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/gustcloud/gust/bench/floor"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/cli/measure"
	"github.com/gustcloud/gust/internal/cli/trial"
)

type benchColdCommand struct {
	Count  int    `default:"40" help:"Cold starts of each kind and runtime."`
	Burst  int    `default:"200" help:"Cold starts of the sustained run."`
	Rate   int    `default:"20" help:"Cold starts per second of the sustained run."`
	Driver string `default:"linux" enum:"linux,process" help:"Sandbox driver."`
}

// Help is shown by `gust bench cold --help`.
func (benchColdCommand) Help() string {
	return `A cold start is the first call of a new function through the signed HTTP API; its code is unpacked already. The floor is the bare program of bench/floor: same interpreter and handler, no sandbox; the two are measured in turns, each after a moment of idleness. "parked" finds a sandbox made in advance, "pool empty" makes one on the spot.`
}

// Run measures and prints the tables.
func (c benchColdCommand) Run(ctx context.Context, e *Env) error {
	command := fmt.Sprintf("gust bench cold --count=%d --burst=%d --rate=%d --driver=%s", c.Count, c.Burst, c.Rate, c.Driver)
	return e.benchRun(ctx, command, func(subjects []subject) error {
		t := tabwriter.NewWriter(e.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(t, "runtime\tfloor p50\tparked p50\tp99\tratio\tpool empty p50\tp99\tover floor\tms\t")
		sustained := make([]sustainedRow, 0, len(subjects))
		for _, s := range subjects {
			bare, parked, row, err := c.parked(ctx, e, s)
			if err != nil {
				return err
			}
			empty, err := c.empty(ctx, e, s)
			if err != nil {
				return err
			}
			base := median(bare)
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%.2f\t%s\t%s\t+%s\t\t\n", s.name, milliseconds(base),
				milliseconds(parked.Median()), milliseconds(parked.Quantile(0.99)), float64(parked.Median())/float64(base),
				milliseconds(empty.Median()), milliseconds(empty.Quantile(0.99)), milliseconds(empty.Median()-base))
			sustained = append(sustained, row)
		}
		if err := t.Flush(); err != nil {
			return err
		}
		return c.writeSustained(e, sustained)
	})
}

type sustainedRow struct {
	name  string
	times measure.Times
	cpu   time.Duration // of server, spawner and functions, for each cold start, refill of the pool included
	took  time.Duration
}

func (c benchColdCommand) writeSustained(e *Env, rows []sustainedRow) error {
	fmt.Fprintf(e.Stdout, "\n%d cold starts at %d/s with the pool refilled in the same run, nothing evicted:\n", c.Burst, c.Rate)
	t := tabwriter.NewWriter(e.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "runtime\tp50\tp90\tp99\tCPU ms each\tachieved/s\t")
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%.1f\t\n", r.name, milliseconds(r.times.Median()), milliseconds(r.times.Quantile(0.9)),
			milliseconds(r.times.Quantile(0.99)), milliseconds(r.cpu), float64(len(r.times))/r.took.Seconds())
	}
	return t.Flush()
}

// parked measures cold starts that find a parked sandbox, in turns with the floor, at a pace that lets the pool refill;
// then the sustained run.
func (c benchColdCommand) parked(ctx context.Context, e *Env, s subject) (bare []time.Duration, times measure.Times, row sustainedRow, err error) {
	row.name = s.name
	o, err := e.trialOptions("--driver", c.Driver, "--pool-size", "8")
	if err != nil {
		return nil, nil, row, err
	}
	err = trial.With(ctx, o, func(server *trial.Server) error {
		client := server.Client()
		if err := createMany(ctx, client, s, c.Count+c.Burst+1); err != nil {
			return err
		}
		// The first call makes the runtime's template; the pool fills behind it.
		if _, err := client.Invoke(ctx, functionName(0), benchEvent, false); err != nil {
			return err
		}
		if bare, times, err = c.inTurns(ctx, client, s); err != nil {
			return err
		}
		before, err := measure.TreeOf(server.PID(), nil)
		if err != nil {
			return err
		}
		if row.times, row.took, err = paced(ctx, client, 1+c.Count, c.Burst, c.Rate); err != nil {
			return err
		}
		after, err := measure.TreeOf(server.PID(), nil)
		row.cpu = (after.CPU - before.CPU) / time.Duration(max(c.Burst, 1))
		return err
	})
	return bare, times, row, err
}

// turn is the time from one cold start to the next, ours or the floor's: the machine is idle before each.
const turn = 100 * time.Millisecond

func (c benchColdCommand) inTurns(ctx context.Context, client *trial.Client, s subject) (bare []time.Duration, ours measure.Times, err error) {
	clk := clock.System{}
	began := clk.Now()
	at := func(slot int) error {
		return clk.Sleep(ctx, max(began.Add(time.Duration(slot)*turn).Sub(clk.Now()), 0))
	}
	bare, err = floor.Cold(ctx, clk, s.floor, c.Count, benchEvent, func(i int) error {
		if err := at(2 * i); err != nil {
			return err
		}
		a, err := client.Invoke(ctx, functionName(1+i), benchEvent, false)
		ours = append(ours, a.Took)
		return errors.Join(err, at(2*i+1))
	})
	if err != nil {
		err = fmt.Errorf("%s: %w", s.name, err)
	}
	return bare, ours, err
}

// empty measures cold starts with no pool at all.
func (c benchColdCommand) empty(ctx context.Context, e *Env, s subject) (times measure.Times, err error) {
	o, err := e.trialOptions("--driver", c.Driver, "--pool-size", "0")
	if err != nil {
		return nil, err
	}
	err = trial.With(ctx, o, func(server *trial.Server) error {
		client := server.Client()
		if err := createMany(ctx, client, s, c.Count+1); err != nil {
			return err
		}
		if _, err := client.Invoke(ctx, functionName(0), benchEvent, false); err != nil {
			return err
		}
		times, _, err = paced(ctx, client, 1, c.Count, 10)
		return err
	})
	return times, err
}

func functionName(i int) string { return fmt.Sprintf("bench-%d", i) }

// createMany makes functions of one package: their code is unpacked once, each has its own first call.
func createMany(ctx context.Context, client *trial.Client, s subject, n int) error {
	for i := range n {
		f := s.function
		f.Name = functionName(i)
		if err := client.Create(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// paced calls functions first..first+n-1 once each, rate a second; a call that is late delays the ones after it.
func paced(ctx context.Context, client *trial.Client, first, n, rate int) (measure.Times, time.Duration, error) {
	clk := clock.System{}
	times := make(measure.Times, 0, n)
	began := clk.Now()
	for i := range n {
		due := began.Add(time.Duration(i) * time.Second / time.Duration(rate))
		if wait := due.Sub(clk.Now()); wait > 0 {
			if err := clk.Sleep(ctx, wait); err != nil {
				return nil, 0, err
			}
		}
		a, err := client.Invoke(ctx, functionName(first+i), benchEvent, false)
		if err != nil {
			return nil, 0, err
		}
		times = append(times, a.Took)
	}
	return times, clk.Now().Sub(began), nil
}
