// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/gustcloud/gust/internal/store"
)

const (
	// commitTime is how long a commit may take, locks and a slow disk included; then its outcome is asked for.
	commitTime = 40 * time.Second
	// outcomeTime is how long a commit's outcome is asked for when its connection was lost.
	outcomeTime = 10 * time.Second
	outcomePoll = 50 * time.Millisecond
)

// commitment is a commit on its way, and what shows afterwards whether it happened.
type commitment struct {
	token    int64  // of the rows that it writes
	evidence []byte // a key that it writes; nil if it only deletes
	number   string // PostgreSQL's, once it is known
	sent     bool   // the server may have got it
	missing  int    // answers, that to the commit included
}

// commit writes what t has buffered, if what t has read is still so. From here on the end of the caller's context
// stops nothing.
func (s *Store) commit(t *tx) error {
	if t.conn == nil {
		c, err := s.pool.get(t.ctx)
		if err != nil {
			return s.failure(t.ctx, err)
		}
		t.conn = c
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), commitTime)
	defer cancel()
	c := &commitment{token: newToken()}
	err := s.send(ctx, t, c)
	switch {
	case err == nil:
		return nil
	case !lost(err), !c.sent, state(err) != "" && c.missing > 2:
		// The server said that it did not commit, or ended the session before it came to that.
		return s.failure(ctx, err)
	}
	// The connection ended before the answer.
	t.close()
	s.pool.dropIdle()
	committed, known := s.outcome(ctx, c)
	switch {
	case !known:
		return fmt.Errorf("%w: %s: %w", store.ErrUnknownOutcome, s.name, err)
	case !committed:
		return fmt.Errorf("%w: %s: %w: %w", store.ErrUnavailable, s.name, errNotCommitted, err)
	}
	return nil
}

// newToken is never 0, which stands for an absent row.
func newToken() int64 { return rand.Int64N(1<<63-1) + 1 } //nolint:gosec // it has to be unique, not secret

// send runs the commit's pipeline: end of the reads, locks, checks, writes. The statements up to the end of the pipeline
// are one transaction, which the end commits.
func (s *Store) send(ctx context.Context, t *tx, c *commitment) (err error) {
	p := t.conn.pipe(ctx)
	committed := false
	defer func() {
		cerr := p.close()
		if cerr == nil {
			t.conn.reserved = false
		} else if err == nil && !committed {
			err = cerr
		}
	}()
	var sent []statement
	send := func(st statement, params ...[]byte) {
		p.send(st, params...)
		sent = append(sent, st)
	}
	if t.exclusive {
		c.number = t.number
	} else {
		if t.begun {
			send(commitTx)
		}
		ids, modes := s.locks(t).params()
		send(takeLocks, ids, modes)
		t.sendChecks(send)
	}
	t.sendWrites(send, c)
	p.p.SendFlushRequest() // so that the number arrives even if the answer to the commit does not
	if t.exclusive {
		send(commitTx)
	}
	c.sent, c.missing = true, len(sent)+1
	if t.conn.reserved { // a transaction of its own: it happens even if the commit fails
		p.p.SendPipelineSync()
		p.send(releaseLocks)
	}
	if err := p.sync(); err != nil {
		return err
	}
	for _, st := range sent {
		more, err := p.next(func(row [][]byte) error {
			if st == appendKeys {
				c.evidence = copied(row[0])
			}
			if st == takeLocks {
				c.number = string(row[0])
			}
			return nil
		})
		if err == nil && !more {
			err = fmt.Errorf("statement %d got no answer", st)
		}
		if err != nil {
			return err
		}
		c.missing--
	}
	_, err = p.next(nil) // the end
	committed = err == nil
	return err
}

// sendChecks makes the pipeline fail with stateConflict where a row that was read is not the same any more.
func (t *tx) sendChecks(send func(statement, ...[]byte)) {
	if len(t.points) > 0 {
		keys := make([]string, 0, len(t.points))
		for k := range t.points {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		tokens := make([]int64, len(keys))
		for i, k := range keys {
			tokens[i] = t.points[k]
		}
		send(checkPoints, byteas(len(keys), func(i int) []byte { return []byte(keys[i]) }), int8s(tokens))
	}
	for _, r := range t.ranges {
		send(checkRange, r.Lo, r.Hi, int8s(r.tokens))
	}
}

// sendWrites writes: ranges first, as single keys were written to them later.
func (t *tx) sendWrites(send func(statement, ...[]byte), c *commitment) {
	for _, r := range t.Writes.Ranges {
		send(deleteRange, r.Lo, r.Hi)
	}
	var set, deleted []string
	for k, w := range t.Writes.Points {
		if w.Deleted {
			deleted = append(deleted, k)
		} else {
			set = append(set, k)
		}
	}
	slices.Sort(set)
	slices.Sort(deleted)
	if len(deleted) > 0 {
		send(deleteKeys, byteas(len(deleted), func(i int) []byte { return []byte(deleted[i]) }))
	}
	if len(set) > 0 {
		send(setKeys, byteas(len(set), func(i int) []byte { return []byte(set[i]) }),
			byteas(len(set), func(i int) []byte { return t.Writes.Points[set[i]].Value }), int8Param(c.token))
		c.evidence = []byte(set[0])
	}
	if a := t.Writes.Appends; len(a) > 0 {
		send(appendKeys, byteas(len(a), func(i int) []byte { return a[i].Prefix }),
			byteas(len(a), func(i int) []byte { return a[i].Value }), int8Param(c.token))
	}
}
