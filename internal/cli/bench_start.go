// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/cli/measure"
	"github.com/gustcloud/gust/internal/cli/trial"
)

type benchStartCommand struct {
	Count  int           `default:"20" help:"Starts."`
	Idle   time.Duration `default:"3s" help:"How long a server idles before its memory is read."`
	Driver string        `default:"linux" enum:"linux,process" help:"Sandbox driver."`
}

// Run measures and prints.
func (c benchStartCommand) Run(ctx context.Context, e *Env) error {
	clk := clock.System{}
	fmt.Fprint(e.Stdout, measure.Head(clk.Now(), fmt.Sprintf("gust bench start --count=%d --idle=%s --driver=%s", c.Count, c.Idle, c.Driver), Version(e.Version)))
	o, err := e.trialOptions("--driver", c.Driver)
	if err != nil {
		return err
	}
	var starts measure.Times
	var idle measure.Tree
	for i := range c.Count {
		began := clk.Now()
		err := trial.With(ctx, o, func(s *trial.Server) error {
			starts = append(starts, clk.Now().Sub(began))
			if i < c.Count-1 {
				return nil
			}
			if err := clk.Sleep(ctx, c.Idle); err != nil {
				return err
			}
			var err error
			idle, err = measure.TreeOf(s.PID(), func(cmdline string) bool { return strings.Contains(cmdline, "gust") })
			return err
		})
		if err != nil {
			return err
		}
	}
	fmt.Fprintf(e.Stdout, "start on an empty directory to the first answer: p50 %s ms, max %s ms\n", milliseconds(starts.Median()), milliseconds(starts.Quantile(1)))
	fmt.Fprintf(e.Stdout, "idle memory (RSS) of server and spawner: %.1f MiB\n", float64(idle.RSS)/(1<<20))
	return nil
}
