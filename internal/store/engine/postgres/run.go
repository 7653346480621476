// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gustcloud/gust/internal/store"
)

// queryTime is how long an answer is waited for, waits for locks included. Servers answer before, by their own limits; a
// machine that is gone does not.
const queryTime = 30 * time.Second

// run is one run of a transaction's function: its connection, its time limit and its first error. The connection is
// taken at the first read, where the snapshot begins, so that a transaction which only writes needs one round trip.
type run struct {
	s     *Store
	ctx   context.Context //nolint:containedctx // Reader's methods take none; the run ends before Update or View returns
	start time.Time
	err   error // the first; sticky
	done  bool  // the function has returned

	conn      *conn
	begun     bool    // conn is in this run's transaction
	exclusive bool    // no other transaction commits: reads need no tracking
	number    string  // PostgreSQL's, of an exclusive run
	reserved  []int64 // locks to take before the snapshot
}

func (s *Store) newRun(ctx context.Context) *run {
	return &run{s: s, ctx: ctx, start: s.clock.Now()}
}

// Fail keeps the first error and returns it.
func (r *run) Fail(err error) error {
	if r.err == nil {
		r.err = err
	}
	return r.err
}

// Check is called by every method of a Reader or Tx.
func (r *run) Check() error {
	switch {
	case r.done:
		return store.ErrDone
	case r.err != nil:
		return r.err
	}
	if err := r.ctx.Err(); err != nil {
		return r.Fail(fmt.Errorf("store: %w", err))
	}
	if r.s.clock.Now().Sub(r.start) > store.MaxDuration {
		return r.Fail(store.ErrTooLong)
	}
	return nil
}

// close ends the use of the Reader or Tx and gives the connection back.
func (r *run) close() {
	r.done = true
	if r.conn != nil {
		r.s.pool.put(r.conn)
		r.conn = nil
	}
}

// beginExclusive waits until no other transaction commits, and keeps it so until this one has ended.
func (r *run) beginExclusive() error {
	r.exclusive = true
	var all lockSet
	all.add(r.s.rootLock(), true)
	ids, modes := all.params()
	err := r.query(func(p *pipe) {
		p.send(beginWrite)
		p.send(takeLocks, ids, modes)
	}, func(row [][]byte) error { r.number = string(row[0]); return nil })
	r.start = r.s.clock.Now() // waiting for the lock is not the function's time
	return err
}

// read runs a query on the run's snapshot, and gives each row to row, whose argument is valid during the call.
func (r *run) read(st statement, row func([][]byte) error, params ...[]byte) error {
	queues := !r.begun && r.reserved != nil
	err := r.query(func(p *pipe) {
		if queues {
			p.c.reserved = true
			p.send(reserveLocks, int8s(r.reserved))
			p.endTransaction()
		}
		if !r.begun {
			p.send(beginRead)
		}
		p.send(st, params...)
	}, func(values [][]byte) error {
		if len(values) == 0 { // of reserveLocks
			return nil
		}
		return row(values)
	})
	if queues {
		r.start = r.s.clock.Now() // waiting for the locks is not the function's time
	}
	return err
}

// query sends what send says and reads the answers. Where nothing was read yet, a connection that turns out to be dead
// is replaced.
func (r *run) query(send func(*pipe), row func([][]byte) error) error {
	for try := 0; ; try++ {
		err := r.tryQuery(send, row)
		if err == nil {
			r.begun = true
			return nil
		}
		if lost(err) && !r.begun && r.conn != nil && r.ctx.Err() == nil && try < maxLost {
			r.s.pool.put(r.conn)
			r.conn = nil
			r.s.pool.dropIdle()
			continue
		}
		return r.Fail(r.s.failure(r.ctx, err))
	}
}

