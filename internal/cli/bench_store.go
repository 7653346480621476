// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/cli/measure"
	"github.com/gustcloud/gust/internal/store/engine/pebble"
)

type benchStoreCommand struct {
	Clients []int         `default:"1,32" help:"Numbers of clients that write at once."`
	Rounds  int           `default:"5" help:"Rounds of each; a figure is the median of its rounds."`
	For     time.Duration `default:"1s" help:"Length of each half of a round."`
	Dir     string        `type:"existingdir" help:"Directory on the disk to measure. Default: the system's temporary directory."`
}

// Help is shown by "gust bench store --help".
func (benchStoreCommand) Help() string {
	return `Puts of 1 KiB that are durable when they return, through the store and as bare batches of the engine below it, with the same fsync on the same files. Each round runs one and then the other. The ratio is that of a round. Then the calls of a queue, each beside puts of the same round.`
}

// Run measures in a new directory, which it removes.
func (c benchStoreCommand) Run(ctx context.Context, e *Env) (err error) {
	dir, err := os.MkdirTemp(c.Dir, "gust-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := pebble.Open(pebble.Options{Dir: filepath.Join(dir, "kv"), Clock: clock.System{}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	counts := make([]string, len(c.Clients))
	for i, n := range c.Clients {
		if n < 1 {
			return fmt.Errorf("%d clients: want at least one", n)
		}
		counts[i] = strconv.Itoa(n)
	}
	command := fmt.Sprintf("gust bench store --clients=%s --rounds=%d --for=%s", strings.Join(counts, ","), c.Rounds, c.For)
	fmt.Fprint(e.Stdout, measure.Head(clock.System{}.Now(), command, Version(e.Version)))
	t := tabwriter.NewWriter(e.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "clients\tengine alone puts/s\tstore puts/s\tratio\t")
	for _, n := range c.Clients {
		got, err := s.ComparePuts(ctx, n, c.Rounds, c.For)
		if err != nil {
			return fmt.Errorf("%d clients: %w", n, err)
		}
		fmt.Fprintf(t, "%d\t%.0f\t%.0f\t%.2f\t\n", n, got.Raw, got.Store, got.Ratio)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return benchQueue(ctx, e.Stdout, s, c.Rounds, c.For)
}
