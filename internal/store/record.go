// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
)

// Record reads and writes Go values of one type: one byte with the version of the encoding, then JSON. A field that is
// added needs no new version (it is zero in older records); a field whose meaning changes does.
type Record[T any] struct {
	Name    string // for errors: "lambda function"
	Version byte   // written; from 1
	// Upgrade reads the JSON of an older version. nil: older versions are read as the current one.
	Upgrade func(version byte, data []byte) (T, error)
}

// Entry is a record and the key where it stands.
type Entry[T any] struct {
	Key   []byte // belongs to the receiver
	Value T
}

// Get reads the record at key; found is false when there is none.
func (r Record[T]) Get(rd Reader, key []byte) (v T, found bool, err error) {
	b, err := rd.Get(key)
	if err != nil || b == nil {
		return v, false, err
	}
	v, err = r.decode(key, b)
	return v, err == nil, err
}

// Put writes the record at key.
func (r Record[T]) Put(tx Tx, key []byte, v T) error {
	b, err := r.Encode(v)
	if err != nil {
		return err
	}
	tx.Set(key, b)
	return CheckValue(b) // the transaction cannot commit then, but here the record's name is known
}

// Scan walks the records of rng. A damaged record ends the walk with its error.
func (r Record[T]) Scan(rd Reader, rng Range, o ScanOptions) iter.Seq2[Entry[T], error] {
	return func(yield func(Entry[T], error) bool) {
		for it, err := range rd.Scan(rng, o) {
			var e Entry[T]
			if err == nil {
				e.Key = append([]byte(nil), it.Key...)
				e.Value, err = r.decode(e.Key, it.Value)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// Encode returns the bytes of a record, for Append and for places where it is part of something else.
func (r Record[T]) Encode(v T) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, &RecordError{Name: r.Name, Err: err}
	}
	return append([]byte{r.Version}, b...), nil
}

// Decode reads what Encode wrote. The result shares no memory with b.
func (r Record[T]) Decode(b []byte) (T, error) { return r.decode(nil, b) }

func (r Record[T]) decode(key, b []byte) (T, error) {
	v, err := r.read(b)
	if err != nil {
		return v, &RecordError{Name: r.Name, Key: append([]byte(nil), key...), Err: err}
	}
	return v, nil
}

func (r Record[T]) read(b []byte) (v T, err error) {
	switch {
	case len(b) == 0:
		return v, errors.New("empty record")
	case b[0] == 0 || b[0] > r.Version:
		return v, fmt.Errorf("encoding version %d, this version of gust reads 1 to %d", b[0], r.Version)
	case b[0] < r.Version && r.Upgrade != nil:
		return r.Upgrade(b[0], b[1:])
	}
	if err := json.Unmarshal(b[1:], &v); err != nil {
		return v, fmt.Errorf("damaged record: %w", err)
	}
	return v, nil
}
