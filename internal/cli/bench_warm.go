// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/gustcloud/gust/bench/floor"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/cli/measure"
	"github.com/gustcloud/gust/internal/cli/trial"
)

type benchWarmCommand struct {
	Count   int           `default:"4000" help:"Invocations of one client."`
	Clients int           `default:"16" help:"Clients of the throughput run, each with an environment of its own."`
	For     time.Duration `default:"3s" help:"Length of the throughput run."`
	Driver  string        `default:"linux" enum:"linux,process" help:"Sandbox driver."`

	Endpoint string `placeholder:"URL" help:"Measure the running server at URL, with the keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, instead of one of its own."`
}

// Help is shown by `gust bench warm --help`.
func (benchWarmCommand) Help() string {
	return `With --endpoint the functions are made on that server and deleted after. The floor of a warm invocation is a no-op HTTP server in a process of its own, asked by the same client, and the bare runtime loop of bench/floor, added up.`
}

// Run measures and prints the table.
func (c benchWarmCommand) Run(ctx context.Context, e *Env) error {
	command := fmt.Sprintf("gust bench warm --count=%d --clients=%d --for=%s", c.Count, c.Clients, c.For)
	if c.Endpoint != "" {
		command += " --endpoint=" + c.Endpoint
	} else {
		command += " --driver=" + c.Driver
	}
	return e.benchRun(ctx, command, func(subjects []subject) error {
		t := tabwriter.NewWriter(e.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintf(t, "runtime\tno-op HTTP p50\tbare loop p50\twarm p50\tp99\tratio\t%d clients: calls/s\tms\t\n", c.Clients)
		for _, s := range subjects {
			noop, err := e.noopHTTP(ctx, c.Count)
			if err != nil {
				return fmt.Errorf("no-op HTTP: %w", err)
			}
			loop, err := floor.Warm(ctx, clock.System{}, s.floor, c.Count, benchEvent)
			if err != nil {
				return fmt.Errorf("floor of %s: %w", s.name, err)
			}
			warm, rate, err := c.measure(ctx, e, s)
			if err != nil {
				return err
			}
			base := noop.Median() + median(loop)
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%.2f\t%.0f\t\t\n", s.name, milliseconds(noop.Median()), milliseconds(median(loop)),
				milliseconds(warm.Median()), milliseconds(warm.Quantile(0.99)), float64(warm.Median())/float64(base), rate)
		}
		return t.Flush()
	})
}

func (c benchWarmCommand) measure(ctx context.Context, e *Env, s subject) (warm measure.Times, rate float64, err error) {
	err = c.with(ctx, e, func(client *trial.Client) (err error) {
		if err := createMany(ctx, client, s, 1); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, client.Delete(context.WithoutCancel(ctx), functionName(0))) }()
		for i := range c.Count + 50 {
			a, err := client.Invoke(ctx, functionName(0), benchEvent, false)
			if err != nil {
				return err
			}
			if i >= 50 {
				warm = append(warm, a.Took)
			}
		}
		rate, err = throughput(ctx, client, c.Clients, c.For)
		return err
	})
	return warm, rate, err
}

// with gives fn a client of the server to be measured.
func (c benchWarmCommand) with(ctx context.Context, e *Env, fn func(*trial.Client) error) error {
	if c.Endpoint != "" {
		return fn(trial.NewClient(strings.TrimSuffix(c.Endpoint, "/"), e.Keys, clock.System{}))
	}
	o, err := e.trialOptions("--driver", c.Driver)
	if err != nil {
		return err
	}
	return trial.With(ctx, o, func(server *trial.Server) error { return fn(server.Client()) })
}

// throughput calls one function from several clients at once and returns the calls per second after a warm-up call each.
func throughput(ctx context.Context, client *trial.Client, clients int, length time.Duration) (float64, error) {
	clk := clock.System{}
	var calls atomic.Int64
	failed := make(chan error, clients)
	var ready, running sync.WaitGroup
	ready.Add(clients)
	start := make(chan struct{})
	var end time.Time // set before start is closed
	for range clients {
		running.Go(func() {
			_, err := client.Invoke(ctx, functionName(0), benchEvent, false)
			ready.Done()
			<-start
			for err == nil && clk.Now().Before(end) {
				if _, err = client.Invoke(ctx, functionName(0), benchEvent, false); err == nil {
					calls.Add(1)
				}
			}
			if err != nil {
				failed <- err
			}
		})
	}
	ready.Wait()
	began := clk.Now()
	end = began.Add(length)
	close(start)
	running.Wait()
	close(failed)
	return float64(calls.Load()) / clk.Now().Sub(began).Seconds(), <-failed
}
