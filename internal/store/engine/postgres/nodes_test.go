// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/engine/postgres/pgtest"
	"github.com/gustcloud/gust/internal/store/enginetest"
)

var testClock = clock.System{}

// nodes takes turns between two stores on one database: as a user of both it sees one store.
type nodes struct {
	store.Store // the first: Now, Watch
	second      *Store
	turn        atomic.Int64
}

func (n *nodes) next() store.Store {
	if n.turn.Add(1)%2 == 0 {
		return n.second
	}
	return n.Store
}

func (n *nodes) Update(ctx context.Context, fn func(store.Tx) error) error {
	return n.next().Update(ctx, fn)
}

func (n *nodes) View(ctx context.Context, fn func(store.Reader) error) error {
	return n.next().View(ctx, fn)
}

func (n *nodes) Close() error { // the first decides what the suite sees of it
	err := n.Store.Close()
	if serr := n.second.Close(); err == nil {
		err = serr
	}
	return err
}

// testTwoNodes runs the suite on two stores that share a database.
func testTwoNodes(t *testing.T, server *pgtest.Server) {
	t.Helper()
	enginetest.Run(t, func(t *testing.T, c clock.Clock) store.Store {
		t.Helper()
		url := server.URL()
		return &nodes{Store: mustOpen(t, url, c), second: mustOpen(t, url, c)}
	})
}

// TestHintsBetweenNodes: a hint reaches the watchers of another node, and when hints may have been lost every watcher
// gets one.
func TestHintsBetweenNodes(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgtest.Options{})
	url := server.URL()
	a, b := mustOpen(t, url, testClock), mustOpen(t, url, testClock)
	defer mustClose(t, a)
	defer mustClose(t, b)
	topic := []byte("a topic\x00with anything")
	hint, stop := b.Watch(topic)
	defer stop()
	for hinted := false; !hinted; { // b may not listen yet
		if err := a.Update(t.Context(), func(tx store.Tx) error {
			tx.Notify([]byte("another"))
			tx.Notify(topic)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		select {
		case <-hint:
			hinted = true
		default:
		}
	}
	server.Stop(syscall.SIGINT)
	for len(hint) > 0 {
		<-hint
	}
	server.Restart()
	<-hint // the test's deadline bounds it
}

// testOpenAtOnce: nodes that start together on an empty database make its tables once.
func testOpenAtOnce(t *testing.T, server *pgtest.Server) {
	t.Helper()
	url := server.URL()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			s, err := Open(t.Context(), Options{URL: url, Clock: testClock, Log: testLog})
			if err != nil {
				t.Error(err)
				return
			}
			mustClose(t, s)
		})
	}
	all.Wait()
}

