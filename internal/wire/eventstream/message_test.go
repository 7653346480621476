// SPDX-License-Identifier: Apache-2.0

package eventstream

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

func mustAppend(tb testing.TB, m *Message) []byte {
	tb.Helper()
	b, err := Append(nil, m)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// every has a header of each type.
func every() *Message {
	return &Message{Headers: []Header{
		{Name: "true", Type: True},
		{Name: "false", Type: False},
		{Name: "byte", Type: Byte, Num: -1},
		{Name: "short", Type: Short, Num: math.MinInt16},
		{Name: "integer", Type: Integer, Num: math.MaxInt32},
		{Name: "long", Type: Long, Num: math.MinInt64},
		{Name: "bytes", Type: Bytes, Data: []byte{0, 255}},
		StringHeader("string", "é"),
		{Name: "timestamp", Type: Timestamp, Num: 1730384114000},
		{Name: "uuid", Type: UUID, Data: []byte("0123456789abcdef")},
	}, Payload: []byte("payload")}
}

func TestAppendWritesTheFormat(t *testing.T) {
	const want = "0000008f" + "00000078" + "084a0124" +
		"04" + "74727565" + "00" +
		"05" + "66616c7365" + "01" +
		"04" + "62797465" + "02ff" +
		"05" + "73686f7274" + "038000" +
		"07" + "696e7465676572" + "047fffffff" +
		"04" + "6c6f6e67" + "058000000000000000" +
		"05" + "6279746573" + "06000200ff" +
		"06" + "737472696e67" + "070002c3a9" +
		"09" + "74696d657374616d70" + "0800000192e2ee3150" +
		"04" + "75756964" + "0930313233343536373839616263646566" +
		"7061796c6f6164"
	got := hex.EncodeToString(mustAppend(t, every()))
	sum := len(got) - 2*sumLen
	if got[:sum] != want {
		t.Errorf("\ngot  %s\nwant %s", got, want)
	}
	b, _ := hex.DecodeString(got)
	if s := crc32.ChecksumIEEE(b[:8]); s != binary.BigEndian.Uint32(b[8:]) {
		t.Errorf("sum of the prelude %x", s)
	}
	if s := crc32.ChecksumIEEE(b[:len(b)-4]); s != binary.BigEndian.Uint32(b[len(b)-4:]) {
		t.Errorf("sum %x", s)
	}
}

func TestAppendRefusesWhatDoesNotFit(t *testing.T) {
	one := func(h Header) *Message { return &Message{Headers: []Header{h}} }
	many := &Message{}
	for range 5 {
		many.Headers = append(many.Headers, StringHeader("n", strings.Repeat("x", MaxValue)))
	}
	tests := []struct {
		name string
		m    *Message
		want error
	}{
		{"no name", one(Header{Type: True}), ErrMalformed},
		{"long name", one(Header{Name: strings.Repeat("n", 256), Type: True}), ErrMalformed},
		{"byte", one(Header{Name: "n", Type: Byte, Num: 128}), ErrMalformed},
		{"short", one(Header{Name: "n", Type: Short, Num: 1 << 15}), ErrMalformed},
		{"integer", one(Header{Name: "n", Type: Integer, Num: 1 << 31}), ErrMalformed},
		{"uuid", one(Header{Name: "n", Type: UUID, Data: []byte("x")}), ErrMalformed},
		{"type", one(Header{Name: "n", Type: 10}), ErrMalformed},
		{"string", one(StringHeader("n", strings.Repeat("x", MaxValue+1))), ErrTooLarge},
		{"bytes", one(Header{Name: "n", Type: Bytes, Data: make([]byte, MaxValue+1)}), ErrTooLarge},
		{"headers", many, ErrTooLarge},
		{"payload", &Message{Payload: make([]byte, MaxPayload+1)}, ErrTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := Append([]byte("before"), tt.m)
			if !errors.Is(err, tt.want) || string(b) != "before" {
				t.Errorf("got %q, %v", b, err)
			}
		})
	}
}

