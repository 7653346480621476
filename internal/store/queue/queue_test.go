// SPDX-License-Identifier: Apache-2.0

package queue_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/queue"
	"github.com/gustcloud/gust/internal/store/storetest"
)

// fixture is a queue that runs in a bubble, on a store that re-runs functions and loses hints.
type fixture struct {
	*queue.Queue
	t    *testing.T
	stop func()
}

func open(t *testing.T, s store.Store, d queue.Deps) *fixture {
	t.Helper()
	if d.Store = s; d.Clock == nil {
		d.Clock = clock.NewService(clock.System{})
	}
	if d.Prefix == nil {
		d.Prefix = []byte("x-queue-")
	}
	q := queue.Open(d)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := q.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	return &fixture{Queue: q, t: t, stop: func() { cancel(); wg.Wait() }}
}

// TestAJumpEndsDelaysAtOnce: delays and visibility end with service time, also for a receiver that waits; its own wait does not.
func TestAJumpEndsDelaysAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.NewService(clock.System{})
		q := open(t, storetest.NewWithTime(t, c), queue.Deps{Clock: c})
		defer q.stop()
		advance := func(d time.Duration) {
			t.Helper()
			a, err := c.Plan(d, 1)
			if err != nil {
				t.Fatal(err)
			}
			c.Set(a)
		}
		start := time.Now()
		for _, what := range []string{"delayed", "visible again"} {
			if what == "delayed" {
				q.send(queue.Message{Body: []byte("m"), Delay: 15 * time.Minute})
			}
			got := make(chan []queue.Received, 1)
			go func() {
				got <- q.receive(queue.ReceiveOptions{Max: 1, Visibility: 12 * time.Hour, Wait: 20 * time.Second})
			}()
			synctest.Wait() // the receiver waits
			advance(14 * time.Minute)
			synctest.Wait()
			select {
			case list := <-got:
				t.Fatalf("%s: the receiver got %d messages early", what, len(list))
			default:
			}
			advance(12 * time.Hour)
			if list := <-got; len(list) != 1 || !time.Now().Equal(start) {
				t.Errorf("%s: %d messages after %v of the machine's time", what, len(list), time.Since(start))
			}
		}
	})
}

// in runs fn in a bubble.
func in(t *testing.T, d queue.Deps, fn func(t *testing.T, q *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Helper()
		q := open(t, storetest.New(t), d)
		defer q.stop()
		fn(t, q)
	})
}

func (f *fixture) send(m queue.Message) queue.Sent {
	f.t.Helper()
	sent, err := f.Send(f.t.Context(), m)
	if err != nil {
		f.t.Fatal(err)
	}
	return sent
}

func (f *fixture) sendAll(bodies ...string) {
	f.t.Helper()
	for _, b := range bodies {
		f.send(queue.Message{Body: []byte(b)})
	}
}

func (f *fixture) receive(o queue.ReceiveOptions) []queue.Received {
	f.t.Helper()
	if o.Max == 0 {
		o.Max = 10
	}
	if o.Visibility == 0 {
		o.Visibility = 30 * time.Second
	}
	got, err := f.Receive(f.t.Context(), o)
	if err != nil {
		f.t.Fatal(err)
	}
	return got
}

func (f *fixture) remove(h queue.Handle) bool {
	f.t.Helper()
	ok, err := f.Delete(f.t.Context(), h)
	if err != nil {
		f.t.Fatal(err)
	}
	return ok
}

func bodies(list []queue.Received) []string {
	out := make([]string, 0, len(list))
	for _, m := range list {
		out = append(out, string(m.Body))
	}
	return out
}

func want(t *testing.T, what string, got []queue.Received, want ...string) {
	t.Helper()
	if b := bodies(got); !slices.Equal(b, want) {
		t.Errorf("%s: got %q, want %q", what, b, want)
	}
}

