// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unsafe"
)

type tableItem struct {
	Name  string
	Count *int32
}

type tableEvent struct{ Item *tableItem }

const tableText = `
sItem w"an item" N"p urn:x" C404 X QOld.ItemGone Gcom.x# MName
 3 wname !RS @h
 4 l !P T2 qCount aNumber N"" @e
lItems e1 nitem Lurn:y F S <1 >9
tName <1 p"a\"\x60 b" =x ="" ="y z"
iCount T1
mNames e2 nValue k3 qKey Yurn:z
vEvents
 1 @p
 ~Gone 1
xBytes
sFault EItemFault C500
/Get 1 8 mGET u/items/{Id} s202 i o a p hdata- R e8,1 U
/Send 1 1 rSent nIn N"" ttext/plain b9
`

func tableSchema(text string, gos ...any) *Schema { return &Schema{ID: "test", Table: text, Go: gos} }

var tableGo = []any{(*tableItem)(nil), (*[]tableItem)(nil), MapOf[[]tableItem]{}, EventsOf[tableEvent]{}, (*struct{})(nil)}

func TestTableIsWhatItsTextSays(t *testing.T) {
	t.Parallel()
	schema := tableSchema(tableText, tableGo...).Prepare()
	got := schema.Types
	want := []Type{
		{},
		{
			Name: "Item", Kind: KindStruct, Go: structOfType(reflect.TypeFor[tableItem]()), Wire: "an item",
			Namespace: &XMLNamespace{URI: "urn:x", Prefix: "p"},
			Error:     &ErrorInfo{Code: "Item", Status: 404, Sender: true, QueryCode: "Old.ItemGone", Prefix: "com.x#", Message: "Name"},
			Fields: []Field{
				{Name: "Name", Wire: "name", Type: 3, Flags: Required | Sensitive, Loc: InHeader},
				{
					Name: "count", Off: unsafe.Offsetof(tableItem{}.Count), Type: 4, Flags: Pointer, Time: TimeISO8601, QueryName: "Count",
					AltWire: "Number", Namespace: &XMLNamespace{}, Loc: InEvent,
				},
			},
		},
		{
			Name: "Items", Kind: KindList, Go: sliceOfType(reflect.TypeFor[[]tableItem]()), Elem: 1, ElemName: "item",
			ElemNamespace: &XMLNamespace{URI: "urn:y"}, Flattened: true, Sparse: true, Rules: &Constraints{Min: "1", Max: "9"},
		},
		{Name: "Name", Kind: KindString, Rules: &Constraints{Min: "1", Pattern: "a\"` b", Enum: []string{"x", "", "y z"}}},
		{Name: "Count", Kind: KindInt32, Time: TimeEpoch},
		{
			Name: "Names", Kind: KindMap, Go: MapOf[[]tableItem]{}, Elem: 2, ElemName: "Value", Key: 3, KeyName: "Key",
			KeyNamespace: &XMLNamespace{URI: "urn:z"},
		},
		{Name: "Events", Kind: KindEvents, Go: EventsOf[tableEvent]{}, Fields: []Field{
			{Name: "Item", Type: 1, Loc: InPayload}, {Name: "Gone", Type: 1},
		}},
		{Name: "Bytes", Kind: KindBlob},
		{
			Name: "Fault", Kind: KindStruct, Go: structOfType(reflect.TypeFor[struct{}]()),
			Error: &ErrorInfo{Code: "ItemFault", Status: 500, Message: "message"},
		},
	}
	operations := []Operation{
		{
			Name: "Get", Method: "GET", URI: "/items/{Id}", Status: 202, Input: 1, Output: 8, NoInput: true, NoOutput: true, NoAuth: true,
			UnsignedPayload: true, HostPrefix: "data-", ResultWrapper: "GetResult", Errors: []Ref{8, 1}, UnwrappedOutput: true,
		},
		{
			Name: "Send", Method: "POST", URI: "/", Input: 1, Output: 1, ResultWrapper: "Sent", InputName: "In",
			InputNamespace: &XMLNamespace{}, OutputMediaType: "text/plain", MaxBody: 9,
		},
	}
	if !reflect.DeepEqual(schema.Operations, operations) {
		t.Errorf("operations:\n got %+v\nwant %+v", schema.Operations, operations)
	}
	if len(got) != len(want) {
		t.Fatalf("%d types, want %d", len(got), len(want))
	}
	for i := range want {
		if len(got[i].Fields) == 0 {
			got[i].Fields = nil
		}
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("type %d:\n got %+v\nwant %+v", i, got[i], want[i])
		}
	}
}

