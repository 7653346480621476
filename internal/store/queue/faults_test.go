// SPDX-License-Identifier: Apache-2.0

package queue_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/enginetest"
	"github.com/gustcloud/gust/internal/store/queue"
	"github.com/gustcloud/gust/internal/store/storetest"
)

// check reports what does not fit together in q.
func check(t *testing.T, q *fixture) {
	t.Helper()
	if err := q.Store.View(t.Context(), func(r store.Reader) error { return q.Check(r, nil) }); err != nil {
		t.Error(err)
	}
}

// small is a store whose transactions write at most 3 MiB: a third of what they may, so that tests need less.
type small struct{ store.Store }

func (s small) Update(ctx context.Context, fn func(store.Tx) error) error {
	return s.Store.Update(ctx, func(tx store.Tx) error {
		t := &smallTx{Tx: tx}
		if err := fn(t); err != nil {
			return err
		}
		if t.size > 3<<20 {
			return store.ErrTooLarge
		}
		return nil
	})
}

type smallTx struct {
	store.Tx
	size int
}

func (t *smallTx) Set(key, value []byte) {
	t.size += len(key) + len(value)
	t.Tx.Set(key, value)
}

func (t *smallTx) Append(prefix, value []byte) {
	t.size += len(prefix) + len(value)
	t.Tx.Append(prefix, value)
}

// TestLargeMessagesOfTheInboxAreTaken: more bytes than a transaction holds, put before anybody takes them.
func TestLargeMessagesOfTheInboxAreTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const count = 4
		s := small{storetest.New(t)}
		before := open(t, s, queue.Deps{})
		before.stop()
		for range count {
			if err := s.Update(t.Context(), func(tx store.Tx) error {
				return before.Put(tx, queue.Message{Body: make([]byte, queue.MaxBody)})
			}); err != nil {
				t.Fatal(err)
			}
		}
		q := open(t, s, queue.Deps{})
		defer q.stop()
		for got := 0; got < count; {
			list := q.receive(queue.ReceiveOptions{Wait: time.Minute})
			if len(list) == 0 {
				t.Fatalf("%d messages came, want %d", got, count)
			}
			got += len(list)
		}
		check(t, q)
	})
}

// TestLargeDeadLetters: more bytes than a transaction holds go to the dead-letter queue at once.
func TestLargeDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const count = 4
		s := small{storetest.New(t)}
		q, dead := open(t, s, queue.Deps{}), open(t, s, queue.Deps{Prefix: []byte("x-dead-")})
		defer q.stop()
		defer dead.stop()
		for range count {
			q.send(queue.Message{Body: make([]byte, queue.MaxBody)})
		}
		for got := 0; got < count; {
			got += len(q.receive(queue.ReceiveOptions{Visibility: time.Second}))
		}
		time.Sleep(2 * time.Second)
		want(t, "after they were received too often", q.receive(queue.ReceiveOptions{
			Wait: time.Minute, MaxReceives: 1,
			DeadLetter: func(tx store.Tx, m queue.Received) error { return dead.Put(tx, queue.Message{Body: m.Body}) },
		}))
		time.Sleep(time.Minute)
		if c, err := dead.Count(t.Context()); err != nil || c.Visible != count {
			t.Errorf("%+v dead letters, %v, want %d", c, err, count)
		}
		check(t, q)
	})
}

// TestOneRequestThatCannotBeFailsAlone: the others of its batch succeed.
func TestOneRequestThatCannotBeFailsAlone(t *testing.T) {
	in(t, queue.Deps{}, func(t *testing.T, q *fixture) {
		t.Helper()
		refused := errors.New("the dead-letter queue refuses it")
		q.sendAll("bad")
		q.receive(queue.ReceiveOptions{Visibility: time.Nanosecond})
		time.Sleep(time.Second)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				_, err := q.Receive(t.Context(), queue.ReceiveOptions{
					Max: 1, MaxReceives: 1, DeadLetter: func(store.Tx, queue.Received) error { return refused },
				})
				if !errors.Is(err, refused) {
					t.Errorf("receive: %v", err)
				}
			})
			wg.Go(func() {
				if _, err := q.Send(t.Context(), queue.Message{Body: []byte("good"), Delay: time.Hour}); err != nil {
					t.Errorf("send: %v", err)
				}
			})
		}
		wg.Wait()
		check(t, q)
	})
}

// away is a store whose database cannot be reached.
type away struct {
	store.Store
	away  atomic.Bool
	calls atomic.Int64
}

func (a *away) Update(ctx context.Context, fn func(store.Tx) error) error {
	a.calls.Add(1)
	if a.away.Load() {
		return store.ErrUnavailable
	}
	return a.Store.Update(ctx, fn)
}

