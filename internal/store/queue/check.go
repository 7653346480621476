// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"errors"
	"fmt"
	"time"

	"github.com/gustcloud/gust/internal/store"
)

// Check walks all that is stored of q and returns what does not fit together: a message without its place in the index, or a
// place without its message, a group with none or two, a counter that is wrong, half a message, a deduplication id without
// its window. each hears of every message, also of those that Put has left and no node has taken yet, whose Sequence is 0;
// nil: nobody does. It holds the queue's keys in memory.
//
// Errors: *store.RecordError, those of the store, and one for each fault.
func (q *Queue) Check(r store.Reader, each func(Received)) error {
	c := &checker{
		q: q, r: r, messages: map[uint64]checked{}, index: map[uint64]entry{}, groups: map[string][]uint64{},
	}
	if each == nil {
		each = func(Received) {}
	}
	for _, step := range []func() error{
		func() error { return c.readMessages(each) }, c.readStates, c.readIndex, c.counter, c.readMembers, c.checkGroups,
		c.checkDedup, func() error { return c.readInbox(each) },
	} {
		if err := step(); err != nil {
			return errors.Join(append(c.faults, err)...)
		}
	}
	return errors.Join(c.faults...)
}

// checked is what the checker keeps of a message.
type checked struct {
	visible time.Time
	group   string
	out     bool // it was received
}

type checker struct {
	q        *Queue
	r        store.Reader
	messages map[uint64]checked
	index    map[uint64]entry
	groups   map[string][]uint64 // members, in their order
	faults   []error
}

// maxFaults are told; a queue that is damaged all over needs no more.
const maxFaults = 20

func (c *checker) fault(format string, args ...any) {
	if len(c.faults) < maxFaults {
		c.faults = append(c.faults, fmt.Errorf("queue %q: "+format, append([]any{c.q.Prefix}, args...)...))
	}
}

// walk reads the records of one kind; key is what stands behind the kind.
func (c *checker) walk(kind byte, fn func(key, value []byte) error) error {
	for it, err := range c.r.Scan(c.q.kindRange(kind), store.ScanOptions{}) {
		if err != nil {
			return err
		}
		if err := fn(it.Key[len(c.q.Prefix)+1:], it.Value); err != nil {
			return damaged(it.Key)
		}
	}
	return nil
}

func (c *checker) readMessages(each func(Received)) error {
	var last message
	var at uint64
	part := 0
	whole := func() {
		if part != last.parts {
			c.fault("message %d has %d parts, want %d", at, part, last.parts)
		} else if part > 0 {
			each(Received{Handle: Handle{Sequence: at}, Body: last.body, Group: last.group, DedupID: last.dedup, Sent: last.sent})
		}
	}
	err := c.walk(kindMessage, func(key, value []byte) error {
		sequence, number, err := store.CutUint64(key)
		if err != nil || len(number) != 1 {
			return errRecord
		}
		if number[0] != 0 {
			if sequence != at || int(number[0]) != part {
				c.fault("part %d of message %d stands alone", number[0], sequence)
				return nil
			}
			last.body, part = append(last.body, value...), part+1
			return nil
		}
		whole()
		m, ok := decodeHead(append([]byte{}, value...))
		if !ok {
			return errRecord
		}
		last, at, part = m, sequence, 1
		c.messages[sequence] = checked{visible: m.visible, group: m.group}
		return nil
	})
	whole()
	return err
}

func (c *checker) readStates() error {
	return c.walk(kindState, func(key, value []byte) error {
		sequence, rest, err := store.CutUint64(key)
		st, ok := decodeState(value)
		if err != nil || len(rest) > 0 || !ok {
			return errRecord
		}
		m, ok := c.messages[sequence]
		if !ok {
			c.fault("the state of message %d, which is not there", sequence)
			return nil
		}
		m.visible, m.out = st.visible, true
		c.messages[sequence] = m
		return nil
	})
}

func (c *checker) readIndex() error {
	for it, err := range c.r.Scan(c.q.kindRange(kindIndex), store.ScanOptions{}) {
		if err != nil {
			return err
		}
		e, err := c.q.readEntry(it)
		if err != nil {
			return err
		}
		if _, twice := c.index[e.sequence]; twice {
			c.fault("message %d stands in the index twice", e.sequence)
		}
		c.index[e.sequence] = e
		if m, ok := c.messages[e.sequence]; !ok {
			c.fault("the index has message %d, which is not there", e.sequence)
		} else if !c.q.Ordered && !m.visible.Equal(e.at) {
			c.fault("message %d is visible at %v, in the index at %v", e.sequence, m.visible, e.at)
		}
	}
	for sequence := range c.messages {
		if _, ok := c.index[sequence]; !ok && !c.q.Ordered {
			c.fault("message %d is not in the index", sequence)
		}
	}
	return nil
}

