// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"context"
	"errors"
	"time"

	"github.com/gustcloud/gust/internal/store"
)

// Limits of one transaction. Of bodies it writes at most these bytes, and one message more of each kind: with the keys of
// some hundred messages less than store.MaxTransaction.
const (
	batchRequests = 128
	sentBytes     = 2 << 20 // of the bodies that are sent
	inboxBytes    = 1 << 20 // of those that Put has left
	deadBytes     = 1 << 20 // of those that go to the dead-letter queue
	receivedBytes = 4 << 20 // of those that are handed out: they are only read
	batchInbox    = 128     // messages that Put has left
	batchWindows  = 256     // deduplication ids that are forgotten
	trimAtOnce    = 256     // messages that are too old
	pollEvery     = time.Second
	maxPoll       = 5 * time.Second // of a queue in which nothing happens
	// lookBack is how far in the past another node may put a visible message: its clock, and the time a transaction takes.
	lookBack   = store.MaxDuration + 5*time.Second
	wholeEvery = time.Minute // a look at all that is visible, wherever it stands: a node's clock may be far behind
)

type op byte

const (
	opSend op = iota
	opDelete
	opChange
	opReceive
	opPurge
	opTrim
)

// request is one call on its way through Run.
type request struct {
	ctx        context.Context //nolint:containedctx // of the caller: a request that nobody waits for is left out
	kind       op
	message    Message
	handle     Handle
	visibility time.Duration
	receive    ReceiveOptions
	before     time.Time

	sent     Sent
	found    bool
	received []Received
	next     time.Time // opReceive: when there may be something to receive; zero when that is not known
	removed  int
	err      error
	done     chan struct{}
}

// Run carries out the calls of q until ctx ends. It is called once.
func (q *Queue) Run(ctx context.Context) error {
	defer close(q.ended)
	left, stop := q.Store.Watch(q.key(kindInbox))
	defer stop()
	visible, stopVisible := q.Store.Watch(q.key(kindIndex))
	defer stopVisible()
	inbox := true // what was left before this start
	poll := pollEvery
	timer := q.Clock.Machine().NewTimer(0) // hints get lost in the machine's time
	defer timer.Stop()
	for {
		var batch []*request
		select {
		case <-ctx.Done():
			return nil
		case r := <-q.requests:
			batch, poll = q.gather(r), pollEvery
		case <-visible: // another node has sent something
			q.signal()
			continue
		case <-left:
			inbox, poll = true, pollEvery
		case <-timer.C: // hints may be lost
			inbox, poll = true, min(2*poll, maxPoll)
			timer.Reset(poll)
		}
		var err error
		switch inbox, err = q.commit(ctx, batch, inbox); {
		case err != nil:
			timer.Reset(pollEvery) // what the inbox holds waits for it
		case inbox:
			timer.Reset(0)
		}
	}
}

// gather takes what else waits.
func (q *Queue) gather(r *request) []*request {
	batch, size := []*request{r}, len(r.message.Body)
	for len(batch) < batchRequests && size < sentBytes {
		select {
		case r := <-q.requests:
			batch, size = append(batch, r), size+len(r.message.Body)
		default:
			return batch
		}
	}
	return batch
}

// commit carries out a batch and tells its callers. more: the inbox may hold more.
func (q *Queue) commit(ctx context.Context, batch []*request, inbox bool) (more bool, err error) {
	live := batch[:0]
	for _, r := range batch {
		if r.ctx.Err() != nil {
			r.err = context.Cause(r.ctx)
			close(r.done)
			continue
		}
		live = append(live, r)
	}
	if len(live) == 0 && !inbox {
		return false, nil
	}
	more, err = q.transact(ctx, live, inbox)
	if len(live) == 0 || len(live) == 1 && !inbox || !divisible(err) {
		for _, r := range live {
			r.err = err
			close(r.done)
		}
		return more, err
	}
	for i, r := range live {
		_, r.err = q.transact(ctx, live[i:i+1], false)
		close(r.done)
	}
	if inbox {
		return q.transact(ctx, nil, true)
	}
	return false, nil
}

