// SPDX-License-Identifier: Apache-2.0

package queue_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/queue"
	"github.com/gustcloud/gust/internal/store/storetest"
)

// model is what a queue should be: a slice.
type model struct {
	ordered  bool
	messages []*modelMessage
}

type modelMessage struct {
	sequence, receives uint64
	sent, visible      time.Time
	group              string
}

// may tells whether a message may be handed out.
func (m *model) may(x *modelMessage, now time.Time) bool {
	if x.visible.After(now) {
		return false
	}
	if !m.ordered {
		return true
	}
	for _, y := range m.messages { // nothing of its group before it may be there, or be out
		if y.group == x.group && (y.sequence < x.sequence || y.receives > 0 && y.visible.After(now)) {
			return y.sequence == x.sequence
		}
	}
	return true
}

func (m *model) find(sequence uint64) *modelMessage {
	for _, x := range m.messages {
		if x.sequence == sequence {
			return x
		}
	}
	return nil
}

// TestAgainstAModel: random calls of one caller; what is received may be received, and nothing that may be is withheld.
func TestAgainstAModel(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		for run := range 4 {
			t.Run(fmt.Sprintf("ordered %v, run %d", ordered, run), func(t *testing.T) {
				seed := rand.Uint64()
				t.Cleanup(func() {
					if t.Failed() {
						t.Logf("seed %d", seed)
					}
				})
				in(t, queue.Deps{Ordered: ordered, Shared: run%2 == 1}, func(t *testing.T, q *fixture) {
					t.Helper()
					(&modelRun{q: q, model: model{ordered: ordered}, random: rand.New(rand.NewPCG(seed, 0))}).run(t)
				})
			})
		}
	}
}

type modelRun struct {
	q       *fixture
	model   model
	random  *rand.Rand
	handles []queue.Handle
}

func (r *modelRun) run(t *testing.T) {
	t.Helper()
	for range 400 {
		switch r.random.IntN(11) {
		case 0, 1, 2:
			m := queue.Message{Body: []byte("b"), Delay: time.Duration(max(0, r.random.IntN(8)-4)) * time.Second}
			if r.model.ordered {
				m.Group = string(rune('a' + r.random.IntN(4)))
				m.Delay = 0 // the queue's, not a message's
			}
			sent := r.q.send(m)
			r.model.messages = append(r.model.messages, &modelMessage{
				sequence: sent.Sequence, sent: time.Now(), visible: time.Now().Add(m.Delay), group: m.Group,
			})
		case 3, 4, 5:
			r.receive(t)
		case 6, 7:
			r.remove(t)
		case 8:
			r.change(t)
		case 9:
			time.Sleep(time.Duration(r.random.IntN(3000)) * time.Millisecond)
		case 10:
			r.removeMany(t)
		}
		if check(t, r.q); t.Failed() {
			return
		}
	}
}

// removeMany purges or trims, seldom.
func (r *modelRun) removeMany(t *testing.T) {
	t.Helper()
	before := time.Now().Add(-time.Duration(r.random.IntN(20)) * time.Second)
	switch r.random.IntN(8) {
	case 0:
		if err := r.q.Purge(t.Context()); err != nil {
			t.Error(err)
		}
		r.model.messages = nil
	case 1, 2, 3:
		n, err := r.q.Trim(t.Context(), before)
		left := slices.DeleteFunc(slices.Clone(r.model.messages), func(x *modelMessage) bool { return x.sent.Before(before) })
		if want := len(r.model.messages) - len(left); err != nil || n != want {
			t.Errorf("trimmed %d, %v, want %d", n, err, want)
		}
		r.model.messages = left
	}
}

func (r *modelRun) receive(t *testing.T) {
	t.Helper()
	limit, now := 1+r.random.IntN(10), time.Now()
	visibility := time.Duration(1+r.random.IntN(5)) * time.Second
	got := r.q.receive(queue.ReceiveOptions{Max: limit, Visibility: visibility})
	if len(got) > limit {
		t.Errorf("%d messages, asked for %d", len(got), limit)
	}
	out := map[string]bool{} // groups of this call: their next message may come with the first
	for _, m := range got {
		x := r.model.find(m.Sequence)
		if x == nil {
			t.Errorf("message %d is not there", m.Sequence)
			return
		}
		if !r.model.may(x, now) && !out[x.group] || x.visible.After(now) {
			t.Errorf("message %d of group %q may not be out: visible in %v", x.sequence, x.group, x.visible.Sub(now))
		}
		x.receives++
		if m.Epoch != x.receives {
			t.Errorf("message %d was received %d times, says %d", x.sequence, x.receives, m.Epoch)
		}
		out[x.group] = true
		r.handles = append(r.handles, m.Handle)
	}
	for _, m := range got {
		r.model.find(m.Sequence).visible = now.Add(visibility)
	}
	if len(got) == limit {
		return
	}
	for _, x := range r.model.messages {
		if r.model.may(x, now) {
			t.Errorf("message %d of group %q was withheld: %d of %d came", x.sequence, x.group, len(got), limit)
			return
		}
	}
}

func (r *modelRun) handle() (h queue.Handle, x *modelMessage, latest bool) {
	if len(r.handles) == 0 {
		return queue.Handle{Sequence: 1 << 40, Epoch: 1}, nil, false
	}
	h = r.handles[r.random.IntN(len(r.handles))]
	x = r.model.find(h.Sequence)
	return h, x, x != nil && x.receives == h.Epoch
}

