// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/engine/postgres/pgtest"
)

const benchValue = 1 << 10 // bytes

// plain is what a program without the store would do: prepared statements on a table of the same shape, in pipelines,
// READ COMMITTED, with row locks where it has to read before it writes. It is not serializable.
type plain struct{ conns chan *pgconn.PgConn }

func newPlain(b *testing.B, url string, clients int) *plain {
	b.Helper()
	p := &plain{conns: make(chan *pgconn.PgConn, clients)}
	for i := range clients {
		c, err := pgconn.Connect(b.Context(), url)
		if err != nil {
			b.Fatal(err)
		}
		if i == 0 {
			if err := execute(b.Context(), c, "CREATE TABLE plain (k bytea PRIMARY KEY, v bytea NOT NULL) WITH (fillfactor = 80)"); err != nil {
				b.Fatal(err)
			}
		}
		for name, sql := range map[string]string{
			"put":  "INSERT INTO plain VALUES ($1, $2) ON CONFLICT (k) DO UPDATE SET v = excluded.v",
			"lock": "SELECT v FROM plain WHERE k = $1 FOR UPDATE",
		} {
			if _, err := c.Prepare(b.Context(), name, sql, nil); err != nil {
				b.Fatal(err)
			}
		}
		b.Cleanup(func() { _ = c.Close(context.Background()) })
		p.conns <- c
	}
	return p
}

func (p *plain) put(ctx context.Context, keys [][]byte, value []byte) error {
	c := <-p.conns
	defer func() { p.conns <- c }()
	pipe := c.StartPipeline(ctx)
	if len(keys) > 1 {
		pipe.SendQueryParams("BEGIN", nil, nil, nil, nil)
	}
	for _, k := range keys {
		pipe.SendQueryPrepared("put", [][]byte{k, value}, inBinary, inBinary)
	}
	if len(keys) > 1 {
		pipe.SendQueryParams("COMMIT", nil, nil, nil, nil)
	}
	if err := pipe.Sync(); err != nil {
		return err
	}
	return pipe.Close()
}

func (p *plain) update(ctx context.Context, key []byte, change func([]byte) []byte) error {
	c := <-p.conns
	defer func() { p.conns <- c }()
	pipe := c.StartPipeline(ctx)
	pipe.SendQueryParams("BEGIN", nil, nil, nil, nil)
	pipe.SendQueryPrepared("lock", [][]byte{key}, inBinary, inBinary)
	if err := pipe.Sync(); err != nil {
		return err
	}
	var old []byte
	for {
		r, err := pipe.GetResults()
		if err != nil {
			return err
		}
		rows, ok := r.(*pgconn.ResultReader)
		if !ok {
			break
		}
		for rows.NextRow() {
			old = copied(rows.Values()[0])
		}
		if _, err := rows.Close(); err != nil {
			return err
		}
	}
	pipe.SendQueryPrepared("put", [][]byte{key, change(old)}, inBinary, inBinary)
	pipe.SendQueryParams("COMMIT", nil, nil, nil, nil)
	if err := pipe.Sync(); err != nil {
		return err
	}
	return pipe.Close()
}

// rate runs op from all clients for d and returns operations a second.
func rate(b *testing.B, clients int, d time.Duration, op func(r *rand.Rand) error) float64 {
	b.Helper()
	var n atomic.Int64
	start := time.Now()
	errs := make(chan error, clients)
	for c := range clients {
		r := rand.New(rand.NewPCG(1, uint64(c)))
		go func() {
			for time.Since(start) < d {
				if err := op(r); err != nil {
					errs <- err
					return
				}
				n.Add(1)
			}
			errs <- nil
		}()
	}
	for range clients {
		if err := <-errs; err != nil {
			b.Fatal(err)
		}
	}
	return float64(n.Load()) / time.Since(start).Seconds()
}

// BenchmarkRatio compares transactions with plain SQL, in interleaved rounds on one server that waits for the disk:
//
//	go test -run '^$' -bench Ratio -benchtime 1x ./internal/store/engine/postgres
func BenchmarkRatio(b *testing.B) {
	const rounds, round, keys = 5, time.Second, 20000
	server := pgtest.Start(b, pgtest.Options{Fsync: true, Settings: []string{"shared_buffers=512MB", "max_wal_size=8GB"}})
	url := server.URL() + "&pool_max_conns=32"
	s := mustOpen(b, url, testClock)
	defer func() { _ = s.Close() }()
	value := bytes.Repeat([]byte("v"), benchValue)
	key := func(n int) []byte { return append(store.ResourceKey('q', uint64(n%16), 'k'), strconv.Itoa(n)...) }
	count := func(v []byte) []byte {
		if v == nil {
			return bytes.Clone(value)
		}
		binary.BigEndian.PutUint64(v, binary.BigEndian.Uint64(v)+1)
		return v
	}
	for _, clients := range []int{1, 32} {
		p := newPlain(b, server.URL(), clients)
		ctx := b.Context()
		many := func(r *rand.Rand) [][]byte {
			list := make([][]byte, 25)
			for i := range list {
				list[i] = key(r.IntN(keys))
			}
			slices.SortFunc(list, bytes.Compare) // plain SQL would deadlock
			return list
		}
		update := func(k func(*rand.Rand) []byte) func(*rand.Rand) error {
			return func(r *rand.Rand) error {
				k := k(r)
				return s.Update(ctx, func(tx store.Tx) error {
					v, err := tx.Get(k)
					if err == nil {
						tx.Set(k, count(v))
					}
					return err
				})
			}
		}
		for _, c := range []struct {
			name         string
			plain, store func(*rand.Rand) error
		}{
			{
				"put", func(r *rand.Rand) error { return p.put(ctx, [][]byte{key(r.IntN(keys))}, value) },
				func(r *rand.Rand) error {
					k := key(r.IntN(keys))
					return s.Update(ctx, func(tx store.Tx) error { tx.Set(k, value); return nil })
				},
			},
			{
				"update", func(r *rand.Rand) error { return p.update(ctx, key(r.IntN(keys)), count) },
				update(func(r *rand.Rand) []byte { return key(r.IntN(keys)) }),
			},
			{
				"hot key", func(r *rand.Rand) error { return p.update(ctx, key(keys), count) },
				update(func(*rand.Rand) []byte { return key(keys) }),
			},
			{
				"25 keys", func(r *rand.Rand) error { return p.put(ctx, many(r), value) },
				func(r *rand.Rand) error {
					list := many(r)
					return s.Update(ctx, func(tx store.Tx) error {
						for _, k := range list {
							tx.Set(k, value)
						}
						return nil
					})
				},
			},
		} {
			b.Run(fmt.Sprintf("%s/%d clients", c.name, clients), func(b *testing.B) {
				for b.Loop() {
					var bare, ours, ratio []float64
					for range rounds {
						bare = append(bare, rate(b, clients, round, c.plain))
						ours = append(ours, rate(b, clients, round, c.store))
						ratio = append(ratio, ours[len(ours)-1]/bare[len(bare)-1])
					}
					for _, list := range [][]float64{bare, ours, ratio} {
						slices.Sort(list)
					}
					b.ReportMetric(bare[rounds/2], "plain/s")
					b.ReportMetric(ours[rounds/2], "store/s")
					b.ReportMetric(ratio[rounds/2], "ratio")
				}
			})
		}
	}
}
