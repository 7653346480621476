// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"context"
	"time"

	"github.com/gustcloud/gust/internal/store"
)

// ReceiveOptions say what Receive gives.
type ReceiveOptions struct {
	Max        int           // messages, 1 to 10 for SQS
	Visibility time.Duration // how long they stay invisible
	Wait       time.Duration // for the first message, of the machine's time: a client keeps a request open
	// MaxReceives is how often a message may be received before it goes to DeadLetter; 0 for ever.
	MaxReceives int
	// DeadLetter takes a message that was received too often, in the transaction that removes it from this queue; it may
	// Put it into another. It may run several times, as any function of a transaction.
	DeadLetter func(tx store.Tx, m Received) error
}

// Received is a message that is out.
type Received struct {
	Handle
	Body    []byte
	Group   string
	DedupID string
	Sent    time.Time
	First   time.Time // when it was received for the first time
}

// Receives is how often the message was received, this time included.
func (r Received) Receives() int { return int(r.Epoch) }

// Receive hands out messages that are visible, in about the order in which they became so; in an ordered queue in the
// order of their groups. It waits for the first one at most o.Wait and may return none.
//
// Errors: ErrClosed, the cause of ctx's end, and those of the store.
func (q *Queue) Receive(ctx context.Context, o ReceiveOptions) ([]Received, error) {
	machine := q.Clock.Machine()
	end := machine.Now().Add(o.Wait)
	for {
		changed := q.changes()
		r := &request{kind: opReceive, receive: o}
		if err := q.do(ctx, r); err != nil || len(r.received) > 0 {
			return r.received, err
		}
		left := end.Sub(machine.Now())
		if left <= 0 {
			return nil, nil
		}
		if err := q.await(ctx, changed, r.next, min(left, pollEvery)); err != nil {
			return nil, err
		}
	}
}

