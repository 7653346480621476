// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"testing"
)

// cborTree turns CBOR into a tree of Go values in which equal bodies are equal: numbers are their text, floats of any width
// alike, tags and text have marks. It is written apart from the decoder, so that both would have to be wrong.
func cborTree(t *testing.T, body []byte) any {
	t.Helper()
	if len(body) == 0 {
		return nil
	}
	v, rest := cborValue(t, body)
	if len(rest) > 0 {
		t.Fatalf("%x stands after the item", rest)
	}
	if m, ok := v.(map[string]any); ok {
		if name, ok := m["text __type"].(string); ok { // the name counts, namespaces are the service's own
			m["text __type"] = name[max(0, lastHash(name)):]
		}
	}
	return v
}

func lastHash(s string) int {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == '#' || s[i] == ' ' {
			return i + 1
		}
	}
	return 0
}

func cborValue(t *testing.T, b []byte) (v any, rest []byte) {
	t.Helper()
	if len(b) == 0 {
		t.Fatal("an item is missing")
	}
	major, info := b[0]>>5, b[0]&31
	b = b[1:]
	n := uint64(info)
	switch {
	case info == 24:
		n, b = uint64(b[0]), b[1:]
	case info == 25:
		n, b = uint64(binary.BigEndian.Uint16(b)), b[2:]
	case info == 26:
		n, b = uint64(binary.BigEndian.Uint32(b)), b[4:]
	case info == 27:
		n, b = binary.BigEndian.Uint64(b), b[8:]
	case info == 31:
		n = math.MaxUint64
	case info > 27:
		t.Fatalf("info %d", info)
	}
	switch major {
	case 0:
		return fmt.Sprint(n), b
	case 1:
		return fmt.Sprint(-1 - int64(n)), b
	case 2, 3:
		return cborPieces(t, major, n, b)
	case 4, 5:
		return cborItems(t, major, n, b)
	case 6:
		v, b = cborValue(t, b)
		return fmt.Sprintf("tag %d of %v", n, v), b
	}
	switch info {
	case 25:
		return fmt.Sprint(halfFloat(uint16(n))), b
	case 26:
		return fmt.Sprint(float64(math.Float32frombits(uint32(n)))), b
	case 27:
		return fmt.Sprint(math.Float64frombits(n)), b
	}
	return fmt.Sprintf("simple %d", n), b
}

func cborPieces(t *testing.T, major byte, n uint64, b []byte) (any, []byte) {
	t.Helper()
	mark := map[byte]string{2: "bytes ", 3: "text "}[major]
	if n != math.MaxUint64 {
		return mark + string(b[:n]), b[n:]
	}
	for b[0] != 0xff {
		var piece any
		piece, b = cborValue(t, b)
		mark += piece.(string)[len(map[byte]string{2: "bytes ", 3: "text "}[major]):]
	}
	return mark, b[1:]
}

func cborItems(t *testing.T, major byte, n uint64, b []byte) (any, []byte) {
	t.Helper()
	list, byKey := []any{}, map[string]any{}
	for i := uint64(0); i < n; i++ {
		if n == math.MaxUint64 && b[0] == 0xff {
			b = b[1:]
			break
		}
		var v any
		v, b = cborValue(t, b)
		if major == 4 {
			list = append(list, v)
			continue
		}
		byKey[v.(string)], b = cborValue(t, b)
	}
	if major == 4 {
		return list, b
	}
	return byKey, b
}
