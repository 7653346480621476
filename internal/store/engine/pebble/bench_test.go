// SPDX-License-Identifier: Apache-2.0

package pebble

import (
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/gustcloud/gust/internal/store"
)

// BenchmarkPutRatio reports what transactions cost over bare Pebble, in interleaved rounds:
//
//	go test -run '^$' -bench PutRatio -benchtime 1x ./internal/store/engine/pebble
func BenchmarkPutRatio(b *testing.B) {
	for _, clients := range []int{1, 32} {
		b.Run(strconv.Itoa(clients), func(b *testing.B) {
			s := mustOpen(b, Options{Dir: b.TempDir()})
			for b.Loop() {
				c, err := s.ComparePuts(b.Context(), clients, 5, time.Second)
				if err != nil {
					b.Fatal(err)
				}
				b.Log(c)
				b.ReportMetric(c.Raw, "raw/s")
				b.ReportMetric(c.Store, "store/s")
				b.ReportMetric(c.Ratio, "ratio")
			}
			if err := s.Close(); err != nil {
				b.Error(err)
			}
		})
	}
}

func TestComparePuts(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Options{Ephemeral: true})
	c, err := s.ComparePuts(t.Context(), 2, 3, time.Millisecond)
	if err != nil || c.Clients != 2 || c.Raw <= 0 || c.Store <= 0 || c.Ratio <= 0 {
		t.Errorf("%+v, %v", c, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// parallel runs fn from the given number of clients, b.N times in all.
func parallel(b *testing.B, clients int, fn func(n int64) error) {
	b.Helper()
	b.ReportAllocs()
	var n atomic.Int64
	done := make(chan error, clients)
	b.ResetTimer()
	for range clients {
		go func() {
			for {
				i := n.Add(1)
				if i > int64(b.N) {
					done <- nil
					return
				}
				if err := fn(i); err != nil {
					done <- err
					return
				}
			}
		}()
	}
	for range clients {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPut(b *testing.B) {
	value := make([]byte, 1<<10)
	key := func(n int64) []byte { return store.AppendUint64([]byte("k"), uint64(n)*0x9e3779b97f4a7c15) }
	for _, clients := range []int{1, 32} {
		for _, raw := range []bool{true, false} {
			b.Run(fmt.Sprintf("raw=%v/clients=%d", raw, clients), func(b *testing.B) {
				s := mustOpen(b, Options{Dir: b.TempDir()})
				fn := func(n int64) error {
					return s.Update(b.Context(), func(tx store.Tx) error { tx.Set(key(n), value); return nil })
				}
				if raw {
					fn = func(n int64) error {
						batch := s.db.NewBatch()
						return errors.Join(batch.Set(key(n), value, nil), s.db.Apply(batch, pebble.Sync), batch.Close())
					}
				}
				parallel(b, clients, fn)
				b.StopTimer()
				if err := s.Close(); err != nil {
					b.Error(err)
				}
			})
		}
	}
}

// The last two read and write: a get of one of 10,000 keys, and an increment of one of them.
func BenchmarkGet(b *testing.B)       { benchmarkKeys(b, false) }
func BenchmarkIncrement(b *testing.B) { benchmarkKeys(b, true) }

func benchmarkKeys(b *testing.B, write bool) {
	b.Helper()
	const keys = 10_000
	key := func(n int64) []byte { return store.AppendUint64([]byte("k"), uint64(n*7919)%keys) }
	for _, clients := range []int{1, 32} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			s := mustOpen(b, Options{Dir: b.TempDir()})
			for i := range int64(10) {
				if err := s.Update(b.Context(), func(tx store.Tx) error {
					for j := range int64(keys / 10) {
						tx.Set(store.AppendUint64([]byte("k"), uint64(i*keys/10+j)), make([]byte, 256))
					}
					return nil
				}); err != nil {
					b.Fatal(err)
				}
			}
			parallel(b, clients, func(n int64) error {
				k := key(n)
				if !write {
					return s.View(b.Context(), func(r store.Reader) error { _, err := r.Get(k); return err })
				}
				return s.Update(b.Context(), func(tx store.Tx) error {
					v, err := tx.Get(k)
					if err == nil {
						v[0]++
						tx.Set(k, v)
					}
					return err
				})
			})
			b.StopTimer()
			if err := s.Close(); err != nil {
				b.Error(err)
			}
		})
	}
}
