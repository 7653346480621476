// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/engine/postgres/pgtest"
)

// journal is what the clients of a test know of each of their transactions: the list that the database is held against.
type journal struct {
	mu      sync.Mutex
	fate    map[string]string // transaction -> "acknowledged", "refused" or "unknown"
	acks    chan struct{}     // one for each acknowledged transaction while somebody waits
	refused atomic.Int64
}

func (j *journal) note(t *testing.T, id string, err error) {
	t.Helper()
	fate := "acknowledged"
	switch {
	case errors.Is(err, store.ErrUnknownOutcome):
		fate = "unknown"
	case errors.Is(err, store.ErrUnavailable):
		fate = "refused"
		j.refused.Add(1)
	case err != nil:
		t.Errorf("transaction %s: %v", id, err)
		fate = "refused"
	}
	j.mu.Lock()
	j.fate[id] = fate
	j.mu.Unlock()
	if err == nil {
		select {
		case j.acks <- struct{}{}:
		default:
		}
	}
}

// verify compares the journal with what is in the store.
func (j *journal) verify(t *testing.T, s *Store) {
	t.Helper()
	found := map[string]map[string]bool{"a": {}, "b": {}, "log": {}}
	for part, ids := range found {
		var page store.Range
		for page = store.PrefixRange([]byte(part + "/")); ; {
			n := 0
			if err := s.View(t.Context(), func(r store.Reader) error {
				for it, err := range r.Scan(page, store.ScanOptions{Limit: 1000}) {
					if err != nil {
						return err
					}
					if ids[string(it.Value)] {
						return fmt.Errorf("%s has %s twice", part, it.Value)
					}
					ids[string(it.Value)] = true
					page.Lo = store.After(it.Key)
					n++
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if n < 1000 {
				break
			}
		}
	}
	count := map[string]int{}
	for id, fate := range j.fate {
		a, b, l := found["a"][id], found["b"][id], found["log"][id]
		count[fate]++
		switch {
		case a != b || b != l:
			t.Errorf("%s transaction %s is half there: %v %v %v", fate, id, a, b, l)
		case fate == "acknowledged" && !a:
			t.Errorf("acknowledged transaction %s is lost", id)
		case fate == "refused" && a:
			t.Errorf("refused transaction %s was committed", id)
		}
	}
	t.Logf("transactions: %v", count)
}

// TestServerEndsUnderLoad stops and kills the database in every way while clients write, and holds what is there
// afterwards against their own list.
func TestServerEndsUnderLoad(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgtest.Options{})
	s := mustOpen(t, server.URL(), clock.System{})
	defer mustClose(t, s)
	j := &journal{fate: map[string]string{}, acks: make(chan struct{})}
	var stop atomic.Bool
	var clients sync.WaitGroup
	for c := range 8 {
		clients.Go(func() {
			for n := 0; !stop.Load(); n++ {
				id := strconv.Itoa(c) + "." + strconv.Itoa(n)
				j.note(t, id, s.Update(t.Context(), func(tx store.Tx) error {
					if _, err := tx.Get([]byte("c/" + strconv.Itoa(c))); err != nil {
						return err
					}
					tx.Set([]byte("a/"+id), []byte(id))
					tx.Set([]byte("b/"+id), []byte(id))
					tx.Set([]byte("c/"+strconv.Itoa(c)), []byte(id))
					tx.Append([]byte("log/"), []byte(id))
					return nil
				}))
			}
		})
	}
	awaitAcks := func(n int) {
		for range n {
			<-j.acks
		}
	}
	rounds := []struct {
		name string
		fail func()
	}{
		{"a backend is killed", func() {
			pid, err := strconv.Atoi(server.Exec("SELECT pid FROM pg_stat_activity WHERE application_name = 'gust' AND query LIKE 'INSERT%' LIMIT 1"))
			if err == nil { // else none is there right now
				_ = syscall.Kill(pid, syscall.SIGKILL) // it may be gone
			}
		}},
		{"all sessions are ended", func() {
			for { // the server may still be getting over the round before
				if _, err := server.TryExec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gust'"); err == nil {
					return
				}
			}
		}},
		{"the server is stopped", func() { server.Stop(syscall.SIGINT) }},
		{"the server is stopped without a checkpoint", func() { server.Stop(syscall.SIGQUIT) }},
		{"the server is killed", func() { server.Stop(syscall.SIGKILL) }},
		{"the server is killed again", func() { server.Stop(syscall.SIGKILL) }},
	}
	for i, r := range rounds {
		awaitAcks(200)
		r.fail()
		if i >= 2 { // away until some noticed
			for before := j.refused.Load(); j.refused.Load() < before+20; {
				if err := s.View(t.Context(), func(r store.Reader) error { _, err := r.Get([]byte("x")); return err }); !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("%s: View = %v", r.name, err)
				}
			}
			server.Restart()
		}
	}
	awaitAcks(200)
	stop.Store(true)
	clients.Wait()
	j.verify(t, s)
}

// testLockWait: who waits too long for others is told so, and the store goes on when they are gone.
func testLockWait(t *testing.T, server *pgtest.Server) {
	t.Helper()
	for _, limit := range []string{"lock_timeout=1000", "lock_timeout=0&statement_timeout=1000"} {
		t.Run(limit, func(t *testing.T) {
			s := mustOpen(t, server.URL()+"&"+limit, clock.System{})
			defer mustClose(t, s)
			set := func(tx store.Tx) error { tx.Set([]byte("a"), []byte("1")); return nil }
			if err := s.Update(t.Context(), set); err != nil {
				t.Fatal(err)
			}
			var err error
			server.While("LOCK TABLE "+schemaOf(s)+".gust_kv IN ACCESS EXCLUSIVE MODE", func() {
				err = s.Update(t.Context(), set)
				verr := s.View(t.Context(), func(r store.Reader) error { _, err := r.Get([]byte("a")); return err })
				if verr == nil {
					t.Error("View read a locked table")
				}
			})
			if err == nil || errors.Is(err, store.ErrUnknownOutcome) || errors.Is(err, store.ErrUnavailable) {
				t.Errorf("Update = %v, want an error that says what happened", err)
			}
			if err := s.Update(t.Context(), set); err != nil {
				t.Errorf("after the lock: %v", err)
			}
		})
	}
}

func mustClose(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// schemaOf is where the tables are.
func schemaOf(s *Store) string { return s.pool.config.RuntimeParams["search_path"] }
