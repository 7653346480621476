// SPDX-License-Identifier: Apache-2.0

// Package log is an ordered sequence of records in the store: the records of a stream's shard, of a table's stream, of an
// execution's history. A record is appended in the transaction of the change that it describes, and appends of different
// transactions do not conflict. Read from a position or a time, trim by age.
//
// It does not divide a stream into shards, hands no sequence number out before the commit, and keeps no readers'
// positions. Read this file, then at.go.
package log

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/gustcloud/gust/internal/store"
)

// MaxData is the most that a record may hold, in bytes: 1 MiB. It is stored in parts of at most store.MaxValue.
const MaxData = 1 << 20

// Log is the records below a key prefix that belongs to it alone. The zero value is not a log.
type Log struct{ prefix []byte }

// Of returns the log below prefix, which ends with a component that no other key of its owner starts with.
func Of(prefix []byte) Log { return Log{prefix: prefix[:len(prefix):len(prefix)]} }

// Record is one record.
type Record struct {
	// Sequence orders the records of a log; it grows with the order of the commits and has gaps.
	Sequence uint64
	Time     time.Time // service time of the append, in milliseconds
	Data     []byte
}

// ErrTooLarge is returned for data over MaxData.
var ErrTooLarge = errors.New("log: record too large")

// The head of a part: its number, from 0; how many parts follow in the same record; in the first, the record's time.
const (
	partHead  = 2
	firstHead = partHead + 8
	maxPart   = store.MaxValue - firstHead
)

// Append adds a record to l when tx commits. now is the store's Now: records of one log are in the order of their times up
// to store.MaxDuration. Topic is notified.
//
// Errors: ErrTooLarge. Those of the store stick to tx.
func (l Log) Append(tx store.Tx, now time.Time, data []byte) error {
	if len(data) > MaxData {
		return fmt.Errorf("%w: %d bytes, the most is %d", ErrTooLarge, len(data), MaxData)
	}
	parts := max(1, (len(data)+maxPart-1)/maxPart)
	for i := range parts {
		part := data[:min(len(data), maxPart)]
		data = data[len(part):]
		value := make([]byte, 0, firstHead+len(part))
		value = append(value, byte(i), byte(parts-1-i))
		if i == 0 {
			value = binary.BigEndian.AppendUint64(value, uint64(now.UnixMilli()))
		}
		tx.Append(l.prefix, append(value, part...)) // parts stay together: the orders of one transaction's appends do
	}
	tx.Notify(l.Topic())
	return nil
}

// Topic is what Store.Watch takes to hear of new records.
func (l Log) Topic() []byte { return l.prefix }

func (l Log) key(sequence uint64) []byte { return store.AppendUint64(l.prefix, sequence) }

// Range is all of l: deleting it deletes the log.
func (l Log) Range() store.Range { return store.PrefixRange(l.prefix) }

// Limits bound what Read returns; a zero field is no bound. The first record is returned whatever its size.
type Limits struct {
	Records int
	Bytes   int // of data
}

// Read returns records from sequence number from on, in order. The position after them is the last one's Sequence + 1.
//
// Errors: *store.RecordError, and those of the store.
func (l Log) Read(r store.Reader, from uint64, limits Limits) ([]Record, error) {
	var out []Record
	size := 0
	var rec partial
	for it, err := range r.Scan(store.Range{Lo: l.key(from), Hi: store.PrefixEnd(l.prefix)}, store.ScanOptions{}) {
		if err != nil {
			return nil, err
		}
		whole, err := l.join(&rec, it, len(out) == 0)
		if err != nil {
			return nil, err
		}
		if !whole {
			continue
		}
		if len(out) > 0 && limits.Bytes > 0 && size+len(rec.Data) > limits.Bytes {
			break
		}
		out, size = append(out, rec.Record), size+len(rec.Data)
		rec = partial{}
		if len(out) == limits.Records {
			break
		}
	}
	return out, nil
}

// partial is a record of which some parts were read.
type partial struct {
	Record
	parts, follow byte
}

// join adds the part of it to rec and tells whether it was the last one. Parts of a record whose first ones stand before
// the scan's start are passed over: a position inside a record is after it.
func (l Log) join(rec *partial, it store.Item, first bool) (whole bool, err error) {
	sequence, rest, err := store.CutUint64(it.Key[len(l.prefix):])
	if err != nil || len(rest) > 0 || len(it.Value) < partHead {
		return false, damaged(it.Key)
	}
	number, follow, data := it.Value[0], it.Value[1], it.Value[partHead:]
	switch {
	case number == 0 && rec.parts == 0:
		if len(data) < 8 {
			return false, damaged(it.Key)
		}
		rec.Time, rec.Data = time.UnixMilli(int64(binary.BigEndian.Uint64(data))).UTC(), []byte{}
		data = data[8:]
	case number > 0 && rec.parts == 0 && first:
		return false, nil
	case number != rec.parts, rec.parts == 0, follow+1 != rec.follow:
		return false, damaged(it.Key) // a part is missing
	}
	rec.Sequence, rec.Data, rec.parts, rec.follow = sequence, append(rec.Data, data...), number+1, follow
	return follow == 0, nil
}

var errDamaged = errors.New("not a part of a record")

func damaged(key []byte) error {
	return &store.RecordError{Name: "log record", Key: bytes.Clone(key), Err: errDamaged}
}