// divisible tells whether err may be that of one request, so that the others succeed without it: a dead-letter queue that
// does not take the message, a damaged record.
func divisible(err error) bool {
	for _, all := range []error{store.ErrUnknownOutcome, store.ErrUnavailable, store.ErrTooLong, store.ErrClosed, ErrClosed} {
		if errors.Is(err, all) {
			return false
		}
	}
	return err != nil
}

// transact carries out requests in one transaction.
func (q *Queue) transact(ctx context.Context, live []*request, inbox bool) (more bool, err error) {
	if now := q.Clock.Machine().Now(); q.Shared && !now.Before(q.nextWhole) {
		q.cursor, q.nextWhole = time.Time{}, now.Add(wholeEvery)
	}
	var b *transaction
	err = q.Store.Update(ctx, func(tx store.Tx) (err error) {
		b = &transaction{q: q, tx: tx, now: q.Store.Now(), cursor: q.cursor, oldest: q.oldest}
		return b.run(live, inbox)
	})
	if err != nil {
		q.cursor, q.oldest = time.Time{}, 0 // it may have been carried out
		if ctx.Err() != nil && !errors.Is(err, store.ErrUnknownOutcome) {
			err = ErrClosed
		}
		return false, err
	}
	q.cursor, q.oldest = b.cursor, b.oldest
	if b.visible {
		q.signal()
	}
	for i, r := range live {
		b.results[i].into(r)
	}
	return b.more, nil
}

// transaction is one run of a batch. Nothing of it is seen before the commit.
type transaction struct {
	q       *Queue
	tx      store.Tx
	now     time.Time
	results []result

	counter counter
	cursor  time.Time
	oldest  uint64
	visible bool // somebody may receive more than before
	more    bool // the inbox holds more

	received, dead int // bytes of bodies that are handed out, and that go to the dead-letter queue
}

// result is what a request gets.
type result struct {
	sent     Sent
	found    bool
	received []Received
	next     time.Time
	removed  int
}

func (r result) into(to *request) {
	to.sent, to.found, to.received, to.next, to.removed = r.sent, r.found, r.received, r.next, r.removed
}

// counter numbers and counts the messages. It is read once, and written when it changed.
type counter struct {
	read        bool
	next, count uint64
	old         [2]uint64
}

func (b *transaction) run(batch []*request, inbox bool) error {
	b.results = make([]result, len(batch))
	for i, r := range batch {
		var err error
		switch r.kind {
		case opSend:
			b.results[i].sent, err = b.send(r.message)
		case opDelete:
			b.results[i].found, err = b.delete(r.handle)
		case opChange:
			b.results[i].found, err = b.change(r.handle, r.visibility)
		case opPurge:
			err = b.purge()
		case opTrim:
			b.results[i].removed, err = b.trim(r.before)
		case opReceive: // below, so that it finds what the others have sent
		}
		if err != nil {
			return err
		}
	}
	if inbox {
		if err := b.takeInbox(); err != nil {
			return err
		}
	}
	if err := b.receiveAll(batch); err != nil {
		return err
	}
	return b.writeCounter()
}

func (b *transaction) readCounter() error {
	if b.counter.read {
		return nil
	}
	key := b.q.key(kindCounter)
	v, err := b.tx.Get(key)
	if err != nil {
		return err
	}
	c := counter{read: true, next: 1}
	if v != nil {
		var ok bool
		if c.next, c.count, ok = decodePair(v); !ok {
			return damaged(key)
		}
	}
	c.old = [2]uint64{c.next, c.count}
	b.counter = c
	return nil
}

func (b *transaction) writeCounter() error {
	c := b.counter
	if c.read && c.old != [2]uint64{c.next, c.count} {
		b.tx.Set(b.q.key(kindCounter), encodePair(c.next, c.count))
	}
	return nil
}

