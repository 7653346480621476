// SPDX-License-Identifier: Apache-2.0

package pebble

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/gustcloud/gust/internal/store"
)

// Comparison says what serializable transactions cost over bare Pebble: each is the median of the rounds.
type Comparison struct {
	Clients int
	Raw     float64 // durable puts a second: bare Pebble batches, same options, same directory
	Store   float64 // the same through Store.Update
	Ratio   float64 // Store / Raw of the same round
}

// String is one line of a table.
func (c Comparison) String() string {
	return fmt.Sprintf("%2d clients: raw %7.0f/s, store %7.0f/s, ratio %.2f", c.Clients, c.Raw, c.Store, c.Ratio)
}

// ComparePuts measures durable puts of 1 KiB by the given number of clients: rounds times, each round bare Pebble for
// d and then the store for d, or the other way round. It leaves its keys in the store.
func (s *Store) ComparePuts(ctx context.Context, clients, rounds int, d time.Duration) (Comparison, error) {
	var next atomic.Uint64
	value := make([]byte, 1<<10)
	key := func() []byte { return store.AppendUint64([]byte("~bench"), next.Add(1)*0x9e3779b97f4a7c15) }
	raw := func() error {
		b := s.db.NewBatch()
		if err := b.Set(key(), value, nil); err != nil {
			return err
		}
		return errors.Join(s.db.Apply(b, pebble.Sync), b.Close())
	}
	update := func() error {
		k := key()
		return s.Update(ctx, func(tx store.Tx) error { tx.Set(k, value); return nil })
	}
	var raws, stores, ratios []float64
	for round := range max(1, rounds) {
		order := []func() error{raw, update}
		var rates [2]float64
		for i := range order {
			which := (i + round) % 2
			rate, err := s.rate(ctx, clients, d, order[which])
			if err != nil {
				return Comparison{}, err
			}
			rates[which] = rate
		}
		raws, stores, ratios = append(raws, rates[0]), append(stores, rates[1]), append(ratios, rates[1]/rates[0])
	}
	return Comparison{Clients: clients, Raw: median(raws), Store: median(stores), Ratio: median(ratios)}, nil
}

// rate runs fn for d in each client and returns the calls a second of all together.
func (s *Store) rate(ctx context.Context, clients int, d time.Duration, fn func() error) (float64, error) {
	var wg sync.WaitGroup
	var calls atomic.Int64
	errs := make([]error, clients)
	start := s.clock.Now()
	for c := range clients {
		wg.Go(func() {
			for errs[c] == nil && s.clock.Now().Sub(start) < d {
				if errs[c] = errors.Join(fn(), ctx.Err()); errs[c] == nil {
					calls.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return float64(calls.Load()) / s.clock.Now().Sub(start).Seconds(), errors.Join(errs...)
}

func median(v []float64) float64 {
	sort.Float64s(v)
	return v[len(v)/2]
}