func (r *run) tryQuery(send func(*pipe), row func([][]byte) error) (err error) {
	if r.conn == nil {
		if r.conn, err = r.s.pool.get(r.ctx); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(r.ctx, queryTime)
	defer cancel()
	p := r.conn.pipe(ctx)
	send(p)
	for err := p.sync(); err == nil; {
		var more bool
		if more, err = p.next(row); err != nil || !more {
			return errors.Join(err, p.close())
		}
	}
	return p.close()
}

// get reads key from the snapshot. It returns the row's token too, 0 for none.
func (r *run) get(key []byte) (value []byte, x int64, err error) {
	err = r.read(getOne, func(row [][]byte) (err error) {
		value = copied(row[0])
		x, err = token(row[1])
		return err
	}, key)
	return value, x, err
}

// getMany reads the keys, in any order, and gives each that exists to row.
func (r *run) getMany(keys [][]byte, row func(key, value []byte, x int64)) error {
	return r.read(getMany, func(values [][]byte) error {
		x, err := token(values[2])
		if err == nil {
			row(values[0], values[1], x)
		}
		return err
	}, byteas(len(keys), func(i int) []byte { return keys[i] }))
}

// reader is a store.Reader without conflicts: of a View, and of Tx.Snapshot.
type reader struct{ r *run }

// Get implements store.Reader.
func (v reader) Get(key []byte) ([]byte, error) {
	if err := v.r.Check(); err != nil {
		return nil, err
	}
	if err := store.CheckKey(key); err != nil {
		return nil, v.r.Fail(err)
	}
	value, _, err := v.r.get(key)
	return value, err
}

// GetMany implements store.Reader.
func (v reader) GetMany(keys [][]byte) ([][]byte, error) {
	if err := v.r.checkKeys(keys); err != nil || len(keys) == 0 {
		return make([][]byte, 0), err
	}
	found := make(map[string][]byte, len(keys))
	if err := v.r.getMany(keys, func(key, value []byte, _ int64) { found[string(key)] = copied(value) }); err != nil {
		return nil, err
	}
	return inOrder(keys, found), nil
}

func (r *run) checkKeys(keys [][]byte) error {
	if err := r.Check(); err != nil {
		return err
	}
	for _, k := range keys {
		if err := store.CheckKey(k); err != nil {
			return r.Fail(err)
		}
	}
	return nil
}

// inOrder gives each key its value; a key that is asked for twice gets two copies, as each belongs to the caller.
func inOrder(keys [][]byte, found map[string][]byte) [][]byte {
	out := make([][]byte, len(keys))
	for i, k := range keys {
		if v := found[string(k)]; v != nil {
			out[i] = copied(v)
		}
	}
	return out
}

// Scan implements store.Reader.
func (v reader) Scan(r store.Range, o store.ScanOptions) iter.Seq2[store.Item, error] {
	return func(yield func(store.Item, error) bool) { v.r.scan(r, o, nil, yield) }
}

// pipe sends statements one after the other and reads their answers in the same order.
type pipe struct {
	c    *conn
	p    *pgconn.Pipeline
	ends int // of transactions inside the pipeline, whose answers were not read yet
}

func (c *conn) pipe(ctx context.Context) *pipe { return &pipe{c: c, p: c.StartPipeline(ctx)} }

// endTransaction makes what was sent so far a transaction of its own. What follows runs also if that fails.
func (p *pipe) endTransaction() {
	p.p.SendPipelineSync()
	p.ends++
}

func (p *pipe) send(st statement, params ...[]byte) {
	p.p.SendQueryStatement(p.c.prepared[st], params, inBinary, inBinary)
}

func (p *pipe) sync() error { return p.p.Sync() }

// next reads the answer to one statement; more is false when there is none left before the end of the pipeline.
func (p *pipe) next(row func([][]byte) error) (more bool, err error) {
	answer, err := p.p.GetResults()
	if err != nil {
		return false, err
	}
	result, ok := answer.(*pgconn.ResultReader)
	if !ok {
		p.ends--
		return p.ends >= 0, nil
	}
	for result.NextRow() {
		if row != nil && err == nil {
			err = row(result.Values())
		}
	}
	_, cerr := result.Close()
	if cerr != nil {
		return false, cerr
	}
	return true, err
}

func (p *pipe) close() error { return p.p.Close() }
