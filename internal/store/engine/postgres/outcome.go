// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"encoding/hex"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// outcome finds out what became of a commit whose connection was lost. known is false when it cannot be said, or when
// the database stays away for outcomeTime.
//
// A row with the commit's token proves the commit. pg_xact_status proves that a transaction was aborted; that it was
// committed it does not prove: after a crash of the server the number may have been given to another one, if nothing
// of the first had reached the disk.
func (s *Store) outcome(ctx context.Context, c *commitment) (committed, known bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), outcomeTime)
	defer cancel()
	for {
		committed, known, again := s.askOutcome(ctx, c)
		if !again {
			return committed, known
		}
		if s.clock.Sleep(ctx, outcomePoll) != nil {
			return false, false
		}
	}
}

// askOutcome asks once; again says that the answer may be another one later.
func (s *Store) askOutcome(ctx context.Context, c *commitment) (committed, known, again bool) {
	conn, err := s.pool.get(ctx)
	if err != nil {
		return false, false, ctx.Err() == nil
	}
	defer s.pool.put(conn)
	status := ""
	if c.number != "" { // first: what it says is still so when the row is looked for
		status, err = one(ctx, conn.PgConn, "SELECT pg_xact_status(($1::text)::xid8)", []byte(c.number))
		if code := state(err); code == stateInvalidParameter { // a number of the future: nothing of it reached the disk
			status, err = "aborted", nil
		}
		if err != nil {
			return false, false, true
		}
	}
	switch status {
	case "aborted":
		return false, true, false
	case "in progress":
		return false, false, true
	}
	if c.evidence == nil {
		return false, false, false
	}
	found, err := one(ctx, conn.PgConn, "SELECT '1' FROM gust_kv WHERE k = decode($1::text, 'hex') AND x = ($2::text)::bigint",
		[]byte(hex.EncodeToString(c.evidence)), strconv.AppendInt(nil, c.token, 10))
	if err != nil {
		return false, false, true
	}
	return found != "", found != "", false
}

// one is the first value of the first row, as text.
func one(ctx context.Context, c *pgconn.PgConn, sql string, params ...[]byte) (string, error) {
	r := c.ExecParams(ctx, sql, params, nil, nil, nil).Read()
	if r.Err != nil || len(r.Rows) == 0 {
		return "", r.Err
	}
	return string(r.Rows[0][0]), nil
}
