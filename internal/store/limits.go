// SPDX-License-Identifier: Apache-2.0

package store

import "fmt"

const (
	firstKey = 0x01 // keys below belong to the engine
	lastKey  = 0xfe // first byte of the last possible key; keys above belong to the engine
)

// CheckKey returns ErrKey or ErrTooLarge for a key that no engine takes.
func CheckKey(key []byte) error {
	switch {
	case len(key) == 0:
		return fmt.Errorf("%w: empty", ErrKey)
	case key[0] < firstKey || key[0] > lastKey:
		return fmt.Errorf("%w: first byte %#02x is reserved", ErrKey, key[0])
	case len(key) > MaxKey:
		return fmt.Errorf("%w: key of %d bytes, at most %d", ErrTooLarge, len(key), MaxKey)
	}
	return nil
}

// CheckValue returns ErrTooLarge for a value that no engine takes.
func CheckValue(value []byte) error {
	if len(value) > MaxValue {
		return fmt.Errorf("%w: value of %d bytes, at most %d", ErrTooLarge, len(value), MaxValue)
	}
	return nil
}

// CheckSize returns ErrTooLarge for a transaction that writes n bytes of keys and values.
func CheckSize(n int) error {
	if n > MaxTransaction {
		return fmt.Errorf("%w: transaction of %d bytes, at most %d", ErrTooLarge, n, MaxTransaction)
	}
	return nil
}

// CheckRange returns ErrTooLarge for a bound that is longer than any key can be. A bound may be one byte longer than
// a key (After), and may be empty.
func CheckRange(r Range) error {
	if n := max(len(r.Lo), len(r.Hi)); n > MaxKey+1 {
		return fmt.Errorf("%w: range bound of %d bytes, at most %d", ErrTooLarge, n, MaxKey+1)
	}
	return nil
}

// Clip cuts r to the keys that users of the store may have; its Hi is never nil.
func Clip(r Range) Range {
	if len(r.Lo) == 0 || r.Lo[0] < firstKey {
		r.Lo = []byte{firstKey}
	}
	if r.Hi == nil || (len(r.Hi) > 0 && r.Hi[0] > lastKey) {
		r.Hi = []byte{lastKey + 1}
	}
	return r
}