// await returns when there may be something to receive: something has changed, service time has come to next (zero: not
// known), by itself or by a jump, or poll has passed, as another node may have sent something.
func (q *Queue) await(ctx context.Context, changed <-chan struct{}, next time.Time, poll time.Duration) error {
	timer := q.Clock.Machine().NewTimer(poll)
	defer timer.Stop()
	var due <-chan time.Time
	if !next.IsZero() {
		t := q.Clock.NewTimer(next)
		defer t.Stop()
		due = t.C
	}
	select {
	case <-changed:
	case <-due:
	case <-timer.C:
	case <-q.ended:
		return ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// receiveAll serves the receivers of a batch from one look at the index.
func (b *transaction) receiveAll(batch []*request) error {
	want := 0
	for _, r := range batch {
		if r.kind == opReceive {
			want += max(r.receive.Max, 0)
		}
	}
	if want == 0 {
		return nil
	}
	due, next, err := b.due(want)
	if err != nil {
		return err
	}
	for i, r := range batch {
		if r.kind != opReceive {
			continue
		}
		got := &b.results[i]
		for len(due) > 0 && len(got.received) < r.receive.Max && !b.full() {
			e := due[0]
			due = due[1:]
			if b.q.Ordered {
				err = b.takeGroup(e, r.receive, got)
			} else {
				err = b.takeOne(e, r.receive, got)
			}
			if err != nil {
				return err
			}
		}
		if got.next = next; len(got.received) == 0 && len(due) > 0 {
			got.next = b.now // what it was given went to the dead-letter queue, or the batch is full: there is more
		}
	}
	return nil
}

// full tells whether no more bodies fit into the transaction.
func (b *transaction) full() bool { return b.received >= receivedBytes || b.dead >= deadBytes }

// due returns up to n entries that are visible, and when the next one will be; and moves the cursor to the first of them.
func (b *transaction) due(n int) (list []entry, next time.Time, err error) {
	from := b.q.key(kindIndex)
	if !b.cursor.IsZero() {
		at := b.cursor
		if b.q.Shared {
			at = at.Add(-time.Duration(float64(lookBack) * b.q.Clock.Speed()))
		}
		from = store.AppendTime(from, at)
	}
	for it, err := range b.tx.Scan(store.Range{Lo: from, Hi: store.PrefixEnd(b.q.key(kindIndex))}, store.ScanOptions{}) {
		if err != nil {
			return nil, time.Time{}, err
		}
		e, err := b.q.readEntry(it)
		if err != nil {
			return nil, time.Time{}, err
		}
		if e.at.After(b.now) {
			next = e.at
			break
		}
		if list = append(list, e); len(list) == n {
			next = b.now // there may be more
			break
		}
	}
	b.cursor = b.now
	if len(list) > 0 {
		b.cursor = list[0].at // what is taken leaves nothing before the next entry: the next look moves on
	}
	return list, next, nil
}

// takeOne hands out the message of an entry of an unordered queue.
func (b *transaction) takeOne(e entry, o ReceiveOptions, to *result) error {
	b.tx.Delete(b.q.indexKey(e))
	st, out, err := b.take(e.sequence, o)
	if err != nil || out == nil {
		return err
	}
	b.tx.Set(b.q.indexKey(entry{at: st.visible, sequence: e.sequence}), nil)
	if st.visible.Before(b.cursor) {
		b.cursor = st.visible
	}
	to.received = append(to.received, *out)
	return nil
}

// take marks a message as received; out is nil when it went to the dead-letter queue or is not there.
func (b *transaction) take(sequence uint64, o ReceiveOptions) (st state, out *Received, err error) {
	m, st, found, err := b.load(sequence)
	if err != nil || !found {
		return st, nil, err
	}
	if st.receives == 0 {
		st.first = b.now
	}
	received := Received{
		Handle: Handle{sequence, st.receives + 1}, Body: m.body, Group: m.group, DedupID: m.dedup, Sent: m.sent, First: st.first,
	}
	if o.MaxReceives > 0 && o.DeadLetter != nil && st.receives >= uint64(o.MaxReceives) {
		received.Epoch = st.receives
		b.dead += len(received.Body)
		if err := o.DeadLetter(b.tx, received); err != nil {
			return st, nil, err
		}
		return st, nil, b.remove(sequence, m)
	}
	st.receives++
	st.visible = b.now.Add(o.Visibility)
	b.tx.Set(b.q.stateKey(sequence), encodeState(st))
	b.received += len(received.Body)
	return st, &received, nil
}

// look reads a message and its state, of its body only the first part.
func (b *transaction) look(sequence uint64) (m message, st state, found bool, err error) {
	keys := [][]byte{b.q.messageKey(sequence, 0), b.q.stateKey(sequence)}
	values, err := b.tx.GetMany(keys)
	if err != nil || values[0] == nil {
		return m, st, false, err
	}
	m, ok := decodeHead(values[0])
	if !ok {
		return m, st, false, damaged(keys[0])
	}
	st.visible = m.visible
	if values[1] != nil {
		if st, ok = decodeState(values[1]); !ok {
			return m, st, false, damaged(keys[1])
		}
	}
	return m, st, true, nil
}

// load reads a message and its state.
func (b *transaction) load(sequence uint64) (m message, st state, found bool, err error) {
	m, st, found, err = b.look(sequence)
	if err != nil || !found {
		return m, st, false, err
	}
	for i := 1; i < m.parts; i++ {
		key := b.q.messageKey(sequence, byte(i))
		part, err := b.tx.Get(key)
		if err != nil {
			return m, st, false, err
		}
		if part == nil {
			return m, st, false, damaged(key)
		}
		m.body = append(m.body, part...)
	}
	return m, st, true, nil
}

// remove deletes what is stored of a message, but not its index entry.
func (b *transaction) remove(sequence uint64, m message) error {
	for i := range m.parts {
		b.tx.Delete(b.q.messageKey(sequence, byte(i)))
	}
	b.tx.Delete(b.q.stateKey(sequence))
	if b.q.Ordered {
		b.tx.Delete(b.q.memberKey(m.group, sequence))
	}
	if err := b.readCounter(); err != nil {
		return err
	}
	if b.counter.count > 0 {
		b.counter.count--
	}
	return nil
}

// held finds the message that a handle names, if the handle is its latest.
func (b *transaction) held(h Handle) (m message, st state, found bool, err error) {
	m, st, found, err = b.look(h.Sequence)
	return m, st, found && h.Epoch > 0 && st.receives == h.Epoch, err
}

// delete removes a message by its latest handle, also when it has become visible again and nobody has taken it since.
func (b *transaction) delete(h Handle) (bool, error) {
	m, st, found, err := b.held(h)
	if err != nil || !found {
		return false, err
	}
	if err := b.remove(h.Sequence, m); err != nil {
		return false, err
	}
	if b.q.Ordered {
		return true, b.rearrange(m.group)
	}
	b.tx.Delete(b.q.indexKey(entry{at: st.visible, sequence: h.Sequence}))
	return true, nil
}

func (b *transaction) change(h Handle, d time.Duration) (bool, error) {
	m, st, found, err := b.held(h)
	if err != nil || !found || !st.visible.After(b.now) {
		return false, err
	}
	old := entry{at: st.visible, sequence: h.Sequence}
	st.visible = b.now.Add(max(d, 0))
	b.tx.Set(b.q.stateKey(h.Sequence), encodeState(st))
	if b.q.Ordered {
		return true, b.rearrange(m.group)
	}
	b.tx.Delete(b.q.indexKey(old))
	b.index(entry{at: st.visible, sequence: h.Sequence})
	return true, nil
}