// TestDatabaseAway: calls say so, nothing spins, and deliveries go on when it is back.
func TestDatabaseAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &away{Store: storetest.New(t)}
		q := open(t, s, queue.Deps{})
		defer q.stop()
		delivered := make(chan string, 1)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- q.Deliver(ctx, queue.Delivery{To: func(_ context.Context, m queue.Received) error {
				delivered <- string(m.Body)
				return nil
			}})
		}()
		time.Sleep(time.Second)
		s.away.Store(true)
		before := s.calls.Load()
		if _, err := q.Send(t.Context(), queue.Message{}); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("send: %v", err)
		}
		time.Sleep(time.Minute)
		if n := s.calls.Load() - before; n > 600 {
			t.Errorf("%d calls of the store in a minute without the database", n)
		}
		s.away.Store(false)
		q.sendAll("after")
		if got := <-delivered; got != "after" {
			t.Errorf("delivered %q", got)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestUnknownOutcomes: whatever the store does not know, what is sent with a deduplication id and sent again until that is
// acknowledged is there once, nothing acknowledged is lost or comes back, and all that is stored fits together. Two nodes
// have the queue open.
func TestUnknownOutcomes(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		t.Run(fmt.Sprintf("ordered %v", ordered), func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			synctest.Test(t, func(t *testing.T) { unknownOutcomes(t, ordered, seed) })
		})
	}
}

func unknownOutcomes(t *testing.T, ordered bool, seed uint64) {
	t.Helper()
	const workers, each = 4, 20
	s := enginetest.Check(storetest.New(t), enginetest.Faults{Unknown: 0.15, Seed: seed})
	nodes := []*fixture{open(t, s, queue.Deps{Ordered: ordered, Shared: true}), open(t, s, queue.Deps{Ordered: ordered, Shared: true})}
	until := func(fn func() error) {
		for try := 0; ; try++ {
			err := fn()
			if err == nil {
				return
			}
			if !errors.Is(err, store.ErrUnknownOutcome) || try > 100 {
				t.Errorf("after %d tries: %v", try, err)
				return
			}
		}
	}
	var wg sync.WaitGroup
	for w := range workers {
		random := rand.New(rand.NewPCG(seed, uint64(w)))
		wg.Go(func() {
			for i := range each {
				m := queue.Message{Body: fmt.Appendf(nil, "%d-%03d", w, i), DedupID: fmt.Sprint(w, "-", i)}
				if ordered {
					m.Group = fmt.Sprint(w)
				}
				if random.IntN(10) == 0 {
					m.Body = append(m.Body, make([]byte, 2*store.MaxValue)...)
				}
				q := nodes[random.IntN(2)]
				if ordered || random.IntN(2) == 0 {
					until(func() error { _, err := q.Send(t.Context(), m); return err })
					continue
				}
				until(func() error {
					return s.Update(t.Context(), func(tx store.Tx) error {
						key := []byte("x-put-" + m.DedupID)
						if done, err := tx.Get(key); err != nil || done != nil {
							return err
						}
						tx.Set(key, nil)
						return q.Put(tx, m)
					})
				})
			}
		})
	}
	var mu sync.Mutex
	removed := map[string]bool{}
	ctx, cancel := context.WithCancel(t.Context())
	for w := range workers {
		random := rand.New(rand.NewPCG(seed, uint64(100+w)))
		wg.Go(func() {
			for ctx.Err() == nil {
				got, err := nodes[random.IntN(2)].Receive(ctx, queue.ReceiveOptions{Max: 3, Visibility: 30 * time.Second, Wait: 20 * time.Second})
				if err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrUnknownOutcome) {
					t.Error(err)
					return
				}
				for _, m := range got {
					name := string(m.Body[:5])
					mu.Lock()
					if removed[name] {
						t.Errorf("%s came back", name)
					}
					mu.Unlock()
					if random.IntN(4) == 0 {
						err := nodes[0].ChangeVisibility(t.Context(), m.Handle, time.Duration(random.IntN(3))*time.Second)
						if err != nil && !errors.Is(err, queue.ErrStale) && !errors.Is(err, store.ErrUnknownOutcome) {
							t.Error(err)
						}
						continue
					}
					until(func() error { _, err := nodes[random.IntN(2)].Delete(t.Context(), m.Handle); return err })
					mu.Lock()
					removed[name] = true
					if len(removed) == workers*each {
						cancel()
					}
					mu.Unlock()
				}
			}
		})
	}
	for range 20 {
		time.Sleep(200 * time.Millisecond)
		check(t, nodes[0])
	}
	wg.Wait()
	cancel()
	check(t, nodes[0])
	if c, err := nodes[0].Count(t.Context()); err != nil || c != (queue.Counts{}) {
		t.Errorf("left: %+v, %v", c, err)
	}
	for _, n := range nodes {
		n.stop()
	}
	if len(removed) != workers*each {
		t.Errorf("%d of %d removed: %v", len(removed), workers*each, slices.Collect(func(yield func(string) bool) {
			for w := range workers {
				for i := range each {
					if n := fmt.Sprintf("%d-%03d", w, i); !removed[n] && !yield(n) {
						return
					}
				}
			}
		}))
	}
}
