// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"github.com/gustcloud/gust/internal/base/av"
)

// wide is a structure whose empty form costs far more than it is written with.
type wide struct {
	A, B      *wide
	Wides     []wide
	ByName    map[string]wide
	Numbers   map[string]float64
	Sparse    []*wide
	SparseMap map[string]*wide
	Texts     [40]*string // no members: they only take room
}

type wideItem struct {
	W    *wide
	Item map[string]av.Value
}

var (
	wideSchema = wideTable(ProtocolJSON, ProtocolCBOR)
	xmlWide    = wideTable(ProtocolQuery, ProtocolRESTXML)
)

// wideTable has attribute values only for JSON.
func wideTable(protocols ...ProtocolID) *Schema {
	s := &Schema{ID: "wide", Protocols: protocols, Types: []Type{
		{},
		{Name: "Float", Kind: KindFloat64},
		{Name: "Wide", Kind: KindStruct, Go: StructOf[wide]{}, Fields: []Field{
			{Name: "A", Off: unsafe.Offsetof(wide{}.A), Type: 2},
			{Name: "B", Off: unsafe.Offsetof(wide{}.B), Type: 2},
			{Name: "W", Off: unsafe.Offsetof(wide{}.Wides), Type: 3},
			{Name: "M", Off: unsafe.Offsetof(wide{}.ByName), Type: 4},
			{Name: "N", Off: unsafe.Offsetof(wide{}.Numbers), Type: 5},
			{Name: "S", Off: unsafe.Offsetof(wide{}.Sparse), Type: 6},
			{Name: "T", Off: unsafe.Offsetof(wide{}.SparseMap), Type: 7},
		}},
		{Name: "Wides", Kind: KindList, Go: SliceOf[wide]{}, Elem: 2},
		{Name: "ByName", Kind: KindMap, Go: MapOf[wide]{}, Elem: 2},
		{Name: "Numbers", Kind: KindMap, Go: MapOf[float64]{}, Elem: 1},
		{Name: "Sparse", Kind: KindList, Go: SliceOf[*wide]{}, Elem: 2, Sparse: true},
		{Name: "SparseMap", Kind: KindMap, Go: MapOf[*wide]{}, Elem: 2, Sparse: true},
		{Name: "Input", Kind: KindStruct, Go: StructOf[wideItem]{}, Fields: []Field{
			{Name: "W", Off: unsafe.Offsetof(wideItem{}.W), Type: 2},
		}},
	}}
	if protocols[0] == ProtocolJSON {
		s.Types = append(s.Types, Type{Name: "AttributeValue", Kind: KindAttribute, Go: StructOf[av.Value]{}},
			Type{Name: "Item", Kind: KindMap, Go: MapOf[av.Value]{}, Elem: 9})
		s.Types[8].Fields = append(s.Types[8].Fields, Field{Name: "Item", Off: unsafe.Offsetof(wideItem{}.Item), Type: 10})
	}
	s.Operations = []Operation{{Name: "Do", Method: "POST", URI: "/", Input: 8, Output: 8}}
	return s
}

// many repeats one until it has about 256 KiB.
func many(one string) string { return strings.Repeat(one, max(1, (256<<10)/len(one))) }

// nest puts inner into n pairs of opening and closing.
func nest(opening, inner, closing string, n int) string {
	return strings.Repeat(opening, n) + inner + strings.Repeat(closing, n)
}