// resum puts right checksums into a message that was tampered with.
func resum(b []byte) []byte {
	binary.BigEndian.PutUint32(b[8:], crc32.ChecksumIEEE(b[:8]))
	binary.BigEndian.PutUint32(b[len(b)-4:], crc32.ChecksumIEEE(b[:len(b)-4]))
	return b
}

// withHeaders is a message around a block of headers.
func withHeaders(block string) []byte {
	b := make([]byte, preludeLen, 200)
	b = append(append(b, block...), 0, 0, 0, 0)
	binary.BigEndian.PutUint32(b, uint32(len(b)))
	binary.BigEndian.PutUint32(b[4:], uint32(len(block)))
	return resum(b)
}

// manyNames is a block of 26 headers, a to z.
func manyNames() (block string) {
	for c := 'a'; c <= 'z'; c++ {
		block += "\x01" + string(c) + "\x00"
	}
	return block
}

func TestReaderRefusesWhatIsWrong(t *testing.T) {
	prelude := func(total, headers uint32) []byte {
		b := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, total), headers)
		return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	}
	flipped := func(at int) []byte {
		b := mustAppend(t, every())
		b[(at+len(b))%len(b)] ^= 1
		return b
	}
	tests := []struct {
		name string
		data []byte
		want error
	}{
		{"nothing", nil, io.EOF},
		{"prelude is cut", []byte{0, 0}, io.ErrUnexpectedEOF},
		{"message is cut", mustAppend(t, every())[:100], io.ErrUnexpectedEOF},
		{"only a prelude", prelude(100, 0), io.ErrUnexpectedEOF},
		{"length is changed", flipped(3), ErrChecksum},
		{"payload is changed", flipped(-6), ErrChecksum},
		{"sum is changed", flipped(-1), ErrChecksum},
		{"shorter than itself", prelude(15, 0), ErrMalformed},
		{"headers are longer than the message", prelude(20, 5), ErrMalformed},
		{"claimed payload", prelude(1<<32-1, 0), ErrTooLarge},
		{"payload just too long", prelude(MaxPayload+17, 0), ErrTooLarge},
		{"claimed headers", prelude(1<<18, 1<<17+1), ErrTooLarge},
		{"header without name", withHeaders("\x00\x00"), ErrMalformed},
		{"header without type", withHeaders("\x01a"), ErrMalformed},
		{"name is cut", withHeaders("\x05a\x00"), ErrMalformed},
		{"name is not UTF-8", withHeaders("\x01\xff\x00"), ErrMalformed},
		{"unknown type", withHeaders("\x01a\x0a"), ErrMalformed},
		{"value is cut", withHeaders("\x01a\x04\x00\x00"), ErrMalformed},
		{"length is cut", withHeaders("\x01a\x07\x00"), ErrMalformed},
		{"text is cut", withHeaders("\x01a\x07\x00\x02x"), ErrMalformed},
		{"text is too long", withHeaders("\x01a\x07\x80\x00"), ErrTooLarge},
		{"name twice", withHeaders("\x01a\x00\x01b\x00\x01a\x01"), ErrMalformed},
		{"name twice among many", withHeaders("\x02zz\x00" + manyNames() + "\x02zz\x00"), ErrMalformed},
		{"text is not UTF-8", withHeaders("\x01a\x07\x00\x01\xff"), ErrMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := NewReader(bytes.NewReader(tt.data)).Next()
			if !errors.Is(err, tt.want) || m != nil {
				t.Errorf("got %v, %v, want %v", m, err, tt.want)
			}
		})
	}
}

// asked remembers the largest buffer that was to be filled.
type asked struct {
	src io.Reader
	max int
}

func (a *asked) Read(p []byte) (int, error) {
	a.max = max(a.max, len(p))
	return a.src.Read(p)
}

func TestReaderAllocatesWhatComes(t *testing.T) {
	b := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, MaxPayload), 0)
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	src := &asked{src: bytes.NewReader(append(b, make([]byte, 100<<10)...))}
	if _, err := NewReader(src).Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	if src.max > 128<<10 {
		t.Errorf("100 KiB of an announced payload made the reader allocate %d bytes", src.max)
	}
}

