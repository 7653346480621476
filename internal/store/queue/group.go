// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"time"

	"github.com/gustcloud/gust/internal/store"
)

// A group of an ordered queue has one entry in the index, at the time when its next message may be handed out. While
// messages of a group are out, the entry stands at the latest time at which one of them comes back: they are the first of
// the group, and none behind them goes out before they are deleted or back.

// window is how many messages of a group are looked at: as many as one call may have out. A receiver that asks for more
// gets no more of one group.
const window = 10

// join adds a message to its group.
func (b *transaction) join(e entry) error {
	b.tx.Set(b.q.memberKey(e.group, e.sequence), nil)
	_, has, err := b.groupEntry(e.group)
	if err != nil || has {
		return err // its turn comes with those before it
	}
	b.place(e)
	return nil
}

// groupEntry returns the group's entry in the index.
func (b *transaction) groupEntry(group string) (entry, bool, error) {
	key := b.q.groupKey(group)
	v, err := b.tx.Get(key)
	if err != nil || v == nil {
		return entry{}, false, err
	}
	at, sequence, ok := decodePair(v)
	if !ok {
		return entry{}, false, damaged(key)
	}
	return entry{at: time.Unix(0, int64(at)).UTC(), sequence: sequence, group: group}, true, nil
}

func (b *transaction) place(e entry) {
	b.tx.Set(b.q.groupKey(e.group), encodePair(uint64(e.at.UnixNano()), e.sequence))
	b.index(e)
}

// members returns the first messages of a group.
func (b *transaction) members(group string) ([]uint64, error) {
	prefix := store.AppendString(b.q.key(kindMember), group)
	var list []uint64
	for it, err := range b.tx.Scan(store.PrefixRange(prefix), store.ScanOptions{Limit: window, KeysOnly: true}) {
		if err != nil {
			return nil, err
		}
		sequence, rest, err := store.CutUint64(it.Key[len(prefix):])
		if err != nil || len(rest) > 0 {
			return nil, damaged(it.Key)
		}
		list = append(list, sequence)
	}
	return list, nil
}

// takeGroup hands out messages of a group, from the first.
func (b *transaction) takeGroup(e entry, o ReceiveOptions, to *result) error {
	list, err := b.members(e.group)
	if err != nil {
		return err
	}
	for _, sequence := range list {
		if len(to.received) == o.Max || b.full() {
			break
		}
		_, st, found, err := b.look(sequence)
		if err != nil {
			return err
		}
		if !found || st.visible.After(b.now) {
			break // it is delayed, or still out
		}
		_, out, err := b.take(sequence, o)
		if err != nil {
			return err
		}
		if out != nil {
			to.received = append(to.received, *out)
		}
	}
	woke := b.visible
	err = b.rearrange(e.group)
	if at, has, _ := b.groupEntry(e.group); !has || at.at.After(b.now) {
		b.visible = woke // there is nothing new to receive
	}
	return err
}

// rearrange moves the group's entry to where its messages want it now.
func (b *transaction) rearrange(group string) error {
	old, has, err := b.groupEntry(group)
	if err != nil {
		return err
	}
	list, err := b.members(group)
	if err != nil {
		return err
	}
	if has {
		b.tx.Delete(b.q.indexKey(old))
	}
	if len(list) == 0 {
		b.tx.Delete(b.q.groupKey(group))
		return nil
	}
	at := time.Time{}
	for i, sequence := range list {
		_, st, found, err := b.look(sequence)
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		out := st.receives > 0 && st.visible.After(b.now)
		if i == 0 || out && st.visible.After(at) {
			at = st.visible
		}
	}
	if at.Before(b.now) {
		at = b.now
	}
	b.place(entry{at: at, sequence: list[0], group: group})
	return nil
}
