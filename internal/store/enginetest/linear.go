// SPDX-License-Identifier: Apache-2.0

package enginetest

import (
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/gustcloud/gust/internal/store"
)

// testLinearizable: what clients see of each other agrees with an order of their transactions in which each stands
// between its call and its answer. Unlike the replay it looks at the clients' own answers and at views, and some
// outcomes are unknown; it needs no log.
func testLinearizable(f *fixture) {
	const rounds, clients, each = 4, 4, 30
	for range rounds {
		seed := rand.Uint64()
		s := Check(f.Store, Faults{Rerun: 0.2, Unknown: 0.04, Seed: seed})
		f.mustUpdate(f.t, func(tx store.Tx) { tx.DeleteRange(store.Range{}) })
		var (
			mu      sync.Mutex
			history []porcupine.Operation
			all     sync.WaitGroup
		)
		start := time.Now()
		for c := range clients {
			all.Go(func() {
				for i := range each {
					in := linearInput{script: seed + uint64(c*each+i), view: i%3 == 2}
					call := time.Since(start)
					out, err := in.run(f, s)
					end := int64(time.Since(start))
					switch {
					case errors.Is(err, store.ErrUnknownOutcome):
						out, end = linearOutput{unknown: true}, math.MaxInt64
					case err != nil:
						f.t.Error(err)
						return
					}
					mu.Lock()
					history = append(history, porcupine.Operation{ClientId: c, Input: in, Call: int64(call), Output: out, Return: end})
					mu.Unlock()
				}
			})
		}
		all.Wait()
		switch porcupine.CheckOperationsTimeout(linearModel(), unknownLast(history, clients), time.Minute) {
		case porcupine.Ok:
		case porcupine.Illegal:
			f.t.Fatalf("seed %d: the history is not linearizable", seed)
		case porcupine.Unknown:
			f.t.Errorf("seed %d: not decided in a minute", seed)
		}
	}
}

// unknownLast gives each transaction of unknown outcome a client of its own: its client went on although it has no
// answer.
func unknownLast(history []porcupine.Operation, clients int) []porcupine.Operation {
	for i := range history {
		if history[i].Return == math.MaxInt64 {
			history[i].ClientId = clients
			clients++
		}
	}
	return history
}

// linearInput is one transaction: a script of replay.go; a view leaves its writes out.
type linearInput struct {
	script uint64
	view   bool
}

type linearOutput struct {
	read    string
	unknown bool
}

func (in linearInput) run(f *fixture, s store.Store) (out linearOutput, err error) {
	if in.view {
		err = s.View(f.t.Context(), func(r store.Reader) error {
			out.read = runScript(in.script, viewKeys{readerKeys{r}})
			return nil
		})
		return out, err
	}
	err = s.Update(f.t.Context(), func(tx store.Tx) error {
		out.read = runScript(in.script, txKeys{tx})
		return nil
	})
	return out, err
}

// linearModel is a map on which transactions run one after the other. One of unknown outcome happened, or did not.
func linearModel() porcupine.Model {
	return (&porcupine.NondeterministicModel{
		Init: func() []any { return []any{mapKeys{}} },
		Step: func(state, input, output any) []any {
			before, _ := state.(mapKeys)
			in, _ := input.(linearInput)
			out, _ := output.(linearOutput)
			after := maps.Clone(before)
			var keys scriptKeys = after
			if in.view {
				keys = viewKeys{after}
			}
			read := runScript(in.script, keys)
			switch {
			case out.unknown:
				return []any{after, before}
			case read == out.read:
				return []any{after}
			}
			return nil
		},
		Equal: func(a, b any) bool {
			x, _ := a.(mapKeys)
			y, _ := b.(mapKeys)
			return maps.Equal(x, y)
		},
	}).ToModel()
}

// viewKeys leaves writes out.
type viewKeys struct {
	readKeys
}

type readKeys interface {
	get(key string) string
	scan(r store.Range, o store.ScanOptions) string
}

func (viewKeys) set(string, string)   {}
func (viewKeys) del(string)           {}
func (viewKeys) delRange(store.Range) {}

// readerKeys leaves errors to the view: they are sticky.
type readerKeys struct{ r store.Reader }

func (k readerKeys) get(key string) string {
	v, _ := getString(k.r, key)
	return v
}

func (k readerKeys) scan(r store.Range, o store.ScanOptions) string {
	s, _ := scanString(k.r, r, o)
	return s
}
