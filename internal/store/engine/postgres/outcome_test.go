// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/engine/postgres/pgtest"
)

// readyForQuery, outside a transaction, is the answer to the end of a pipeline: it is committed.
const readyForQuery = "Z\x00\x00\x00\x05I"

// cutter makes connections that break at the answer to a commit.
type cutter struct {
	armed atomic.Int32 // how many answers will not arrive
	all   atomic.Bool  // what came before the answer does not arrive either
}

func (c *cutter) dial(ctx context.Context, network, address string) (net.Conn, error) {
	inner, err := new(net.Dialer).DialContext(ctx, network, address)
	return &cutConn{Conn: inner, c: c}, err
}

type cutConn struct {
	net.Conn
	c       *cutter
	writing atomic.Bool
}

// Write implements net.Conn. A commit is seen by its statement that writes.
func (c *cutConn) Write(p []byte) (int, error) {
	c.writing.Store(bytes.Contains(p, []byte("\x00"+takeLocks.name()+"\x00"))) // executed in commits only
	return c.Conn.Write(p)
}

// Read implements net.Conn.
func (c *cutConn) Read(p []byte) (int, error) {
	if !c.writing.Load() || c.c.armed.Load() == 0 {
		return c.Conn.Read(p)
	}
	var answers []byte // up to that to the commit
	b := make([]byte, 8<<10)
	for !bytes.Contains(answers, []byte(readyForQuery)) {
		n, err := c.Conn.Read(b)
		if err != nil {
			return 0, err
		}
		answers = append(answers, b[:n]...)
	}
	c.c.armed.Add(-1)
	c.writing.Store(false)
	_ = c.Close() // the next read fails
	if c.c.all.Load() {
		return 0, io.ErrUnexpectedEOF
	}
	end := bytes.Index(answers, []byte(readyForQuery))
	return copy(p, answers[:end]), nil
}

func testLostAnswerToCommit(t *testing.T, server *pgtest.Server) {
	t.Helper()
	url := server.URL()
	cut := &cutter{}
	s, err := Open(t.Context(), Options{URL: url, Clock: clock.System{}, Log: slog.New(slog.DiscardHandler), dial: cut.dial})
	if err != nil {
		t.Fatal(err)
	}
	defer mustClose(t, s)
	set := func(tx store.Tx) { tx.Set([]byte("a"), []byte("1")) }
	tests := []struct {
		name string
		all  bool
		fn   func(store.Tx)
		want error
	}{
		{"set", false, set, nil},
		{"set, nothing arrived", true, set, nil},
		{"append", false, func(tx store.Tx) { tx.Append([]byte("p"), nil) }, nil},
		{"append, nothing arrived", true, func(tx store.Tx) { tx.Append([]byte("p"), nil) }, store.ErrUnknownOutcome},
		{"delete", false, func(tx store.Tx) { tx.Delete([]byte("a")) }, store.ErrUnknownOutcome},
		{"delete, nothing arrived", true, func(tx store.Tx) { tx.Delete([]byte("a")) }, store.ErrUnknownOutcome},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cut.all.Store(tt.all)
			cut.armed.Store(1)
			runs, hooks := 0, 0
			err := s.Update(t.Context(), func(tx store.Tx) error {
				runs++
				tx.OnCommit(func() { hooks++ })
				tt.fn(tx)
				return nil
			})
			if !errors.Is(err, tt.want) || runs != 1 || (hooks == 1) != (tt.want == nil) || cut.armed.Load() != 0 {
				t.Errorf("Update = %v after %d runs, %d hooks, want %v", err, runs, hooks, tt.want)
			}
		})
	}
}

// testEndInsideCommit: a session that ends before it has committed makes the function run again, and the transaction
// happens once.
func testEndInsideCommit(t *testing.T, server *pgtest.Server) {
	t.Helper()
	s := mustOpen(t, server.URL(), clock.System{})
	defer mustClose(t, s)
	schema := schemaOf(s)
	server.Exec(`SET search_path = ` + schema + `; CREATE SEQUENCE ended;
		CREATE FUNCTION end_session() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF nextval('` + schema + `.ended') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
			RETURN NULL; END $$;
		CREATE CONSTRAINT TRIGGER end_session AFTER INSERT ON gust_kv DEFERRABLE INITIALLY DEFERRED
			FOR EACH ROW EXECUTE FUNCTION end_session()`)
	runs := 0
	if err := s.Update(t.Context(), func(tx store.Tx) error {
		runs++
		tx.Set([]byte("a"), nil)
		tx.Append([]byte("log/"), nil)
		return nil
	}); err != nil || runs != 2 {
		t.Errorf("%d runs, %v", runs, err)
	}
	if n := server.Exec("SELECT count(*) FROM " + schema + ".gust_kv"); n != "2" {
		t.Errorf("%s rows, want 2", n)
	}
}
