// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"bytes"
	"slices"

	"github.com/gustcloud/gust/internal/store"
)

// Rows of a page: the first, unless the scan's limit says less, and the largest. A page of the largest values is 24 MiB.
const (
	firstPage   = 32
	largestPage = 256
)

// scan walks rng in the snapshot, merged with what t wrote if t is not nil. What it has read is noted in t when it
// ends, also by a break or a panic.
func (r *run) scan(rng store.Range, o store.ScanOptions, t *tx, yield func(store.Item, error) bool) {
	err := r.Check()
	if err == nil {
		if err = store.CheckRange(rng); err != nil {
			err = r.Fail(err)
		}
	}
	if err != nil {
		yield(store.Item{}, err)
		return
	}
	rng = store.Clip(rng)
	if rng.Empty() {
		return
	}
	rng = store.Range{Lo: bytes.Clone(rng.Lo), Hi: bytes.Clone(rng.Hi)}
	m := merge{rows: rows{r: r, rest: rng, o: o, size: firstPage}, o: o}
	if o.Limit > 0 {
		m.rows.size = min(o.Limit, largestPage)
	}
	if t != nil {
		m.t, m.own = t, t.Writes.KeysIn(rng)
		if !t.exclusive {
			m.rows.track = true
			defer func() { m.note(rng) }()
		}
	}
	if err := r.walk(&m, yield); err != nil {
		yield(store.Item{}, err)
	}
}

// walk yields the items of m. The caller yields the error.
func (r *run) walk(m *merge, yield func(store.Item, error) bool) error {
	for n := 0; ; n++ {
		if err := r.Check(); err != nil {
			return err
		}
		item, ok, err := m.next()
		if err != nil {
			return err
		}
		if !ok {
			m.exhausted = true
			return nil
		}
		m.last = item.Key
		if !yield(store.Item{Key: copied(item.Key), Value: item.Value}, nil) || n+1 == m.o.Limit {
			return nil
		}
	}
}

// merge joins the rows of a snapshot with the writes of the transaction.
type merge struct {
	rows rows
	o    store.ScanOptions
	t    *tx      // nil: no writes
	own  []string // keys written in the range, ascending; consumed from the front, or from the back if Reverse

	exhausted bool
	last      []byte // key of the last item that was yielded
}

// next returns the next item.
func (m *merge) next() (it store.Item, ok bool, err error) {
	for {
		row, err := m.rows.peek()
		if err != nil {
			return it, false, err
		}
		own, haveOwn := m.peekOwn()
		switch {
		case row == nil && !haveOwn:
			return it, false, nil
		case haveOwn && (row == nil || m.before(own, row.key)):
			if row != nil && own == string(row.key) {
				m.rows.step() // replaced
			}
			m.dropOwn()
			if v, known := m.t.Writes.Get([]byte(own)); known && v != nil {
				it.Key = []byte(own)
				if !m.o.KeysOnly {
					it.Value = copied(v)
				}
				return it, true, nil
			}
		default:
			m.rows.step()
			if m.t != nil {
				if _, known := m.t.Writes.Get(row.key); known {
					continue // deleted
				}
			}
			return store.Item{Key: row.key, Value: row.value}, true, nil
		}
	}
}

// before says whether own comes before, or instead of, key.
func (m *merge) before(own string, key []byte) bool {
	c := bytes.Compare([]byte(own), key)
	if m.o.Reverse {
		c = -c
	}
	return c <= 0
}

func (m *merge) peekOwn() (string, bool) {
	switch {
	case len(m.own) == 0:
		return "", false
	case m.o.Reverse:
		return m.own[len(m.own)-1], true
	default:
		return m.own[0], true
	}
}

func (m *merge) dropOwn() {
	if m.o.Reverse {
		m.own = m.own[:len(m.own)-1]
	} else {
		m.own = m.own[1:]
	}
}

// note gives the transaction the part of rng that was read: all of it, or up to the last item.
func (m *merge) note(rng store.Range) {
	switch {
	case m.exhausted:
	case m.last == nil: // nothing was yielded, not even read
		return
	case m.o.Reverse:
		rng.Lo = m.last
	default:
		rng.Hi = store.After(m.last)
	}
	if m.o.Reverse {
		slices.Reverse(m.rows.tokens)
	}
	m.t.ranges = append(m.t.ranges, rangeRead{rng, m.rows.tokens})
}

// rows reads a range of the snapshot in pages.
type rows struct {
	r    *run
	rest store.Range // not fetched yet
	o    store.ScanOptions

	page []row
	size int // of the next page
	end  bool

	track  bool
	tokens []int64 // of the rows that were stepped over
}

type row struct {
	key, value []byte
	x          int64
}

// peek returns the current row, nil at the end.
func (s *rows) peek() (*row, error) {
	if len(s.page) == 0 && !s.end {
		if err := s.fetch(); err != nil {
			return nil, err
		}
	}
	if len(s.page) == 0 {
		return nil, nil //nolint:nilnil // the end
	}
	return &s.page[0], nil
}

// step goes past the current row.
func (s *rows) step() {
	if s.track {
		s.tokens = append(s.tokens, s.page[0].x)
	}
	s.page = s.page[1:]
}

// fetch reads the next page.
func (s *rows) fetch() error {
	st := scanForward
	switch {
	case s.o.KeysOnly && s.o.Reverse:
		st = keysBackward
	case s.o.KeysOnly:
		st = keysForward
	case s.o.Reverse:
		st = scanBackward
	}
	s.page = make([]row, 0, s.size)
	err := s.r.read(st, func(values [][]byte) error {
		x, err := token(values[1])
		next := row{key: copied(values[0]), x: x}
		if !s.o.KeysOnly {
			next.value = copied(values[2])
		}
		s.page = append(s.page, next)
		return err
	}, s.rest.Lo, s.rest.Hi, int8Param(int64(s.size)))
	if err != nil {
		return err
	}
	if s.end = len(s.page) < s.size; s.end {
		return nil
	}
	if last := s.page[len(s.page)-1].key; s.o.Reverse {
		s.rest.Hi = last
	} else {
		s.rest.Lo = store.After(last)
	}
	s.size = min(4*s.size, largestPage)
	return nil
}