// send stores a message, unless its deduplication id is known.
func (b *transaction) send(m Message) (Sent, error) {
	if err := b.readCounter(); err != nil {
		return Sent{}, err
	}
	if m.DedupID != "" {
		earlier, found, err := b.duplicate(m.DedupID)
		if err != nil || found {
			return Sent{Sequence: earlier, Duplicate: found}, err
		}
	}
	sequence := b.counter.next
	b.counter.next++
	b.counter.count++
	if m.DedupID != "" {
		end := b.now.Add(b.q.Dedup)
		b.tx.Set(b.q.dedupKey(m.DedupID), encodePair(sequence, uint64(end.UnixNano())))
		b.tx.Set(b.q.windowKey(end, m.DedupID), nil)
	}
	parts := splitBody(m.Body)
	stored := message{
		sent: b.now, visible: b.now.Add(max(m.Delay, 0)), group: m.Group, dedup: m.DedupID, parts: len(parts),
	}
	b.tx.Set(b.q.messageKey(sequence, 0), append(encodeHead(stored), parts[0]...))
	for i, p := range parts[1:] {
		b.tx.Set(b.q.messageKey(sequence, byte(i+1)), p)
	}
	e := entry{at: stored.visible, sequence: sequence, group: m.Group}
	if b.q.Ordered {
		return Sent{Sequence: sequence}, b.join(e)
	}
	b.index(e)
	return Sent{Sequence: sequence}, nil
}

// index makes an entry of the index; it is what receivers find.
func (b *transaction) index(e entry) {
	b.tx.Set(b.q.indexKey(e), []byte(e.group))
	if b.q.Shared {
		b.tx.Notify(b.q.key(kindIndex))
	}
	b.visible = true
	if e.at.Before(b.cursor) {
		b.cursor = e.at
	}
}

// duplicate looks a deduplication id up.
func (b *transaction) duplicate(id string) (sequence uint64, found bool, err error) {
	key := b.q.dedupKey(id)
	v, err := b.tx.Get(key)
	if err != nil || v == nil {
		return 0, false, err
	}
	sequence, end, ok := decodePair(v)
	if !ok {
		return 0, false, damaged(key)
	}
	if until := time.Unix(0, int64(end)); until.After(b.now) {
		return sequence, true, nil
	}
	return 0, false, nil
}

// takeInbox gives messages that Put has left their places, and forgets deduplication ids whose window has ended.
func (b *transaction) takeInbox() error {
	if err := b.forget(); err != nil {
		return err
	}
	var m Message
	var keys [][]byte
	n, size := 0, 0
	for it, err := range b.tx.Snapshot().Scan(b.q.kindRange(kindInbox), store.ScanOptions{}) {
		if err != nil {
			return err
		}
		key := append([]byte{}, it.Key...)
		whole, err := decodeInbox(&m, it.Value, len(keys))
		if err != nil {
			return damaged(key)
		}
		keys = append(keys, key)
		if !whole {
			continue
		}
		// Another node may have taken it since the snapshot: then this read conflicts.
		v, err := b.tx.Get(keys[0])
		if err != nil {
			return err
		}
		if v != nil {
			if _, err := b.send(m); err != nil {
				return err
			}
		}
		for _, k := range keys {
			b.tx.Delete(k)
		}
		keys = nil
		size += len(m.Body)
		if n++; n == batchInbox || size >= inboxBytes {
			b.more = true
			break
		}
	}
	return nil
}

// forget removes what is known of deduplication ids whose window has ended.
func (b *transaction) forget() error {
	done := store.Range{Lo: b.q.key(kindWindow), Hi: store.AppendTime(b.q.key(kindWindow), b.now)}
	n := 0
	for it, err := range b.tx.Snapshot().Scan(done, store.ScanOptions{Limit: batchWindows, KeysOnly: true}) {
		if err != nil {
			return err
		}
		if n++; n == batchWindows {
			b.more = true
		}
		end, rest, err := store.CutTime(it.Key[len(b.q.Prefix)+1:])
		if err != nil {
			return damaged(it.Key)
		}
		id, _, err := store.CutString(rest)
		if err != nil {
			return damaged(it.Key)
		}
		v, err := b.tx.Get(b.q.dedupKey(id))
		if err != nil {
			return err
		}
		if _, until, ok := decodePair(v); ok && until == uint64(end.UnixNano()) { // else it was used again
			b.tx.Delete(b.q.dedupKey(id))
		}
		b.tx.Delete(append([]byte{}, it.Key...))
	}
	return nil
}
