// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"time"
)

// Keys are tuples whose encoding sorts as their components do. A key starts with one of the prefixes of prefixes.go;
// its components follow:
//
//	string   bytes with 00 escaped as 00 FF, then the terminator 00 01; "" is the terminator alone
//	uint64   8 bytes big-endian, or inverted for descending order
//	byte     itself (subspaces)
//
// A key carries no types: the reader knows them, as it knows the record that stands at the key.

// ErrMalformedKey is returned for bytes that the Append functions did not write.
var ErrMalformedKey = errors.New("store: malformed key")

const (
	escaped = 0xff // after 00: a zero byte of the string
	// After 00: the end of the string. Below any escaped byte, so "a" sorts before "a\x00"; and not 00 alone, which
	// would look escaped before a component that begins with FF.
	terminator = 0x01
)

// Key starts a key with prefix and appends each part as a string.
func Key(prefix byte, parts ...string) []byte {
	n := 1
	for _, p := range parts {
		n += len(p) + 2
	}
	k := append(make([]byte, 0, n), prefix)
	for _, p := range parts {
		k = AppendString(k, p)
	}
	return k
}

// AppendString appends s, escaped and terminated: no encoded string is the prefix of another one.
func AppendString[S string | []byte](k []byte, s S) []byte {
	for i := range len(s) {
		k = append(k, s[i])
		if s[i] == 0 {
			k = append(k, escaped)
		}
	}
	return append(k, 0, terminator)
}

// AppendUint64 appends v so that smaller numbers come first.
func AppendUint64(k []byte, v uint64) []byte { return binary.BigEndian.AppendUint64(k, v) }

// AppendUint64Desc appends v so that greater numbers come first.
func AppendUint64Desc(k []byte, v uint64) []byte { return binary.BigEndian.AppendUint64(k, ^v) }

// AppendTime appends t in nanoseconds, earlier first. Times before 1970 are stored as 1970, those after 2262-04-11 as the
// last time that has such a number.
func AppendTime(k []byte, t time.Time) []byte {
	switch s := t.Unix(); { // UnixNano is undefined far from 1970
	case s < 0:
		return AppendUint64(k, 0)
	case s >= math.MaxInt64/int64(time.Second):
		return AppendUint64(k, math.MaxInt64)
	}
	return AppendUint64(k, uint64(t.UnixNano()))
}

// CutString takes an AppendString component off the front of k.
func CutString(k []byte) (s string, rest []byte, err error) {
	var out []byte
	for {
		i := bytes.IndexByte(k, 0)
		if i < 0 || i+1 >= len(k) {
			return "", nil, ErrMalformedKey
		}
		out = append(out, k[:i]...)
		switch k[i+1] {
		case terminator:
			return string(out), k[i+2:], nil
		case escaped:
			out, k = append(out, 0), k[i+2:]
		default:
			return "", nil, ErrMalformedKey
		}
	}
}

// CutUint64 takes an AppendUint64 component off the front of k.
func CutUint64(k []byte) (v uint64, rest []byte, err error) {
	if len(k) < 8 {
		return 0, nil, ErrMalformedKey
	}
	return binary.BigEndian.Uint64(k), k[8:], nil
}

// CutUint64Desc takes an AppendUint64Desc component off the front of k.
func CutUint64Desc(k []byte) (v uint64, rest []byte, err error) {
	v, rest, err = CutUint64(k)
	return ^v, rest, err
}

// CutTime takes an AppendTime component off the front of k.
func CutTime(k []byte) (t time.Time, rest []byte, err error) {
	v, rest, err := CutUint64(k)
	if err != nil || v > 1<<63-1 {
		return time.Time{}, nil, ErrMalformedKey
	}
	return time.Unix(0, int64(v)).UTC(), rest, nil
}

// PrefixRange is the range of all keys that start with prefix; an empty prefix gives all keys.
func PrefixRange(prefix []byte) Range {
	return Range{Lo: bytes.Clone(prefix), Hi: PrefixEnd(prefix)}
}

// PrefixEnd is the first key after all keys that start with prefix, nil when there is none.
func PrefixEnd(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			end := bytes.Clone(prefix[:i+1])
			end[i]++
			return end
		}
	}
	return nil
}

// After is the first key that is greater than k. A listing goes on at Range{Lo: After(last key of the page), ...}.
func After(k []byte) []byte {
	return append(append(make([]byte, 0, len(k)+1), k...), 0)
}

// Contains says whether k lies in r.
func (r Range) Contains(k []byte) bool {
	return bytes.Compare(r.Lo, k) <= 0 && (r.Hi == nil || bytes.Compare(k, r.Hi) < 0)
}

// Empty says whether no key can lie in r.
func (r Range) Empty() bool { return r.Hi != nil && bytes.Compare(r.Lo, r.Hi) >= 0 }

// Overlaps says whether a key can lie in both.
func (r Range) Overlaps(o Range) bool {
	return !r.Empty() && !o.Empty() &&
		(r.Hi == nil || bytes.Compare(o.Lo, r.Hi) < 0) && (o.Hi == nil || bytes.Compare(r.Lo, o.Hi) < 0)
}