// TestHostileBodiesAllocateInProportion decodes bodies that are made to cost, and counts what they allocate, garbage
// included (a list that grew leaves twice its size): in proportion to their size, refused or not.
func TestHostileBodiesAllocateInProportion(t *testing.T) {
	list := func(one string) string { return `{"W":{"W":[` + strings.TrimSuffix(many(one+","), ",") + `]}}` }
	item := func(one string) string {
		return `{"Item":{"a":{"L":[` + strings.TrimSuffix(many(one+","), ",") + `]}}}`
	}
	deep := nest(`{"A":`, `{}`, `}`, maxDepth-10)
	head := string(unhex(t, "bf 61 57 bf 61 57 9f")) // {"W":{"W":[
	end := string(unhex(t, "ff ff ff"))
	for _, tt := range []struct {
		name, body string
		schema     *Schema
		protocol   ProtocolID
	}{
		{"JSON: empty structures", list(`{}`), wideSchema, ProtocolJSON},
		{"JSON: nulls", list(`null`), wideSchema, ProtocolJSON},
		{"JSON: structures as members", list(`{"A":{},"B":{}}`), wideSchema, ProtocolJSON},
		{"JSON: deep structures", list(deep), wideSchema, ProtocolJSON},
		{"JSON: maps of one entry", list(`{"M":{"":{}}}`), wideSchema, ProtocolJSON},
		{"JSON: maps of one number", `{"W":{"S":[` + strings.TrimSuffix(many(`{"N":{"":1}},`), ",") + `]}}`, wideSchema, ProtocolJSON},
		{"JSON: sparse elements", `{"W":{"S":[` + strings.TrimSuffix(many(`{},`), ",") + `]}}`, wideSchema, ProtocolJSON},
		{"JSON: sparse entries", list(`{"T":{"":{}}}`), wideSchema, ProtocolJSON},
		{"JSON: unknown members", `{` + strings.TrimSuffix(many(`"x":[{}],`), ",") + `}`, wideSchema, ProtocolJSON},
		{"attribute values: empty maps", item(`{"M":{}}`), wideSchema, ProtocolJSON},
		{"attribute values: maps of one entry", item(`{"M":{"":{}}}`), wideSchema, ProtocolJSON},
		{"attribute values: empty sets", item(`{"SS":[]}`), wideSchema, ProtocolJSON},
		{"attribute values: nulls", item(`null`), wideSchema, ProtocolJSON},
		{"attribute values: sets of nothing", item(`{"SS":["",""]}`), wideSchema, ProtocolJSON},
		{"CBOR: nulls", head + many("\xf6") + end, wideSchema, ProtocolCBOR},
		{"CBOR: empty structures", head + many("\xa0") + end, wideSchema, ProtocolCBOR},
		{"CBOR: structures as members", head + many("\xa1\x61A\xa0") + end, wideSchema, ProtocolCBOR},
		{"CBOR: open maps of one entry", head + many("\xbf\x61M\xbf\x60\xa0\xff\xff") + end, wideSchema, ProtocolCBOR},
		{"CBOR: sparse elements", string(unhex(t, "bf 61 57 bf 61 53 9f")) + many("\xa0") + end, wideSchema, ProtocolCBOR},
		{"CBOR: a list that claims to be long", string(unhex(t, "bf 61 57 bf 61 57 9b 7fffffffffffffff")), wideSchema, ProtocolCBOR},
		{"CBOR: a name in many pieces", "\xbf\x7f" + many("\x60") + "\xff\xf6\xff", wideSchema, ProtocolCBOR},
		{"CBOR: tags", "\xbf\x61x" + many("\xc1") + "\xf6\xff", wideSchema, ProtocolCBOR},
		{"CBOR: deep lists", "\xbf\x61x" + many("\x9f"), wideSchema, ProtocolCBOR},
		{"XML: empty structures", `<Input><W><W>` + many(`<member/>`) + `</W></W></Input>`, xmlWide, ProtocolRESTXML},
		{"XML: structures as members", `<Input><W><W>` + many(`<member><A/><B/></member>`) + `</W></W></Input>`, xmlWide, ProtocolRESTXML},
		{"XML: maps of one entry", `<Input><W><W>` + many(`<member><M><entry><key/><value/></entry></M></member>`) + `</W></W></Input>`, xmlWide, ProtocolRESTXML},
		{"XML: attributes", `<Input ` + many(`a="" `) + `/>`, xmlWide, ProtocolRESTXML},
		{"XML: unknown siblings", `<Input>` + many(`<x/>`) + `</Input>`, xmlWide, ProtocolRESTXML},
		{"XML: deep elements", `<Input>` + many(`<x>`), xmlWide, ProtocolRESTXML},
		{"XML: namespaces", `<Input>` + many(`<x xmlns:a="b">`), xmlWide, ProtocolRESTXML},
		{"form: structures", formOf("W.W.member.", ".A="), xmlWide, ProtocolQuery},
		{"form: maps of one entry", formOf("W.W.member.", ".M.entry.1.key="), xmlWide, ProtocolQuery},
		{"form: dots", formOf("", strings.Repeat(".", 900)+"="), xmlWide, ProtocolQuery},
		{"form: names", formOf("", "=&"), xmlWide, ProtocolQuery},
		{"form: a position that claims to be far", "W.W.member.1000000000.A.W.member.999999999=&Action=Do", xmlWide, ProtocolQuery},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body := []byte(tt.body)
			p := tt.schema.Protocol(tt.protocol)
			r := httptest.NewRequest(http.MethodPost, "/", http.NoBody)
			if tt.protocol == ProtocolCBOR {
				r.Header.Set("Content-Type", typeCBOR)
			}
			asked := int64(0)
			request := Request{HTTP: r, Body: body, Grow: func(n int64) error { asked += n; return nil }}
			_, _ = p.Decode(&tt.schema.Prepare().Operations[0], Request{HTTP: r, Grow: request.Grow}) // what happens once
			asked = 0
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := p.Decode(&tt.schema.Operations[0], request)
			runtime.ReadMemStats(&after)
			allocated := after.TotalAlloc - before.TotalAlloc
			t.Logf("%d bytes: %d allocated, %d asked for, %v", len(body), allocated, asked, err)
			if most := uint64(3 * (baseBudget + budgetFactor*len(body))); allocated > most {
				t.Errorf("%d bytes allocated for a body of %d, want at most %d", allocated, len(body), most)
			}
			// What is live at once is asked for: garbage apart, which growing lists leave behind.
			if known := uint64(asked) + freeBudget + 2*uint64(len(body)); allocated > 3*known+2*uint64(len(body)) {
				t.Errorf("%d bytes allocated, but only %d asked for", allocated, known)
			}
		})
	}
}