func testOpenRefuses(t *testing.T, server *pgtest.Server) {
	t.Helper()
	open := func(url string) error {
		s, err := Open(t.Context(), Options{URL: url, Clock: testClock, Log: testLog})
		if err == nil {
			mustClose(t, s)
		}
		return err
	}
	url := server.URL()
	s := mustOpen(t, url, testClock)
	schema := schemaOf(s)
	mustClose(t, s)
	meta := func(sql string) { server.Exec("SET search_path = " + schema + "; " + sql) }

	meta("UPDATE gust_meta SET value = '2' WHERE name = 'format'")
	var format *store.FormatError
	if err := open(url); !errors.As(err, &format) || format.Found != "2" || !strings.Contains(err.Error(), "database postgres") {
		t.Errorf("a newer format: %v", err)
	}
	for _, damage := range []string{
		"UPDATE gust_meta SET value = 'x' WHERE name = 'format'",
		"UPDATE gust_meta SET value = '1' WHERE name = 'format'; UPDATE gust_meta SET value = 'x' WHERE name = 'id'",
		"DROP TABLE gust_kv",
	} {
		meta(damage)
		var corrupt *store.CorruptError
		if err := open(url); !errors.As(err, &corrupt) {
			t.Errorf("%s: %v", damage, err)
		}
	}
	for _, bad := range []string{"postgres://%zz", url + "&pool_max_conns=0", url + "&pool_max_conns=many"} {
		if err := open(bad); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if err := open(strings.Replace(url, "postgres:///", "postgres://gust:secret@/", 1) + "&port=1"); !errors.Is(err, store.ErrUnavailable) ||
		strings.Contains(err.Error(), "secret") {
		t.Errorf("no server there: %v", err)
	}
}

// testSynchronousCommit: a server that does not wait for the disk by default does for us.
func testSynchronousCommit(t *testing.T, server *pgtest.Server) {
	t.Helper()
	s := mustOpen(t, server.URL(), testClock)
	defer mustClose(t, s)
	c, err := s.pool.get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.pool.put(c)
	if got, err := one(t.Context(), c.PgConn, "SHOW synchronous_commit"); got != "on" || err != nil {
		t.Errorf("synchronous_commit = %q, %v", got, err)
	}
}

// testFewConnections: many transactions share few connections, and who gives up while waiting for one takes none away.
func testFewConnections(t *testing.T, server *pgtest.Server) {
	t.Helper()
	s := mustOpen(t, server.URL()+"&pool_max_conns=2", testClock)
	defer mustClose(t, s)
	held := func(hold func()) error {
		return s.View(t.Context(), func(r store.Reader) error {
			_, err := r.Get([]byte("a"))
			hold()
			return err
		})
	}
	if err := held(func() {
		if err := held(func() {
			ctx, cancel := context.WithCancel(t.Context())
			waits := make(chan error, 1)
			go func() {
				waits <- s.Update(ctx, func(tx store.Tx) error { tx.Set([]byte("a"), nil); cancel(); return nil })
			}()
			if err := <-waits; !errors.Is(err, context.Canceled) {
				t.Errorf("Update without a connection = %v", err)
			}
		}); err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Error(err)
	}
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if err := s.Update(t.Context(), func(tx store.Tx) error {
				if _, err := tx.Get([]byte("a")); err != nil {
					return err
				}
				tx.Set(fmt.Appendf(nil, "k%d", i), nil)
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// testFourthRunKeepsOthersOut: what conflicts again and again is at last run where those that disturb it wait: for the
// key that it read, or, when it read too much for that, for the end of all commits.
func testFourthRunKeepsOthersOut(t *testing.T, server *pgtest.Server) {
	t.Helper()
	for name, read := range map[string]func(store.Tx) error{
		"key": func(tx store.Tx) error { _, err := tx.Get([]byte("a")); return err },
		"everything": func(tx store.Tx) error {
			for _, err := range tx.Scan(store.Range{}, store.ScanOptions{}) {
				if err != nil {
					return err
				}
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := mustOpen(t, server.URL(), testClock)
			defer mustClose(t, s)
			lock := s.rootLock()
			if name == "key" {
				lock = s.lockID(kindKey, "a")
			}
			disturb(t, server, s, read, lock)
		})
	}
}

// disturb runs a transaction that reads, and disturbs each of its runs; in the last one the disturber waits for lock.
func disturb(t *testing.T, server *pgtest.Server, s *Store, read func(store.Tx) error, lock int64) {
	t.Helper()
	runs := 0
	set := func(tx store.Tx) error { tx.Set([]byte("a"), nil); return nil }
	var mine, other atomic.Bool
	late := make(chan error, 1)
	if err := s.Update(t.Context(), func(st store.Tx) error {
		if err := read(st); err != nil {
			return err
		}
		runs++
		st.OnCommit(func() { mine.Store(true) })
		go func() {
			err := s.Update(t.Context(), func(tx store.Tx) error {
				tx.OnCommit(func() { other.Store(true) })
				return set(tx)
			})
			late <- err
		}()
		if runs <= maxConflicts {
			return errors.Join(<-late, set(st))
		}
		other.Store(false)
		for server.Exec(fmt.Sprintf("SELECT count(*) FROM pg_locks WHERE NOT granted AND objid::bigint = %d", uint32(lock))) == "0" {
			if len(late) > 0 {
				t.Error("another transaction was committed beside the last run")
				break
			}
		}
		return set(st)
	}); err != nil || runs != maxConflicts+1 {
		t.Errorf("%d runs, %v", runs, err)
	}
	if err := <-late; err != nil || !mine.Load() || !other.Load() {
		t.Errorf("the one that waited: %v", err)
	}
}