func (r *modelRun) remove(t *testing.T) {
	t.Helper()
	h, x, latest := r.handle()
	if got := r.q.remove(h); got != latest {
		t.Errorf("delete %+v: %v, want %v", h, got, latest)
	}
	if latest {
		r.model.messages = slices.DeleteFunc(r.model.messages, func(y *modelMessage) bool { return y == x })
	}
}

func (r *modelRun) change(t *testing.T) {
	t.Helper()
	h, x, latest := r.handle()
	now, d := time.Now(), time.Duration(r.random.IntN(4))*time.Second
	err := r.q.ChangeVisibility(t.Context(), h, d)
	if ok := latest && x.visible.After(now); ok != (err == nil) || err != nil && !errors.Is(err, queue.ErrStale) {
		t.Errorf("change %+v: %v, want success %v", h, err, ok)
	}
	if err == nil {
		x.visible = now.Add(d)
	}
}

// TestManySendersAndReceivers: two nodes have the queue open; every message is dealt with once when no visibility timeout
// ends, and each group's in their order.
func TestManySendersAndReceivers(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		t.Run(fmt.Sprintf("ordered %v", ordered), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { sendersAndReceivers(t, ordered) })
		})
	}
}

func sendersAndReceivers(t *testing.T, ordered bool) {
	t.Helper()
	const senders, each = 6, 40
	s := storetest.New(t)
	nodes := []*fixture{open(t, s, queue.Deps{Ordered: ordered, Shared: true}), open(t, s, queue.Deps{Ordered: ordered, Shared: true})}
	var wg sync.WaitGroup
	for w := range senders {
		wg.Go(func() {
			for i := range each {
				m := queue.Message{Body: fmt.Appendf(nil, "%d-%03d", w, i)}
				if ordered {
					m.Group = fmt.Sprint(w)
				}
				if _, err := nodes[w%2].Send(t.Context(), m); err != nil {
					t.Error(err)
				}
			}
		})
	}
	var mu sync.Mutex
	seen, last, total := map[string]int{}, map[string]string{}, 0
	ctx, cancel := context.WithCancel(t.Context())
	for i := range 8 {
		wg.Go(func() {
			for ctx.Err() == nil {
				got, err := nodes[i%2].Receive(ctx, queue.ReceiveOptions{Max: 3, Visibility: time.Hour, Wait: 10 * time.Second})
				if err != nil && ctx.Err() == nil {
					t.Error(err)
				}
				for _, m := range got {
					mu.Lock()
					seen[string(m.Body)]++
					if ordered && last[m.Group] >= string(m.Body) {
						t.Errorf("%s came after %s", m.Body, last[m.Group])
					}
					last[m.Group] = string(m.Body)
					if total++; total == senders*each {
						cancel()
					}
					mu.Unlock()
					if ok, err := nodes[(i+1)%2].Delete(t.Context(), m.Handle); err != nil || !ok {
						t.Errorf("delete %s on the other node: %v, %v", m.Body, ok, err)
					}
				}
			}
		})
	}
	wg.Wait()
	cancel()
	for _, n := range slices.Sorted(maps.Keys(seen)) {
		if seen[n] != 1 {
			t.Errorf("%s was received %d times", n, seen[n])
		}
	}
	if c, err := nodes[0].Count(t.Context()); err != nil || c != (queue.Counts{}) || len(seen) != senders*each {
		t.Errorf("%d received, left %+v, %v", len(seen), c, err)
	}
	for _, n := range nodes {
		n.stop()
	}
}

// TestOutboxDeliversWhatWasPut: each message in the transaction of its change, delivered at least once with a number that
// tells duplicates.
func TestOutboxDeliversWhatWasPut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		q := open(t, s, queue.Deps{})
		defer q.stop()
		ctx, cancel := context.WithCancel(t.Context())
		const count = 60
		var mu sync.Mutex
		delivered, bySequence, failures := map[string]int{}, map[uint64]string{}, 0
		done := make(chan error, 1)
		go func() {
			done <- q.Deliver(ctx, queue.Delivery{
				To: func(_ context.Context, m queue.Received) error {
					mu.Lock()
					defer mu.Unlock()
					if m.Receives() == 1 && m.Sequence%3 == 0 {
						failures++
						return errors.New("on purpose")
					}
					if before, ok := bySequence[m.Sequence]; ok && before != string(m.Body) {
						t.Errorf("sequence %d is %s and %s", m.Sequence, before, m.Body)
					}
					bySequence[m.Sequence] = string(m.Body)
					if delivered[string(m.Body)]++; len(delivered) == count {
						cancel()
					}
					return nil
				},
			})
		}()
		var wg sync.WaitGroup
		for i := range count {
			wg.Go(func() {
				err := s.Update(t.Context(), func(tx store.Tx) error {
					tx.Set(fmt.Appendf(nil, "x-change-%d", i), []byte("changed"))
					return q.Put(tx, queue.Message{Body: fmt.Appendf(nil, "m%d", i)})
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		failed := errors.New("this change is not made")
		if err := s.Update(t.Context(), func(tx store.Tx) error {
			return errors.Join(q.Put(tx, queue.Message{Body: []byte("never")}), failed)
		}); !errors.Is(err, failed) {
			t.Error(err)
		}
		wg.Wait()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if len(delivered) != count || delivered["never"] != 0 || failures == 0 {
			t.Errorf("%d delivered, %d failures, %d of a change that was not made", len(delivered), failures, delivered["never"])
		}
	})
}