// formOf is a form with numbered names.
func formOf(before, after string) string {
	var b strings.Builder
	for i := 0; b.Len() < 256<<10; i++ {
		b.WriteString(before)
		b.WriteString(strings.Repeat("0", i%7))
		b.WriteString(strconv.Itoa(i))
		b.WriteString(after)
		b.WriteByte('&')
	}
	return b.String()
}

// TestGrowEndsDecoding: whoever counts the memory of all requests can refuse more of it, and is not asked for what ordinary
// bodies need.
func TestGrowEndsDecoding(t *testing.T) {
	full := errors.New("no memory")
	var asked []int64
	grow := func(n int64) error { asked = append(asked, n); return full }
	p, op := wideSchema.Protocol(ProtocolJSON), &wideSchema.Prepare().Operations[0]
	if _, err := p.Decode(op, Request{Body: []byte(`{"W":{"W":[{},{"A":{}}]}}`), Grow: grow}); err != nil || asked != nil {
		t.Errorf("small body: got %v, asked for %d", err, asked)
	}
	_, err := p.Decode(op, Request{Body: []byte(`{"W":{"W":[` + many("{},") + `{}]}}`), Grow: grow})
	if !errors.Is(err, full) || len(asked) != 1 || asked[0] != budgetStep {
		t.Errorf("large body: got %v, asked for %d", err, asked)
	}
	asked, full = nil, nil
	_, err = p.Decode(op, Request{Body: []byte(`{"W":{"W":[` + many("{},") + `{}]}}`), Grow: grow})
	var f *FrameworkError
	if !errors.As(err, &f) || f.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("too many elements: got %v", err)
	}
	sum := int64(0)
	for _, n := range asked {
		sum += n
	}
	if most := int64(baseBudget + budgetFactor*(256<<10+1<<10)); sum > most {
		t.Errorf("asked for %d, more than %d", sum, most)
	}
}