func (c *checker) counter() error {
	key := c.q.key(kindCounter)
	v, err := c.r.Get(key)
	if err != nil {
		return err
	}
	next, count, ok := decodePair(v)
	if v != nil && !ok {
		return damaged(key)
	}
	if count != uint64(len(c.messages)) {
		c.fault("%d messages are counted, %d are there", count, len(c.messages))
	}
	for sequence := range c.messages {
		if sequence >= next {
			c.fault("message %d, and the next number is %d", sequence, next)
		}
	}
	return nil
}

func (c *checker) readMembers() error {
	err := c.walk(kindMember, func(key, _ []byte) error {
		group, rest, err := store.CutString(key)
		if err != nil {
			return err
		}
		sequence, rest, err := store.CutUint64(rest)
		if err != nil || len(rest) > 0 {
			return errRecord
		}
		if m, ok := c.messages[sequence]; !ok || m.group != group {
			c.fault("group %q has message %d, which is not there or not of it", group, sequence)
		}
		c.groups[group] = append(c.groups[group], sequence)
		return nil
	})
	members := 0
	for _, list := range c.groups {
		members += len(list)
	}
	if c.q.Ordered && members != len(c.messages) || !c.q.Ordered && members > 0 {
		c.fault("%d messages, and %d are members of groups", len(c.messages), members)
	}
	return err
}

func (c *checker) checkGroups() error {
	entries := 0
	err := c.walk(kindGroup, func(key, value []byte) error {
		group, rest, err := store.CutString(key)
		at, sequence, ok := decodePair(value)
		if err != nil || len(rest) > 0 || !ok {
			return errRecord
		}
		entries++
		list := c.groups[group]
		e, ok := c.index[sequence]
		if !ok || e.group != group || uint64(e.at.UnixNano()) != at || len(list) == 0 || list[0] != sequence {
			c.fault("group %q with messages %v is said to stand at %d, message %d; the index has %+v", group, list, at, sequence, e)
			return nil
		}
		for i, s := range list[:min(len(list), window)] {
			if m := c.messages[s]; (i == 0 || m.out) && m.visible.After(e.at) {
				c.fault("group %q may be received at %v, its message %d is out until %v", group, e.at, s, m.visible)
			}
		}
		return nil
	})
	if entries != len(c.groups) || c.q.Ordered && entries != len(c.index) {
		c.fault("%d groups, %d with a place, %d places", len(c.groups), entries, len(c.index))
	}
	return err
}

func (c *checker) checkDedup() error {
	until := map[string]uint64{}
	if err := c.walk(kindDedup, func(key, value []byte) error {
		id, rest, err := store.CutString(key)
		_, end, ok := decodePair(value)
		if err != nil || len(rest) > 0 || !ok {
			return errRecord
		}
		until[id] = end
		return nil
	}); err != nil {
		return err
	}
	latest := map[string]uint64{}
	err := c.walk(kindWindow, func(key, _ []byte) error {
		end, rest, err := store.CutTime(key)
		if err != nil {
			return err
		}
		id, rest, err := store.CutString(rest)
		if err != nil || len(rest) > 0 {
			return errRecord
		}
		latest[id] = uint64(end.UnixNano()) // they are in the order of their ends
		return nil
	})
	for id, end := range until {
		if latest[id] != end {
			c.fault("deduplication id %q is known until %d, its window ends at %d", id, end, latest[id])
		}
	}
	for id := range latest {
		if _, ok := until[id]; !ok {
			c.fault("deduplication id %q has a window and is not known", id)
		}
	}
	return err
}

func (c *checker) readInbox(each func(Received)) error {
	var m Message
	next, whole := 0, true
	err := c.walk(kindInbox, func(_, value []byte) (err error) {
		if whole, err = decodeInbox(&m, value, next); err != nil {
			return err
		}
		if next++; whole {
			each(Received{Body: m.Body, Group: m.Group, DedupID: m.DedupID})
			next = 0
		}
		return nil
	})
	if !whole {
		c.fault("a message that was put is not whole: %d parts", next)
	}
	return err
}