// TestRoundTrip: what was appended is read to the same, however the bytes arrive.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var sent []*Message
		var b []byte
		for range rapid.IntRange(0, 4).Draw(rt, "messages") {
			m := &Message{Payload: append([]byte{}, rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(rt, "payload")...)}
			for range rapid.IntRange(0, 20).Draw(rt, "headers") {
				if h := drawHeader(rt); !slices.ContainsFunc(m.Headers, func(o Header) bool { return o.Name == h.Name }) {
					m.Headers = append(m.Headers, h)
				}
			}
			var err error
			if b, err = Append(b, m); err != nil {
				rt.Fatal(err)
			}
			sent = append(sent, m)
		}
		r := NewReader(iotest.OneByteReader(bytes.NewReader(b)))
		for _, want := range sent {
			if got, err := r.Next(); err != nil || !reflect.DeepEqual(got, want) {
				rt.Fatalf("got %+v, %v, want %+v", got, err, want)
			}
		}
		if _, err := r.Next(); !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			rt.Fatalf("at the end: %v", err)
		}
	})
}

func drawHeader(rt *rapid.T) Header {
	h := Header{Name: rapid.StringMatching(`[a-z:-]{1,20}`).Draw(rt, "name"), Type: Type(rapid.IntRange(0, 9).Draw(rt, "type"))}
	switch h.Type {
	case Byte:
		h.Num = int64(rapid.Int8().Draw(rt, "byte"))
	case Short:
		h.Num = int64(rapid.Int16().Draw(rt, "short"))
	case Integer:
		h.Num = int64(rapid.Int32().Draw(rt, "integer"))
	case Long, Timestamp:
		h.Num = rapid.Int64().Draw(rt, "long")
	case Bytes:
		h.Data = append([]byte{}, rapid.SliceOf(rapid.Byte()).Draw(rt, "bytes")...)
	case String:
		h.Text = rapid.String().Draw(rt, "text")
	case UUID:
		h.Data = rapid.SliceOfN(rapid.Byte(), uuidLen, uuidLen).Draw(rt, "uuid")
	default:
	}
	return h
}

func FuzzReader(f *testing.F) {
	f.Add(mustAppend(f, every()))
	f.Add(mustAppend(f, &Message{}))
	f.Add(withHeaders("\x01a\x07\x00\x02x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		// Fuzzing finds no checksums: give the first message its own.
		if n := len(data); n >= preludeLen+sumLen {
			data = bytes.Clone(data)
			if total := binary.BigEndian.Uint32(data); int64(total) <= int64(n) && total >= preludeLen+sumLen {
				resum(data[:total])
			}
			binary.BigEndian.PutUint32(data[8:], crc32.ChecksumIEEE(data[:8]))
		}
		src := bytes.NewReader(data)
		r := NewReader(src)
		for {
			before := len(data) - src.Len()
			m, err := r.Next()
			if err != nil {
				return
			}
			read := data[before : len(data)-src.Len()]
			if again := mustAppend(t, m); !bytes.Equal(again, read) {
				t.Fatalf("read %x, which is written as %x", read, again)
			}
		}
	})
}

// TestReaderAsksForMemory: for what its largest message takes, as it comes, and once.
func TestReaderAsksForMemory(t *testing.T) {
	var stream []byte
	for _, size := range []int{100, 300 << 10, 200 << 10, 10} {
		var err error
		if stream, err = Append(stream, &Message{Payload: make([]byte, size)}); err != nil {
			t.Fatal(err)
		}
	}
	total := int64(0)
	in := NewReader(bytes.NewReader(stream))
	in.Grow = func(n int64) error { total += n; return nil }
	for range 4 {
		if _, err := in.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if total != 300<<10+sumLen {
		t.Errorf("%d bytes were asked for", total)
	}
	full, last := errors.New("no memory"), int64(0)
	in = NewReader(bytes.NewReader(stream))
	in.Grow = func(n int64) error {
		if last += n; last > 128<<10 {
			return full
		}
		return nil
	}
	if _, err := in.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Next(); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}
