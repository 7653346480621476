// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"encoding/binary"
	"fmt"
)

// Parameters and results travel in PostgreSQL's binary format. Object ids:
// https://github.com/postgres/postgres/blob/REL_15_STABLE/src/include/catalog/pg_type.dat
const (
	oidBool  = 16
	oidBytea = 17
	oidInt8  = 20
)

func int8Param(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

// arrayHeader starts a one-dimensional array without nulls: dimensions, has nulls, element type, length, lower bound.
func arrayHeader(elem, n, size int) []byte {
	b := make([]byte, 0, 20+size)
	if n == 0 {
		b = binary.BigEndian.AppendUint32(b, 0)
		b = binary.BigEndian.AppendUint32(b, 0)
		return binary.BigEndian.AppendUint32(b, uint32(elem))
	}
	for _, v := range []int{1, 0, elem, n, 1} {
		b = binary.BigEndian.AppendUint32(b, uint32(v))
	}
	return b
}

// byteas is an array parameter of values that each yields.
func byteas(n int, at func(int) []byte) []byte {
	size := 0
	for i := range n {
		size += 4 + len(at(i))
	}
	b := arrayHeader(oidBytea, n, size)
	for i := range n {
		v := at(i)
		b = binary.BigEndian.AppendUint32(b, uint32(len(v)))
		b = append(b, v...)
	}
	return b
}

func int8s(values []int64) []byte {
	b := arrayHeader(oidInt8, len(values), 12*len(values))
	for _, v := range values {
		b = binary.BigEndian.AppendUint32(b, 8)
		b = binary.BigEndian.AppendUint64(b, uint64(v))
	}
	return b
}

func bools(values []bool) []byte {
	b := arrayHeader(oidBool, len(values), 5*len(values))
	for _, v := range values {
		b = binary.BigEndian.AppendUint32(b, 1)
		if v {
			b = append(b, 1)
		} else {
			b = append(b, 0)
		}
	}
	return b
}

// token reads the token of a row.
func token(b []byte) (int64, error) {
	if len(b) != 8 {
		return 0, fmt.Errorf("a row's token of %d bytes, want 8", len(b))
	}
	return int64(binary.BigEndian.Uint64(b)), nil
}

// copied never returns nil.
func copied(b []byte) []byte { return append(make([]byte, 0, len(b)), b...) }