func TestMessageIsOutUntilItsVisibilityTimeoutEnds(t *testing.T) {
	in(t, queue.Deps{}, func(t *testing.T, q *fixture) {
		t.Helper()
		start := time.Now()
		q.sendAll("a")
		first := q.receive(queue.ReceiveOptions{})
		want(t, "at once", first, "a")
		want(t, "while it is out", q.receive(queue.ReceiveOptions{}))
		second := q.receive(queue.ReceiveOptions{Wait: time.Minute})
		want(t, "after the timeout", second, "a")
		if took := time.Since(start); took < 30*time.Second || took > 32*time.Second {
			t.Errorf("it came back after %v, want 30 s", took)
		}
		if second[0].Receives() != 2 || !second[0].First.Equal(first[0].First) || !second[0].Sent.Equal(first[0].Sent) {
			t.Errorf("received again: %+v, first %+v", second[0], first[0])
		}
		if q.remove(first[0].Handle) {
			t.Error("a stale handle deleted the message")
		}
		if err := q.ChangeVisibility(t.Context(), first[0].Handle, 0); !errors.Is(err, queue.ErrStale) {
			t.Errorf("a stale handle changed the visibility: %v", err)
		}
		if !q.remove(second[0].Handle) || q.remove(second[0].Handle) {
			t.Error("the latest handle deletes once")
		}
		want(t, "after the deletion", q.receive(queue.ReceiveOptions{Wait: time.Hour}))
	})
}

func TestChangeVisibility(t *testing.T) {
	in(t, queue.Deps{}, func(t *testing.T, q *fixture) {
		t.Helper()
		q.sendAll("a")
		m := q.receive(queue.ReceiveOptions{})[0]
		if err := q.ChangeVisibility(t.Context(), m.Handle, time.Hour); err != nil {
			t.Fatal(err)
		}
		want(t, "within the hour", q.receive(queue.ReceiveOptions{Wait: 59 * time.Minute}))
		if err := q.ChangeVisibility(t.Context(), m.Handle, 0); err != nil {
			t.Fatal(err)
		}
		got := q.receive(queue.ReceiveOptions{})
		want(t, "when it was given back", got, "a")
		time.Sleep(time.Minute)
		if !q.remove(got[0].Handle) {
			t.Error("a message that is visible again, and that nobody has taken since, cannot be deleted by its latest handle")
		}
	})
}

func TestDelayAndLongPoll(t *testing.T) {
	in(t, queue.Deps{}, func(t *testing.T, q *fixture) {
		t.Helper()
		start := time.Now()
		q.send(queue.Message{Body: []byte("late"), Delay: 10 * time.Second})
		want(t, "before the delay", q.receive(queue.ReceiveOptions{}))
		want(t, "long poll", q.receive(queue.ReceiveOptions{Wait: 20 * time.Second}), "late")
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("it came after %v", took)
		}
		go func() {
			time.Sleep(3 * time.Second)
			q.sendAll("sent meanwhile")
		}()
		start = time.Now()
		want(t, "long poll of an empty queue", q.receive(queue.ReceiveOptions{Wait: 20 * time.Second}), "sent meanwhile")
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("it came after %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := q.Receive(ctx, queue.ReceiveOptions{Max: 1, Wait: time.Hour}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a caller that went away: %v", err)
		}
	})
}

