// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"context"
	"time"

	"github.com/gustcloud/gust/internal/store"
)

// purge removes every message. Deduplication ids stay known.
func (b *transaction) purge() error {
	for _, kind := range []byte{kindMessage, kindState, kindIndex, kindMember, kindGroup, kindInbox} {
		b.tx.DeleteRange(b.q.kindRange(kind))
	}
	if err := b.readCounter(); err != nil {
		return err
	}
	b.counter.count = 0
	return nil
}

// trim removes up to trimAtOnce messages that were sent before a time. They are in the order of their sequence numbers.
func (b *transaction) trim(before time.Time) (removed int, err error) {
	type old struct {
		sequence uint64
		message  message
	}
	var list []old
	from := b.q.messageKey(b.oldest, 0)
	for it, err := range b.tx.Scan(store.Range{Lo: from, Hi: store.PrefixEnd(b.q.key(kindMessage))}, store.ScanOptions{}) {
		if err != nil {
			return 0, err
		}
		sequence, part, err := store.CutUint64(it.Key[len(b.q.Prefix)+1:])
		if err != nil || len(part) != 1 {
			return 0, damaged(it.Key)
		}
		if part[0] != 0 {
			continue
		}
		m, ok := decodeHead(it.Value)
		if !ok {
			return 0, damaged(it.Key)
		}
		b.oldest = sequence
		if !m.sent.Before(before) || len(list) == trimAtOnce {
			break
		}
		m.body = nil // valid until the next step only
		list = append(list, old{sequence, m})
	}
	for _, o := range list {
		_, st, found, err := b.look(o.sequence)
		if err != nil {
			return 0, err
		}
		if !found {
			continue
		}
		if err := b.remove(o.sequence, o.message); err != nil {
			return 0, err
		}
		if !b.q.Ordered {
			b.tx.Delete(b.q.indexKey(entry{at: st.visible, sequence: o.sequence}))
			continue
		}
		if err := b.rearrange(o.message.group); err != nil {
			return 0, err
		}
	}
	return len(list), nil
}

// Counts are how many messages there are. They are those of one moment.
type Counts struct {
	Visible int // somebody may receive them; in ordered queues also those whose group is out
	Out     int // received and not visible again
	Delayed int // not visible yet for the first time
}

// Count counts messages; it reads each one's state that is out or delayed.
func (q *Queue) Count(ctx context.Context) (Counts, error) {
	var c Counts
	err := q.Store.View(ctx, func(r store.Reader) error {
		c = Counts{}
		now := q.Store.Now()
		v, err := r.Get(q.key(kindCounter))
		if err != nil {
			return err
		}
		_, total, _ := decodePair(v)
		for it, err := range r.Scan(q.kindRange(kindState), store.ScanOptions{}) {
			if err != nil {
				return err
			}
			st, ok := decodeState(it.Value)
			if !ok {
				return damaged(it.Key)
			}
			if st.visible.After(now) {
				c.Out++
			}
		}
		if !q.Ordered { // there the delay is the queue's, and the messages behind a delayed one wait for it
			later := store.Range{Lo: store.AppendTime(q.key(kindIndex), now.Add(1)), Hi: store.PrefixEnd(q.key(kindIndex))}
			for _, err := range r.Scan(later, store.ScanOptions{KeysOnly: true}) {
				if err != nil {
					return err
				}
				c.Delayed++
			}
			c.Delayed -= c.Out
		}
		c.Visible = int(total) - c.Out - c.Delayed
		return nil
	})
	return c, err
}