// TestTableRefusesWhatDoesNotFit: a table that does not fit its Go types would be memory corruption.
func TestTableRefusesWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, from, to, want string }{
		{"kind", "xBytes", "?Bytes", "no kind '?'"},
		{"reference", "lItems e1", "lItems e9", `no type "9"`},
		{"reference that is no number", "\n 3", "\n x", `no type "x"`},
		{"trait of a shape", "iCount T1", "iCount T1 $", "no trait '$'"},
		{"trait of a member", "\n 1 @p", "\n 1 $", "no trait '$' of Item"},
		{"trait of an operation", "s202", "$", "no trait '$' of Get"},
		{"error of an operation", "e8,1", "e8,", `no type ""`},
		{"location", "\n 1 @p", "\n 1 @x", `no location "x"`},
		{"quotes", `urn:x"`, `urn:x`, "invalid syntax"},
		{"number", "C404", "Cabc", "abc"},
		{"member too many", "\n 1 @p", "\n 1 @p\n 1", "no field is left for member 1"},
		{"member of what has no members", "iCount T1", "iCount T1\n 1", "no field is left for member 0"},
		{"member too few", "\n 1 @p", "", "0 members, wire.tableEvent has 1 fields"},
		{"Go type too few", "xBytes", "uBytes", "no Go type is left"},
		{"Go type too many", "mNames", "tNames", "Events: it cannot be a wire.MapOf"},
		{"Go types left over", "sFault EItemFault C500\n", "tFault\n", "1 Go types are left over"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if strings.Count(tableText, c.from) != 1 {
				t.Fatalf("%q does not stand once in the table", c.from)
			}
			defer func() {
				if p := fmt.Sprint(recover()); !strings.Contains(p, c.want) || !strings.Contains(p, "wire: table of test") {
					t.Errorf("panic %s, want one with %q", p, c.want)
				}
			}()
			tableSchema(strings.Replace(tableText, c.from, c.to, 1), tableGo...).Prepare()
		})
	}
}

// TestRunTimeTypesDoWhatCompiledOnesDo runs the access by run-time types beside the generic ones.
func TestRunTimeTypesDoWhatCompiledOnesDo(t *testing.T) {
	t.Parallel()
	for _, st := range []structType{StructOf[tableItem]{}, structOfType(reflect.TypeFor[tableItem]())} {
		p := st.alloc()
		v, ok := st.box(p).(*tableItem)
		if !ok || *v != (tableItem{}) || st.size() != unsafe.Sizeof(tableItem{}) {
			t.Fatalf("%T: new value %+v, size %d", st, st.box(p), st.size())
		}
		v.Name = "a"
		c, _ := st.box(st.clone(p)).(*tableItem)
		if c == v || c.Name != "a" {
			t.Errorf("%T: clone %p of %p is %+v", st, c, v, c)
		}
		if q, ok := st.unbox(v); !ok || q != p {
			t.Errorf("%T: unbox gives %p, %t", st, q, ok)
		}
		for _, other := range []any{nil, (*tableItem)(nil), tableItem{}, &tableEvent{}, "x"} {
			if _, ok := st.unbox(other); ok {
				t.Errorf("%T took a %T", st, other)
			}
		}
	}
	for _, sl := range []sliceType{SliceOf[tableItem]{}, sliceOfType(reflect.TypeFor[[]tableItem]())} {
		list := (*[]tableItem)(sl.alloc())
		p := unsafe.Pointer(list)
		if !sl.absent(p) || sl.length(p) != 0 || sl.size() != unsafe.Sizeof(tableItem{}) {
			t.Errorf("%T: new list %v", sl, *list)
		}
		if sl.empty(p); *list == nil || len(*list) != 0 || sl.absent(p) {
			t.Errorf("%T: empty list %v", sl, *list)
		}
		for i := range 40 {
			e := (*tableItem)(sl.extend(p))
			if *e != (tableItem{}) {
				t.Fatalf("%T: element %d is not zero: %+v", sl, i, *e)
			}
			e.Name = fmt.Sprint(i)
		}
		for i := range 40 {
			if at := (*tableItem)(sl.at(p, i)); at != &(*list)[i] || at.Name != fmt.Sprint(i) {
				t.Errorf("%T: element %d is %+v", sl, i, at)
			}
		}
		if sl.length(p) != 40 || len(*list) != 40 || len(append(*list, tableItem{})) != 41 {
			t.Errorf("%T: length %d", sl, sl.length(p))
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%T: an index out of range was taken", sl)
				}
			}()
			sl.at(p, 40)
		}()
	}
	for _, mp := range []mapType{MapOf[tableItem]{}, mapOfType(reflect.TypeFor[map[string]tableItem]())} {
		m := (*map[string]tableItem)(mp.alloc())
		p := unsafe.Pointer(m)
		if !mp.absent(p) || mp.length(p) != 0 || mp.size() != unsafe.Sizeof(tableItem{}) {
			t.Errorf("%T: new map %v", mp, *m)
		}
		if mp.empty(p); *m == nil || mp.absent(p) {
			t.Errorf("%T: empty map %v", mp, *m)
		}
		room := mp.scratch()
		for _, key := range []string{"b", "a"} {
			(*tableItem)(room).Name = "item " + key
			if mp.store(p, key, room); *(*tableItem)(room) != (tableItem{}) {
				t.Errorf("%T: store left %v", mp, *(*tableItem)(room))
			}
		}
		if keys := mp.keys(p); !reflect.DeepEqual(keys, []string{"a", "b"}) || mp.length(p) != 2 || (*m)["a"].Name != "item a" {
			t.Errorf("%T: %v, keys %v", mp, *m, keys)
		}
		if mp.load(p, "b", room); (*tableItem)(room).Name != "item b" {
			t.Errorf("%T: load gives %v", mp, *(*tableItem)(room))
		}
		if mp.load(p, "gone", room); *(*tableItem)(room) != (tableItem{}) {
			t.Errorf("%T: load of nothing gives %v", mp, *(*tableItem)(room))
		}
	}
}
