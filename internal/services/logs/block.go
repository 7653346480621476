// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	api "github.com/gustcloud/gust/internal/awsapi/logs"
	"github.com/gustcloud/gust/internal/store"
)

// position is the place of an event among all events of its group. A block stands at the position of its first event.
type position struct {
	time   uint64 // milliseconds
	number uint64 // of the batch; nanoseconds of its ingestion
	stream uint64
	index  uint32 // in the block
}

func (p position) compare(o position) int {
	return cmp.Or(cmp.Compare(p.time, o.time), cmp.Compare(p.number, o.number), cmp.Compare(p.stream, o.stream), cmp.Compare(p.index, o.index))
}

// after is the first position behind p.
func (p position) after() position { p.index++; return p }

// String is 56 hexadecimal digits: event ids and tokens.
func (p position) String() string {
	var b [28]byte
	binary.BigEndian.PutUint64(b[0:], p.time)
	binary.BigEndian.PutUint64(b[8:], p.number)
	binary.BigEndian.PutUint64(b[16:], p.stream)
	binary.BigEndian.PutUint32(b[24:], p.index)
	return hex.EncodeToString(b[:])
}

var errPosition = errors.New("not a position")

func parsePosition(s string) (position, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 28 {
		return position{}, errPosition
	}
	return position{
		time: binary.BigEndian.Uint64(b), number: binary.BigEndian.Uint64(b[8:]),
		stream: binary.BigEndian.Uint64(b[16:]), index: binary.BigEndian.Uint32(b[24:]),
	}, nil
}

// event is one log event as it is read.
type event struct {
	position
	message string
}

// ingested is when the event arrived, in milliseconds.
func (e event) ingested() int64 { return int64(e.number) / millisecond }

// block is a run of events of one stream and one batch, at most blockSpan apart.
type block struct {
	at     position
	events []event
}

const blockVersion = 1

// encodedBlock is a block as it is written. Encoding of data: version, then for each event the milliseconds since the
// block's first one and the message with its length, numbers as uvarints.
type encodedBlock struct {
	time  uint64
	last  uint64 // time of the last event
	bytes int    // of messages, with eventOverhead each
	data  []byte
}

func (b *encodedBlock) chunks() int { return (len(b.data) + chunkBytes - 1) / chunkBytes }

// encodeBlocks cuts entries, which are in order of time, into blocks.
func encodeBlocks(entries []api.Entry) []encodedBlock {
	var out []encodedBlock
	for _, e := range entries {
		at := uint64(max(0, e.Time.UnixMilli()))
		if n := len(out); n == 0 || at-out[n-1].time > blockSpan || len(out[n-1].data)+len(e.Message) > blockBytes {
			out = append(out, encodedBlock{time: at, data: []byte{blockVersion}})
		}
		b := &out[len(out)-1]
		b.last = at
		b.data = binary.AppendUvarint(b.data, at-b.time)
		b.data = binary.AppendUvarint(b.data, uint64(len(e.Message)))
		b.data = append(b.data, e.Message...)
		b.bytes += len(e.Message) + eventOverhead
	}
	return out
}

// write stores a block and its index entry.
func (b *encodedBlock) write(tx store.Tx, group uint64, at position) {
	n := b.chunks()
	for i := range n {
		tx.Set(chunkKey(group, at, i), b.data[i*chunkBytes:min(len(b.data), (i+1)*chunkBytes)])
	}
	entry := []byte{blockVersion}
	for _, v := range []uint64{uint64(n), uint64(b.bytes), b.last - b.time} {
		entry = binary.AppendUvarint(entry, v)
	}
	tx.Set(indexKey(group, at), entry)
}

var errBlock = errors.New("damaged block of log events")

// decodeBlock reads a block from the joined chunks; the result shares no memory with data.
func decodeBlock(at position, data []byte) (block, error) {
	if len(data) == 0 || data[0] != blockVersion {
		return block{}, fmt.Errorf("%w at %v: unknown encoding", errBlock, at)
	}
	out := block{at: at}
	for rest := data[1:]; len(rest) > 0; at.index++ {
		delta, n := binary.Uvarint(rest)
		if n <= 0 || delta > blockSpan {
			return block{}, fmt.Errorf("%w at %v: time", errBlock, at)
		}
		size, m := binary.Uvarint(rest[n:])
		if m <= 0 || size > uint64(len(rest)-n-m) {
			return block{}, fmt.Errorf("%w at %v: length", errBlock, at)
		}
		rest = rest[n+m:]
		e := event{position: at, message: string(rest[:size])}
		e.time += delta
		out.events, rest = append(out.events, e), rest[size:]
	}
	return out, nil
}

func parseChunkKey(group uint64, key []byte) (at position, chunk int, err error) {
	k := key[len(sub(group, subBlock)):]
	if len(k) != 25 {
		return at, 0, fmt.Errorf("%w: key %x", errBlock, key)
	}
	at = position{time: binary.BigEndian.Uint64(k), number: binary.BigEndian.Uint64(k[8:]), stream: binary.BigEndian.Uint64(k[16:])}
	return at, int(k[24]), nil
}

// indexed is what an index entry says of a block.
type indexed struct {
	at     position
	last   uint64 // time of the last event
	chunks int
	bytes  int64
}

func parseIndex(group uint64, it store.Item) (indexed, error) {
	k := it.Key[len(sub(group, subIndex)):]
	if len(k) != 24 {
		return indexed{}, fmt.Errorf("%w: index entry %x", errBlock, it.Key)
	}
	x, err := parseIndexValue(it.Value)
	if err != nil {
		return indexed{}, fmt.Errorf("%w: index entry %x", err, it.Key)
	}
	x.at = position{stream: binary.BigEndian.Uint64(k), time: binary.BigEndian.Uint64(k[8:]), number: binary.BigEndian.Uint64(k[16:])}
	x.last += x.at.time
	return x, nil
}

// parseIndexValue reads the value of an index entry; last is relative to the time in its key.
func parseIndexValue(b []byte) (indexed, error) {
	if len(b) == 0 || b[0] != blockVersion {
		return indexed{}, errBlock
	}
	var v [3]uint64
	for i, rest := 0, b[1:]; i < len(v); i++ {
		var n int
		if v[i], n = binary.Uvarint(rest); n <= 0 {
			return indexed{}, errBlock
		}
		rest = rest[n:]
	}
	if v[0] == 0 || v[0] > 255 || v[1] > 1<<32 || v[2] > blockSpan {
		return indexed{}, errBlock
	}
	return indexed{chunks: int(v[0]), bytes: int64(v[1]), last: v[2]}, nil
}
