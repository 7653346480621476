// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// statement is one of the statements that every connection has prepared.
type statement int

const (
	beginRead statement = iota
	beginWrite
	commitTx
	getOne
	getMany
	scanForward
	scanBackward
	keysForward
	keysBackward
	takeLocks
	reserveLocks
	releaseLocks
	checkPoints
	checkRange
	deleteRange
	deleteKeys
	setKeys
	appendKeys
	statements // how many there are
)

// text of the statements. Tokens are compared as they were read; 0 stands for "there was no row".
var text = [statements]string{
	beginRead:    "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
	beginWrite:   "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE", // each statement sees what its locks have waited for
	commitTx:     "COMMIT",
	getOne:       "SELECT v, x FROM gust_kv WHERE k = $1::bytea",
	getMany:      "SELECT k, v, x FROM gust_kv WHERE k = ANY($1::bytea[])",
	scanForward:  "SELECT k, x, v FROM gust_kv WHERE k >= $1::bytea AND k < $2::bytea ORDER BY k LIMIT $3::bigint",
	scanBackward: "SELECT k, x, v FROM gust_kv WHERE k >= $1::bytea AND k < $2::bytea ORDER BY k DESC LIMIT $3::bigint",
	keysForward:  "SELECT k, x FROM gust_kv WHERE k >= $1::bytea AND k < $2::bytea ORDER BY k LIMIT $3::bigint",
	keysBackward: "SELECT k, x FROM gust_kv WHERE k >= $1::bytea AND k < $2::bytea ORDER BY k DESC LIMIT $3::bigint",
	takeLocks: `SELECT pg_current_xact_id()::text, count(CASE WHEN exclusive THEN pg_advisory_xact_lock(id)::text
		ELSE pg_advisory_xact_lock_shared(id)::text END) FROM unnest($1::bigint[], $2::boolean[]) AS l(id, exclusive)`,
	// For the session: they are there before the snapshot.
	reserveLocks: "SELECT FROM (SELECT count(pg_advisory_lock(id)::text) FROM unnest($1::bigint[]) AS l(id)) AS taken",
	releaseLocks: "SELECT pg_advisory_unlock_all()",
	checkPoints: `SELECT CASE WHEN EXISTS (SELECT FROM unnest($1::bytea[], $2::bigint[]) AS r(k, x)
		LEFT JOIN gust_kv USING (k) WHERE gust_kv.x IS DISTINCT FROM nullif(r.x, 0)) THEN gust_conflict() END`,
	checkRange: `SELECT CASE WHEN coalesce((SELECT array_agg(x ORDER BY k) FROM gust_kv
		WHERE k >= $1::bytea AND k < $2::bytea), '{}') <> $3::bigint[] THEN gust_conflict() END`,
	deleteRange: "DELETE FROM gust_kv WHERE k >= $1::bytea AND k < $2::bytea",
	deleteKeys:  "DELETE FROM gust_kv WHERE k = ANY($1::bytea[])",
	setKeys: `INSERT INTO gust_kv (k, v, x) SELECT k, v, $3::bigint FROM unnest($1::bytea[], $2::bytea[]) AS w(k, v)
		ON CONFLICT (k) DO UPDATE SET v = excluded.v, x = excluded.x`,
	appendKeys: `INSERT INTO gust_kv (k, v, x) SELECT p || int8send(nextval('gust_number')), v, $3::bigint
		FROM unnest($1::bytea[], $2::bytea[]) AS w(p, v) RETURNING k`,
}

func (st statement) name() string { return "gust" + strconv.Itoa(int(st)) }

// prepare makes the statements of a new connection, in one round trip.
func prepare(ctx context.Context, c *pgconn.PgConn) (out [statements]*pgconn.StatementDescription, err error) {
	p := c.StartPipeline(ctx)
	for st, sql := range text {
		p.SendPrepare(statement(st).name(), sql, nil)
	}
	_ = p.Sync() // its error comes again
	for st := range out {
		r, err := p.GetResults()
		if err != nil {
			_ = p.Close() // says the same
			return out, fmt.Errorf("prepare %q: %w", text[st], err)
		}
		d, ok := r.(*pgconn.StatementDescription)
		if !ok {
			_ = p.Close() // says less
			return out, fmt.Errorf("prepare %q: answer %T", text[st], r)
		}
		d.Name = statement(st).name()
		out[st] = d
	}
	return out, p.Close()
}

// inBinary is for all parameters or results of a statement.
var inBinary = []int16{1}