func TestRedrive(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		t.Run(fmt.Sprintf("ordered %v", ordered), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := storetest.New(t)
				q := open(t, s, queue.Deps{Ordered: ordered})
				defer q.stop()
				dead := open(t, s, queue.Deps{Prefix: []byte("x-dead-"), Ordered: ordered})
				defer dead.stop()
				group := ""
				if ordered {
					group = "g"
				}
				q.send(queue.Message{Body: []byte("bad"), Group: group})
				q.send(queue.Message{Body: []byte("good"), Group: group})
				o := queue.ReceiveOptions{
					Max: 1, Visibility: time.Second, Wait: time.Minute, MaxReceives: 3,
					DeadLetter: func(tx store.Tx, m queue.Received) error {
						return dead.Put(tx, queue.Message{Body: fmt.Appendf(nil, "%s after %d", m.Body, m.Receives()), Group: m.Group})
					},
				}
				seen := map[string]int{}
				for seen["good"] == 0 || seen["bad"] < 3 {
					m := q.receive(o)[0]
					if seen[string(m.Body)]++; string(m.Body) == "good" {
						q.remove(m.Handle)
					}
				}
				want(t, "after three times", q.receive(queue.ReceiveOptions{
					Max: 1, Wait: time.Minute, MaxReceives: 3, DeadLetter: o.DeadLetter,
				}))
				want(t, "dead letters", dead.receive(queue.ReceiveOptions{Wait: time.Minute}), "bad after 3")
				if c, err := q.Count(t.Context()); err != nil || c != (queue.Counts{}) {
					t.Errorf("left: %+v, %v", c, err)
				}
			})
		})
	}
}

func TestDeduplication(t *testing.T) {
	in(t, queue.Deps{}, func(t *testing.T, q *fixture) {
		t.Helper()
		a := q.send(queue.Message{Body: []byte("a"), DedupID: "1"})
		b := q.send(queue.Message{Body: []byte("b"), DedupID: "1"})
		if !b.Duplicate || b.Sequence != a.Sequence || a.Duplicate {
			t.Errorf("sent %+v, then %+v", a, b)
		}
		got := q.receive(queue.ReceiveOptions{})
		want(t, "received", got, "a")
		q.remove(got[0].Handle)
		time.Sleep(5*time.Minute - time.Second)
		if s := q.send(queue.Message{Body: []byte("c"), DedupID: "1"}); !s.Duplicate {
			t.Error("forgotten within the window, after the message was deleted")
		}
		time.Sleep(2 * time.Second)
		if s := q.send(queue.Message{Body: []byte("d"), DedupID: "1"}); s.Duplicate {
			t.Error("remembered after the window")
		}
		time.Sleep(6 * time.Minute)
		left := 0
		if err := q.Store.View(t.Context(), func(r store.Reader) error {
			left = 0
			for it, err := range r.Scan(q.Range(), store.ScanOptions{KeysOnly: true}) {
				if err != nil {
					return err
				}
				if k := it.Key[len("x-queue-")]; k == 'u' || k == 'x' {
					left++
				}
			}
			return nil
		}); err != nil || left != 0 {
			t.Errorf("%d deduplication records are left, %v", left, err)
		}
	})
}

func TestLargeBodiesComeBackWhole(t *testing.T) {
	in(t, queue.Deps{}, func(t *testing.T, q *fixture) {
		t.Helper()
		for _, n := range []int{0, 1, store.MaxValue - 4<<10, store.MaxValue, queue.MaxBody} {
			body := bytes.Repeat([]byte("x"), n)
			q.send(queue.Message{Body: body})
			if err := q.Store.Update(t.Context(), func(tx store.Tx) error { return q.Put(tx, queue.Message{Body: body}) }); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				got := q.receive(queue.ReceiveOptions{Max: 1, Wait: time.Minute})
				if len(got) != 1 || !bytes.Equal(got[0].Body, body) {
					t.Fatalf("%d bytes: got %d messages", n, len(got))
				}
				q.remove(got[0].Handle)
			}
		}
		if c, err := q.Count(t.Context()); err != nil || c != (queue.Counts{}) {
			t.Errorf("left: %+v, %v", c, err)
		}
	})
}

