// SPDX-License-Identifier: Apache-2.0

package log

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/gustcloud/gust/internal/store"
)

// At returns the position of the first record whose time is at or after t; one behind the last when there is none. It
// reads at most 64 records, and then those of some seconds before t.
func (l Log) At(r store.Reader, t time.Time) (uint64, error) {
	// Times are taken before the commits that order the records, so a record may stand up to store.MaxDuration before an
	// older one. What stands before the boundary of the search is older than t all the same: each of its records is at
	// most MaxDuration younger than the last one before the boundary, which is older than t - MaxDuration.
	boundary := t.Add(-store.MaxDuration)
	lo, hi := uint64(0), uint64(math.MaxUint64)
	for lo < hi {
		middle := lo + (hi-lo)/2
		first, found, err := l.first(r, middle)
		if err != nil {
			return 0, err
		}
		switch {
		case !found || !first.Time.Before(boundary):
			hi = middle
		default:
			lo = first.Sequence + 1
		}
	}
	first, found, err := l.firstSince(r, lo, t)
	if err != nil || found {
		return first.Sequence, err
	}
	return l.end(r, lo)
}

// first returns the first record that begins at or after from; its Sequence is that of its first part, and it has no data.
func (l Log) first(r store.Reader, from uint64) (rec Record, found bool, err error) {
	return l.firstSince(r, from, time.Time{})
}

// firstSince is first, of the records whose time is at or after t.
func (l Log) firstSince(r store.Reader, from uint64, t time.Time) (rec Record, found bool, err error) {
	for it, err := range r.Scan(store.Range{Lo: l.key(from), Hi: store.PrefixEnd(l.prefix)}, store.ScanOptions{}) {
		if err != nil {
			return Record{}, false, err
		}
		sequence, _, err := store.CutUint64(it.Key[len(l.prefix):])
		if err != nil || len(it.Value) < partHead {
			return Record{}, false, damaged(it.Key)
		}
		if it.Value[0] != 0 {
			continue // the rest of a record that began before
		}
		if len(it.Value) < firstHead {
			return Record{}, false, damaged(it.Key)
		}
		ms := int64(binary.BigEndian.Uint64(it.Value[partHead:]))
		if at := time.UnixMilli(ms).UTC(); !at.Before(t) {
			return Record{Sequence: sequence, Time: at}, true, nil
		}
	}
	return Record{}, false, nil
}

// end returns the position behind the last record, least when there is none after it.
func (l Log) end(r store.Reader, least uint64) (uint64, error) {
	for it, err := range r.Scan(l.Range(), store.ScanOptions{Limit: 1, Reverse: true, KeysOnly: true}) {
		if err != nil {
			return 0, err
		}
		last, _, err := store.CutUint64(it.Key[len(l.prefix):])
		if err != nil {
			return 0, damaged(it.Key)
		}
		return max(last+1, least), nil
	}
	return least, nil
}

// End returns the position behind the last record: 0 for an empty log. In a transaction it conflicts with every append.
func (l Log) End(r store.Reader) (uint64, error) { return l.end(r, 0) }

// Trim deletes the records before the first one whose time is at or after before, and tells whether there were any. It
// reads what it deletes by as a hint only, so it does not conflict with appends.
func (l Log) Trim(tx store.Tx, before time.Time) (bool, error) {
	at, err := l.At(tx.Snapshot(), before)
	if err != nil {
		return false, err
	}
	first, found, err := l.first(tx.Snapshot(), 0)
	if err != nil || !found || first.Sequence >= at {
		return false, err
	}
	tx.DeleteRange(store.Range{Lo: l.key(0), Hi: l.key(at)})
	return true, nil
}
