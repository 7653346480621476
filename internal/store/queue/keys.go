// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"bytes"
	"encoding/binary"
	"errors"
	"time"

	"github.com/gustcloud/gust/internal/store"
)

// The keys of a queue, behind its prefix.
const (
	kindCounter byte = 'c' // -> the next sequence number, and how many messages there are
	kindMessage byte = 'm' // sequence, part -> message
	kindState   byte = 's' // sequence -> state; absent for a message that was never received
	kindIndex   byte = 'v' // visible at, sequence -> group; one entry for each message, in ordered queues for each group
	kindMember  byte = 'g' // group, sequence -> nothing; ordered queues only
	kindGroup   byte = 'l' // group -> visible at and sequence of the group's index entry
	kindDedup   byte = 'u' // deduplication id -> sequence, end of the window
	kindWindow  byte = 'x' // end of the window, deduplication id -> nothing
	kindInbox   byte = 'i' // commit order -> part of a message that Put has left
)

func (q *Queue) key(kind byte) []byte { return append(q.Prefix, kind) }

func (q *Queue) kindRange(kind byte) store.Range { return store.PrefixRange(q.key(kind)) }

// Range is everything of q: deleting it deletes the queue.
func (q *Queue) Range() store.Range { return store.PrefixRange(q.Prefix) }

func (q *Queue) messageKey(sequence uint64, part byte) []byte {
	return append(store.AppendUint64(q.key(kindMessage), sequence), part)
}

func (q *Queue) stateKey(sequence uint64) []byte {
	return store.AppendUint64(q.key(kindState), sequence)
}

func (q *Queue) indexKey(e entry) []byte {
	return store.AppendUint64(store.AppendTime(q.key(kindIndex), e.at), e.sequence)
}

func (q *Queue) memberKey(group string, sequence uint64) []byte {
	return store.AppendUint64(store.AppendString(q.key(kindMember), group), sequence)
}

func (q *Queue) groupKey(group string) []byte { return store.AppendString(q.key(kindGroup), group) }

func (q *Queue) dedupKey(id string) []byte { return store.AppendString(q.key(kindDedup), id) }

func (q *Queue) windowKey(end time.Time, id string) []byte {
	return store.AppendString(store.AppendTime(q.key(kindWindow), end), id)
}

// entry is one of the index: a message, or a group by its first message, and when it is visible.
type entry struct {
	at       time.Time
	sequence uint64
	group    string
}

var errRecord = errors.New("not a record of a queue")

func damaged(key []byte) error {
	return &store.RecordError{Name: "queue record", Key: bytes.Clone(key), Err: errRecord}
}

func (q *Queue) readEntry(it store.Item) (entry, error) {
	at, rest, err := store.CutTime(it.Key[len(q.Prefix)+1:])
	if err != nil {
		return entry{}, damaged(it.Key)
	}
	sequence, rest, err := store.CutUint64(rest)
	if err != nil || len(rest) > 0 {
		return entry{}, damaged(it.Key)
	}
	return entry{at: at, sequence: sequence, group: string(it.Value)}, nil
}

// message is what is stored of one.
type message struct {
	sent, visible time.Time // visible: at first
	group, dedup  string
	body          []byte
	parts         int
}

// maxPart leaves room for the head of the first part in store.MaxValue.
const maxPart = store.MaxValue - 4<<10

func splitBody(body []byte) [][]byte {
	parts := [][]byte{body[:min(len(body), maxPart)]}
	for body = body[len(parts[0]):]; len(body) > 0; body = body[len(parts[len(parts)-1]):] {
		parts = append(parts, body[:min(len(body), maxPart)])
	}
	return parts
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func cutText(b []byte) (s string, rest []byte, ok bool) {
	n, w := binary.Uvarint(b)
	if w <= 0 || n > uint64(len(b)-w) {
		return "", nil, false
	}
	return string(b[w : w+int(n)]), b[w+int(n):], true
}

// encodeHead returns the head of the first part; the body's first part follows it.
func encodeHead(m message) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(m.sent.UnixNano()))
	b = binary.BigEndian.AppendUint64(b, uint64(m.visible.UnixNano()))
	b = append(b, byte(m.parts))
	return appendText(appendText(b, m.group), m.dedup)
}

func decodeHead(b []byte) (m message, ok bool) {
	if len(b) < 17 {
		return m, false
	}
	m.sent = time.Unix(0, int64(binary.BigEndian.Uint64(b))).UTC()
	m.visible = time.Unix(0, int64(binary.BigEndian.Uint64(b[8:]))).UTC()
	m.parts = int(b[16])
	if m.group, b, ok = cutText(b[17:]); !ok {
		return m, false
	}
	if m.dedup, b, ok = cutText(b); !ok {
		return m, false
	}
	m.body = b
	return m, true
}

// state is what receiving a message leaves behind.
type state struct {
	visible  time.Time
	first    time.Time // when it was received for the first time
	receives uint64    // how often it was received: the epoch of its latest handle
}

const stateSize = 24

func encodeState(s state) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, stateSize), uint64(s.visible.UnixNano()))
	b = binary.BigEndian.AppendUint64(b, uint64(s.first.UnixNano()))
	return binary.BigEndian.AppendUint64(b, s.receives)
}

func decodeState(b []byte) (state, bool) {
	if len(b) != stateSize {
		return state{}, false
	}
	return state{
		visible:  time.Unix(0, int64(binary.BigEndian.Uint64(b))).UTC(),
		first:    time.Unix(0, int64(binary.BigEndian.Uint64(b[8:]))).UTC(),
		receives: binary.BigEndian.Uint64(b[16:]),
	}, true
}

// pair is two numbers in one value: the counter, a deduplication id's message, a group's entry.
func encodePair(a, b uint64) []byte { return store.AppendUint64(store.AppendUint64(nil, a), b) }

func decodePair(b []byte) (x, y uint64, ok bool) {
	if len(b) != 16 {
		return 0, 0, false
	}
	return binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:]), true
}

// An inbox part: how many parts follow, then in the first one the delay, group and deduplication id; then the body.
func encodeInbox(m Message) [][]byte {
	parts := splitBody(m.Body)
	out := make([][]byte, len(parts))
	for i, p := range parts {
		b := []byte{byte(i), byte(len(parts) - 1 - i)}
		if i == 0 {
			b = binary.BigEndian.AppendUint64(b, uint64(m.Delay))
			b = appendText(appendText(b, m.Group), m.DedupID)
		}
		out[i] = append(b, p...)
	}
	return out
}

// decodeInbox adds part number n to m and tells whether it was the last one.
func decodeInbox(m *Message, b []byte, n int) (whole bool, err error) {
	if len(b) < 2 || int(b[0]) != n {
		return false, errRecord
	}
	last := b[1] == 0
	b = b[2:]
	if n == 0 {
		if len(b) < 8 {
			return false, errRecord
		}
		*m = Message{Delay: time.Duration(binary.BigEndian.Uint64(b))}
		var ok bool
		if m.Group, b, ok = cutText(b[8:]); !ok {
			return false, errRecord
		}
		if m.DedupID, b, ok = cutText(b); !ok {
			return false, errRecord
		}
	}
	m.Body = append(m.Body, b...)
	return last, nil
}