func TestGroupsAreHandedOutInOrder(t *testing.T) {
	in(t, queue.Deps{Ordered: true}, func(t *testing.T, q *fixture) {
		t.Helper()
		for _, b := range []string{"a1", "b1", "a2", "a3", "b2"} {
			q.send(queue.Message{Body: []byte(b), Group: b[:1]})
		}
		first := q.receive(queue.ReceiveOptions{Max: 2})
		want(t, "the first group", first, "a1", "a2")
		second := q.receive(queue.ReceiveOptions{})
		want(t, "the other group, not a3", second, "b1", "b2")
		want(t, "while both are out", q.receive(queue.ReceiveOptions{}))
		q.remove(first[0].Handle)
		want(t, "while a2 is out", q.receive(queue.ReceiveOptions{}))
		q.remove(first[1].Handle)
		third := q.receive(queue.ReceiveOptions{})
		want(t, "after both", third, "a3")
		q.remove(second[1].Handle) // b2 before b1
		if err := q.ChangeVisibility(t.Context(), second[0].Handle, 0); err != nil {
			t.Fatal(err)
		}
		want(t, "b1 given back", q.receive(queue.ReceiveOptions{}), "b1")
		q.remove(third[0].Handle)
		want(t, "b1 after its timeout", q.receive(queue.ReceiveOptions{Wait: time.Minute}), "b1")
	})
}

func TestPurgeTrimAndCount(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		t.Run(fmt.Sprintf("ordered %v", ordered), func(t *testing.T) {
			in(t, queue.Deps{Ordered: ordered}, func(t *testing.T, q *fixture) {
				t.Helper()
				m := func(s string) queue.Message {
					if ordered {
						return queue.Message{Body: []byte(s), Group: "g"}
					}
					return queue.Message{Body: []byte(s)}
				}
				for i := range 300 {
					q.send(m(fmt.Sprint("old ", i)))
				}
				time.Sleep(time.Minute)
				q.send(m("new"))
				if n, err := q.Trim(t.Context(), time.Now().Add(-time.Second)); err != nil || n != 300 {
					t.Fatalf("trimmed %d, %v, want 300", n, err)
				}
				got := q.receive(queue.ReceiveOptions{})
				want(t, "after the trim", got, "new")
				q.send(m("newer"))
				if c, err := q.Count(t.Context()); err != nil || c != (queue.Counts{Visible: 1, Out: 1}) {
					t.Errorf("counted %+v, %v", c, err)
				}
				if err := q.Purge(t.Context()); err != nil {
					t.Fatal(err)
				}
				if q.remove(got[0].Handle) {
					t.Error("a purged message was deleted")
				}
				q.send(m("after"))
				want(t, "after the purge", q.receive(queue.ReceiveOptions{}), "after")
			})
		})
	}
}

func TestBadMessagesAreRefused(t *testing.T) {
	s := storetest.New(t)
	plain, ordered := queue.Open(queue.Deps{Store: s, Prefix: []byte("a")}), queue.Open(queue.Deps{Store: s, Prefix: []byte("b"), Ordered: true})
	long := strings.Repeat("x", 513)
	for _, tt := range []struct {
		q    *queue.Queue
		m    queue.Message
		want error
	}{
		{plain, queue.Message{Body: make([]byte, queue.MaxBody+1)}, queue.ErrTooLarge},
		{plain, queue.Message{Group: "g"}, queue.ErrName},
		{plain, queue.Message{DedupID: long}, queue.ErrName},
		{ordered, queue.Message{}, queue.ErrName},
		{ordered, queue.Message{Group: long}, queue.ErrName},
	} {
		if _, err := tt.q.Send(t.Context(), tt.m); !errors.Is(err, tt.want) {
			t.Errorf("send: got %v, want %v", err, tt.want)
		}
		err := s.Update(t.Context(), func(tx store.Tx) error { return tt.q.Put(tx, tt.m) })
		if !errors.Is(err, tt.want) {
			t.Errorf("put: got %v, want %v", err, tt.want)
		}
	}
}

func TestCallsOfAClosedQueueSaySo(t *testing.T) {
	s := storetest.New(t)
	q := open(t, s, queue.Deps{})
	q.stop()
	if _, err := q.Send(t.Context(), queue.Message{}); !errors.Is(err, queue.ErrClosed) {
		t.Errorf("send: %v", err)
	}
	if _, err := q.Receive(t.Context(), queue.ReceiveOptions{Max: 1, Wait: time.Hour}); !errors.Is(err, queue.ErrClosed) {
		t.Errorf("receive: %v", err)
	}
}
