// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/queue"
)

// queueClients call one queue at once.
const queueClients = 32

// benchQueue measures sends, receives and deletes of 1 KiB messages beside durable puts of the same round.
func benchQueue(ctx context.Context, w io.Writer, s store.Store, rounds int, length time.Duration) error {
	q := queue.Open(queue.Deps{Store: s, Clock: clock.NewService(clock.System{}), Prefix: []byte("~bench-queue-")})
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- q.Run(running) }()
	rates, err := queueRounds(ctx, s, q, rounds, length)
	stop()
	if err = errors.Join(err, <-ended); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%d clients of one queue, beside puts of the same round:\n", queueClients)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\tputs/s\tcalls/s\tratio\t")
	for _, step := range []string{"send", "receive", "delete"} {
		fmt.Fprintf(t, "%s\t%.0f\t%.0f\t%.2f\t\n", step, middle(rates["put"]), middle(rates[step]), middle(rates[step+" ratio"]))
	}
	return t.Flush()
}

func queueRounds(ctx context.Context, s store.Store, q *queue.Queue, rounds int, length time.Duration) (map[string][]float64, error) {
	body := make([]byte, 1<<10)
	var next atomic.Uint64
	steps := []struct {
		name string
		call func(*[]queue.Handle) (bool, error)
	}{
		{"put", func(*[]queue.Handle) (bool, error) {
			k := store.AppendUint64([]byte("~bench"), next.Add(1)*0x9e3779b97f4a7c15)
			return true, s.Update(ctx, func(tx store.Tx) error { tx.Set(k, body); return nil })
		}},
		{"send", func(*[]queue.Handle) (bool, error) {
			_, err := q.Send(ctx, queue.Message{Body: body})
			return true, err
		}},
		{"receive", func(held *[]queue.Handle) (bool, error) {
			got, err := q.Receive(ctx, queue.ReceiveOptions{Max: 1, Visibility: time.Hour})
			for _, m := range got {
				*held = append(*held, m.Handle)
			}
			return len(got) > 0, err
		}},
		{"delete", func(held *[]queue.Handle) (bool, error) {
			if len(*held) == 0 {
				return false, nil
			}
			h := (*held)[0]
			*held = (*held)[1:]
			return q.Delete(ctx, h)
		}},
	}
	rates := map[string][]float64{}
	held := make([][]queue.Handle, queueClients)
	for range rounds {
		for _, step := range steps {
			r, err := rateOf(queueClients, length, func(client int) (bool, error) { return step.call(&held[client]) })
			if err != nil {
				return nil, fmt.Errorf("%s: %w", step.name, err)
			}
			rates[step.name] = append(rates[step.name], r)
			put := rates["put"]
			rates[step.name+" ratio"] = append(rates[step.name+" ratio"], r/put[len(put)-1])
		}
		for i := range held {
			held[i] = nil
		}
		if err := q.Purge(ctx); err != nil {
			return nil, err
		}
	}
	return rates, nil
}

// rateOf runs call in each client for length, or until it says that there is nothing left, and returns the calls a second
// of all together.
func rateOf(clients int, length time.Duration, call func(client int) (bool, error)) (float64, error) {
	clk := clock.System{}
	began := clk.Now()
	end := began.Add(length)
	var calls atomic.Int64
	errs := make([]error, clients)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			for more := true; more && clk.Now().Before(end); {
				if more, errs[i] = call(i); errs[i] != nil {
					return
				}
				if more {
					calls.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return float64(calls.Load()) / clk.Now().Sub(began).Seconds(), errors.Join(errs...)
}

func middle(list []float64) float64 {
	s := slices.Sorted(slices.Values(list))
	if len(s) == 0 {
		return 0
	}
	return s[len(s)/2]
}
