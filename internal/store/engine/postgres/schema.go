// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gustcloud/gust/internal/store"
)

// formatVersion is that of the tables, the keys and the values. It rises when an older gust could not read what a newer
// one writes.
const formatVersion = 1

// minServer is the oldest PostgreSQL that is tested.
const minServer = 150000

// migrationLock is the advisory lock under which one node at a time looks at the format and makes the tables.
const migrationLock = 0x67757374_0001 // "gust"

// schema makes format 1, in the first schema of the connection's search path.
//
// gust_kv has every key. x is the token of the commit that wrote the row: random, so that neither a crash nor a copy of
// the database can bring one back. Values are not compressed (EXTERNAL): they are small, or hardly compressible. Rows
// are overwritten and deleted all the time: space in each page lets an update stay in it without touching the index,
// and the vacuum comes early and does not rest. gust_number numbers Appends; its numbers are never given out twice.
const schema = `
CREATE TABLE gust_meta (name text PRIMARY KEY, value text NOT NULL);
CREATE TABLE gust_kv (k bytea PRIMARY KEY, x bigint NOT NULL, v bytea NOT NULL) WITH (fillfactor = 80,
	autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.1,
	autovacuum_analyze_scale_factor = 0.1, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE gust_kv ALTER COLUMN v SET STORAGE EXTERNAL;
CREATE SEQUENCE gust_number;
CREATE FUNCTION gust_conflict() RETURNS boolean LANGUAGE plpgsql AS
	$$ BEGIN RAISE EXCEPTION 'conflict' USING ERRCODE = 'GU001'; END $$;
`

// migrate makes the tables if they are not there, and returns the identity of the store: 16 hexadecimal digits.
func migrate(ctx context.Context, c *pgconn.PgConn, name string) (id string, err error) {
	version, err := strconv.Atoi(firstValue(ctx, c, "SELECT current_setting('server_version_num')", &err))
	if err != nil {
		return "", fmt.Errorf("store: %s: read the server's version: %w", name, err)
	}
	if version < minServer {
		return "", fmt.Errorf("store: %s is PostgreSQL %d, 15 or newer is needed", name, version/10000)
	}
	if err := execute(ctx, c, fmt.Sprintf("BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock(%d)", migrationLock)); err != nil {
		return "", fmt.Errorf("store: %s: lock the tables: %w", name, err)
	}
	id, err = migrateLocked(ctx, c, name)
	if err != nil {
		return "", errors.Join(err, execute(context.WithoutCancel(ctx), c, "ROLLBACK"))
	}
	if err := execute(ctx, c, "COMMIT"); err != nil {
		return "", fmt.Errorf("store: %s: make the tables: %w", name, err)
	}
	return id, nil
}

// migrateLocked runs in a transaction that holds migrationLock.
func migrateLocked(ctx context.Context, c *pgconn.PgConn, name string) (id string, err error) {
	there := firstValue(ctx, c, "SELECT concat_ws(' ', to_regclass('gust_meta'), to_regclass('gust_kv'))", &err)
	if err != nil {
		return "", fmt.Errorf("store: %s: look for the tables: %w", name, err)
	}
	if there == "" {
		random := make([]byte, 8)
		if _, err := rand.Read(random); err != nil {
			return "", fmt.Errorf("store: make an identity: %w", err)
		}
		id = hex.EncodeToString(random)
		sql := schema + fmt.Sprintf("INSERT INTO gust_meta VALUES ('format', '%d'), ('id', '%s')", formatVersion, id)
		if err := execute(ctx, c, sql); err != nil {
			return "", fmt.Errorf("store: %s: make the tables: %w", name, err)
		}
		return id, nil
	}
	if there != "gust_meta gust_kv" {
		return "", &store.CorruptError{Dir: name, Err: fmt.Errorf("of its tables only %s is there", there)}
	}
	found := firstValue(ctx, c, "SELECT value FROM gust_meta WHERE name = 'format'", &err)
	id = firstValue(ctx, c, "SELECT value FROM gust_meta WHERE name = 'id'", &err)
	if err != nil {
		return "", fmt.Errorf("store: %s: read the format: %w", name, err)
	}
	v, verr := strconv.Atoi(found)
	switch {
	case verr != nil || v < 1:
		return "", &store.CorruptError{Dir: name, Err: fmt.Errorf("gust_meta says format %.40q", found)}
	case v > formatVersion:
		return "", &store.FormatError{Dir: name, Found: found, Supported: strconv.Itoa(formatVersion)}
	}
	if _, err := seedOf(id); err != nil {
		return "", &store.CorruptError{Dir: name, Err: fmt.Errorf("gust_meta says id %.40q", id)}
	}
	return id, nil
}

// seedOf makes the seed of lock ids from the store's identity.
func seedOf(id string) (uint64, error) {
	b, err := hex.DecodeString(id)
	if err != nil || len(b) != 8 {
		return 0, fmt.Errorf("store: identity %.40q is not 16 hexadecimal digits", id)
	}
	return binary.BigEndian.Uint64(b), nil
}

// execute runs statements that take no parameters.
func execute(ctx context.Context, c *pgconn.PgConn, sql string) error {
	return c.Exec(ctx, sql).Close()
}

// firstValue is the first value of the first row as text, "" if there is none or *err is set.
func firstValue(ctx context.Context, c *pgconn.PgConn, sql string, err *error) string {
	if *err != nil {
		return ""
	}
	results, e := c.Exec(ctx, sql).ReadAll()
	if *err = e; e != nil || len(results) == 0 || len(results[0].Rows) == 0 {
		return ""
	}
	return string(results[0].Rows[0][0])
}
