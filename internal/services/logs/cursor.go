// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"container/heap"
	"iter"

	"github.com/gustcloud/gust/internal/store"
)

// span is the part of a group or stream that a read walks: positions from lo on and before hi.
type span struct {
	lo, hi  position
	reverse bool // from the latest event to the earliest one
}

// endOfTime is behind every event.
func endOfTime() position { return position{time: 1<<63 - 1} }

// first is where the first block that can hold an event of the span stands.
func (s span) first() position {
	return position{time: s.lo.time - min(s.lo.time, blockSpan)}
}

// last is behind the last block that can hold an event of the span.
func (s span) last() position {
	at := s.hi
	at.stream += min(1, ^at.stream) // hi may lie inside of the block that stands there
	return at
}

// blockSeq walks blocks in the order of their positions, or against it.
type blockSeq = iter.Seq2[block, error]

// groupBlocks walks the blocks of a group.
func groupBlocks(r store.Reader, group uint64, s span) blockSeq {
	rng := store.Range{Lo: blockKey(group, s.first()), Hi: blockKey(group, s.last())}
	return func(yield func(block, error) bool) {
		var at position
		var data []byte
		open := false
		flush := func() bool {
			if !open {
				return true
			}
			open = false
			b, err := decodeBlock(at, data)
			return yield(b, err) && err == nil
		}
		for it, err := range r.Scan(rng, store.ScanOptions{Reverse: s.reverse}) {
			var p position
			if err == nil {
				p, _, err = parseChunkKey(group, it.Key)
			}
			if err != nil {
				yield(block{}, err)
				return
			}
			switch {
			case !open || p != at:
				if !flush() {
					return
				}
				at, data, open = p, append([]byte(nil), it.Value...), true
			case s.reverse:
				data = append(append([]byte(nil), it.Value...), data...)
			default:
				data = append(data, it.Value...)
			}
		}
		flush()
	}
}

// streamBlocks walks the blocks of a stream, atOnce of them in one round trip.
func streamBlocks(r store.Reader, group, stream uint64, s span, atOnce int) blockSeq {
	lo, hi := s.first(), s.hi
	lo.stream, hi.stream, hi.number = stream, stream, hi.number+min(1, ^hi.number)
	rng := store.Range{Lo: indexKey(group, lo), Hi: indexKey(group, hi)}
	return func(yield func(block, error) bool) {
		wanted := make([]indexed, 0, atOnce)
		flush := func() bool {
			blocks, err := loadBlocks(r, group, wanted)
			wanted = wanted[:0]
			if err != nil {
				yield(block{}, err)
				return false
			}
			for _, b := range blocks {
				if !yield(b, nil) {
					return false
				}
			}
			return true
		}
		for it, err := range r.Scan(rng, store.ScanOptions{Reverse: s.reverse}) {
			var x indexed
			if err == nil {
				x, err = parseIndex(group, it)
			}
			if err != nil {
				yield(block{}, err)
				return
			}
			wanted = append(wanted, x)
			if len(wanted) == atOnce && !flush() {
				return
			}
		}
		flush()
	}
}

func loadBlocks(r store.Reader, group uint64, wanted []indexed) ([]block, error) {
	var keys [][]byte
	for _, x := range wanted {
		for i := range x.chunks {
			keys = append(keys, chunkKey(group, x.at, i))
		}
	}
	if len(keys) == 0 {
		return nil, nil
	}
	values, err := r.GetMany(keys)
	if err != nil {
		return nil, err
	}
	out := make([]block, 0, len(wanted))
	for _, x := range wanted {
		data := values[0]
		for _, v := range values[1:x.chunks] {
			data = append(data, v...)
		}
		values = values[x.chunks:]
		b, err := decodeBlock(x.at, data)
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

// mergeBlocks walks the blocks of several streams in one order.
func mergeBlocks(all []blockSeq, reverse bool) blockSeq {
	if len(all) == 1 {
		return all[0]
	}
	return func(yield func(block, error) bool) {
		type source struct {
			next func() (block, error, bool)
			head block
		}
		var open []*source
		for _, seq := range all {
			next, stop := iter.Pull2(seq)
			defer stop()
			open = append(open, &source{next: next})
		}
		advance := func(i int) bool {
			b, err, ok := open[i].next()
			switch {
			case err != nil:
				yield(block{}, err)
				return false
			case ok:
				open[i].head = b
			default:
				open = append(open[:i], open[i+1:]...)
			}
			return true
		}
		for i := len(open) - 1; i >= 0; i-- {
			if !advance(i) {
				return
			}
		}
		for len(open) > 0 {
			best := 0
			for i := range open {
				if c := open[i].head.at.compare(open[best].head.at); c != 0 && (c < 0) != reverse {
					best = i
				}
			}
			if !yield(open[best].head, nil) || !advance(best) {
				return
			}
		}
	}
}

// readEvents walks the events of the span in order: blocks overlap in time, so that an event is given once no later block
// can hold an earlier one. It keeps the blocks of at most blockSpan in memory.
func readEvents(blocks blockSeq, s span) iter.Seq2[event, error] {
	return func(yield func(event, error) bool) {
		waiting := &eventHeap{reverse: s.reverse}
		emit := func(e event) bool {
			return e.compare(s.lo) < 0 || e.compare(s.hi) >= 0 || yield(e, nil)
		}
		for b, err := range blocks {
			if err != nil {
				yield(event{}, err)
				return
			}
			for waiting.Len() > 0 && waiting.safe(b.at) {
				if !emit(waiting.take()) {
					return
				}
			}
			if len(b.events) > 0 {
				heap.Push(waiting, b.events)
			}
		}
		for waiting.Len() > 0 {
			if !emit(waiting.take()) {
				return
			}
		}
	}
}

// eventHeap holds what is left of blocks; the one with the next event is on top.
type eventHeap struct {
	blocks  [][]event // none is empty
	reverse bool
}

// head is the next event of a block.
func (h *eventHeap) head(i int) event {
	if b := h.blocks[i]; h.reverse {
		return b[len(b)-1]
	}
	return h.blocks[i][0]
}

// safe says whether no block that stands at next or beyond it holds an event before the top.
func (h *eventHeap) safe(next position) bool {
	if top := h.head(0); h.reverse {
		return top.time > next.time+blockSpan
	}
	return h.head(0).compare(next) < 0
}

func (h *eventHeap) take() event {
	e, b := h.head(0), h.blocks[0]
	if h.reverse {
		h.blocks[0] = b[:len(b)-1]
	} else {
		h.blocks[0] = b[1:]
	}
	if len(h.blocks[0]) == 0 {
		heap.Pop(h)
	} else {
		heap.Fix(h, 0)
	}
	return e
}

// Len is part of heap.Interface.
func (h *eventHeap) Len() int { return len(h.blocks) }

// Less is part of heap.Interface.
func (h *eventHeap) Less(i, j int) bool {
	return (h.head(i).compare(h.head(j).position) < 0) != h.reverse
}

// Swap is part of heap.Interface.
func (h *eventHeap) Swap(i, j int) { h.blocks[i], h.blocks[j] = h.blocks[j], h.blocks[i] }

// Push is part of heap.Interface.
func (h *eventHeap) Push(x any) { h.blocks = append(h.blocks, x.([]event)) } //nolint:errcheck // only readEvents pushes

// Pop is part of heap.Interface.
func (h *eventHeap) Pop() any {
	last := h.blocks[len(h.blocks)-1]
	h.blocks = h.blocks[:len(h.blocks)-1]
	return last
}
