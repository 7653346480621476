// SPDX-License-Identifier: Apache-2.0

package store

import "fmt"

// AllocateID returns the id of a new resource: from 1 upwards, never given out twice in the life of a store. An id of
// a transaction that does not commit may be given out again.
func AllocateID(tx Tx) (uint64, error) {
	key := []byte{PrefixIDs}
	b, err := tx.Get(key)
	if err != nil {
		return 0, err
	}
	var last uint64
	if b != nil {
		v, rest, err := CutUint64(b)
		if err != nil || len(rest) != 0 {
			return 0, &RecordError{Name: "id counter", Key: key, Err: fmt.Errorf("%d bytes, want 8", len(b))}
		}
		last = v
	}
	tx.Set(key, AppendUint64(nil, last+1))
	return last + 1, nil
}
