// SPDX-License-Identifier: Apache-2.0

package pebble

import (
	"bytes"

	"github.com/cockroachdb/pebble/v2"

	"github.com/gustcloud/gust/internal/store"
	"github.com/gustcloud/gust/internal/store/engine"
)

// scan walks rng in the snapshot, merged with what t wrote if t is not nil. It returns whether it came to the end of
// the range; yield returning false, an error and the limit end it earlier.
func (r *run) scan(rng store.Range, o store.ScanOptions, t *tx, yield func(store.Item, error) bool) (exhausted bool) {
	err := r.Check()
	if err == nil {
		if err = store.CheckRange(rng); err != nil {
			err = r.Fail(err)
		}
	}
	if err != nil {
		yield(store.Item{}, err)
		return false
	}
	rng = store.Clip(rng)
	if rng.Empty() {
		return true
	}
	track := r.tracked || (t != nil && !t.exclusive)
	it, err := r.snapshot(track).NewIter(&pebble.IterOptions{LowerBound: rng.Lo, UpperBound: rng.Hi})
	if err != nil {
		yield(store.Item{}, r.Fail(r.s.readError(err)))
		return false
	}
	m := merge{it: it, o: o}
	if t != nil {
		m.w, m.own = &t.Writes, t.Writes.KeysIn(rng)
	}
	exhausted, err = r.walk(&m, yield)
	if cerr := it.Close(); err == nil && cerr != nil {
		err = r.Fail(r.s.readError(cerr))
	}
	if err != nil {
		yield(store.Item{}, err)
		return false
	}
	return exhausted
}

// walk yields the items of m. The caller yields the error, once m is closed. A panic of yield leaves m to the
// deferred Close.
func (r *run) walk(m *merge, yield func(store.Item, error) bool) (exhausted bool, err error) {
	panicked := true
	defer func() {
		if panicked {
			_ = m.it.Close() // the panic says more
		}
	}()
	m.first()
	for n := 0; ; n++ {
		if err := r.Check(); err != nil {
			panicked = false
			return false, err
		}
		key, value, ok, err := m.next()
		if err != nil {
			panicked = false
			return false, r.Fail(r.s.readError(err))
		}
		if !ok {
			panicked = false
			return true, nil
		}
		if !yield(store.Item{Key: key, Value: value}, nil) || n+1 == m.o.Limit {
			panicked = false
			return false, nil
		}
	}
}

// merge joins the iterator of a snapshot with the writes of the transaction.
type merge struct {
	it  *pebble.Iterator
	o   store.ScanOptions
	w   *engine.Writes // nil: none
	own []string       // keys written in the range, ascending; consumed from the front, or from the back if Reverse

	current bool // it stands on an item that was yielded: step first
}

func (m *merge) first() {
	if m.o.Reverse {
		m.it.Last()
	} else {
		m.it.First()
	}
}

func (m *merge) step() {
	if m.o.Reverse {
		m.it.Prev()
	} else {
		m.it.Next()
	}
}

// next returns the next item; its bytes are valid until the next call.
func (m *merge) next() (key, value []byte, ok bool, err error) {
	if m.current {
		m.step()
		m.current = false
	}
	for {
		valid := m.it.Valid()
		if !valid && m.it.Error() != nil {
			return nil, nil, false, m.it.Error()
		}
		own, haveOwn := m.peekOwn()
		if !valid && !haveOwn {
			return nil, nil, false, nil
		}
		if haveOwn && (!valid || m.before(own, m.it.Key())) {
			m.dropOwn()
			if v, known := m.w.Get([]byte(own)); known && v != nil {
				return []byte(own), m.ownValue(v), true, nil
			}
			continue
		}
		if m.w != nil {
			if _, known := m.w.Get(m.it.Key()); known { // overwritten: it comes from own; or deleted
				m.step()
				continue
			}
		}
		m.current = true
		if m.o.KeysOnly {
			return m.it.Key(), nil, true, nil
		}
		value, err := m.it.ValueAndErr()
		return m.it.Key(), value, err == nil, err
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

func (m *merge) ownValue(v []byte) []byte {
	if m.o.KeysOnly {
		return nil
	}
	return bytes.Clone(v)
}
