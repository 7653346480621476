// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"
)

func fullEverything() *everything {
	at := time.UnixMilli(1700000000123).UTC()
	return &everything{
		Name: "name", Count: 7, Flag: true, Ratio: new(1.5), Label: new(""), When: at, Data: []byte("data"), Doc: json.RawMessage(`{"a":1}`),
		Names: []string{"x", "y"}, Lists: [][]string{{"p"}, {}}, Tags: map[string]string{"k": "v"}, Nested: &nested{Key: "n", Deep: &nested{Key: "d"}},
		Nests: []nested{{Key: "e", Value: new("f")}}, ByName: map[string]nested{"m": {Key: "g"}}, Choice: &choice{Number: new(int32(4))},
		Numbers: []int32{1, 2}, Times: []time.Time{at},
	}
}

// TestLend: the copy is equal, and nothing of it survives being taken back; the original stays.
func TestLend(t *testing.T) {
	original := fullEverything()
	v, take, err := Lend(&testSchema, tEverything, original)
	if err != nil {
		t.Fatal(err)
	}
	lent := v.(*everything)
	if !reflect.DeepEqual(lent, original) {
		t.Errorf("got  %+v\nwant %+v", lent, original)
	}
	kept := *lent // strings, slices, maps and pointers of the copy, as a service might keep them
	key := ""
	for k := range kept.Tags {
		key = k
	}
	take()
	if !reflect.DeepEqual(original, fullEverything()) {
		t.Errorf("the original changed: %+v", original)
	}
	for name, got := range map[string]string{
		"string": kept.Name, "blob": string(kept.Data), "document": string(kept.Doc), "element": kept.Names[1], "list in a list": kept.Lists[0][0],
		"key": key, "in a structure": kept.Nested.Deep.Key, "in a list": *kept.Nests[0].Value,
	} {
		if got == "" || strings.Trim(got, "#") != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
	if kept.Numbers[0] == 1 || *kept.Ratio == 1.5 || *kept.Choice.Number == 4 || !kept.Times[0].IsZero() || lent.Count == 7 || lent.Flag {
		t.Errorf("%+v", kept)
	}
	for _, n := range kept.ByName {
		if n.Key != "#" {
			t.Errorf("value of a map: %q", n.Key)
		}
	}
}

func TestLendAttributes(t *testing.T) {
	item, err := decodeItem([]byte(everyAttribute))
	if err != nil {
		t.Fatal(err)
	}
	v, take, err := Lend(&itemSchema, 5, item)
	if err != nil || !reflect.DeepEqual(v, item) {
		t.Fatalf("%v, %+v", err, v)
	}
	take()
	text, err := EncodeJSON(&itemSchema, 5, v)
	if err != nil || strings.ContainsAny(strings.NewReplacer(`"One"`, "", `"Item"`, "", `"Many"`, "").Replace(string(text)), "xykmnd") &&
		strings.Contains(string(text), `"1.50"`) {
		t.Errorf("%v %s", err, text)
	}
	if !reflect.DeepEqual(*item, everyValue) {
		t.Errorf("the original changed: %+v", item)
	}
}

// TestLendKeepsStreams: a stream cannot be copied.
func TestLendKeepsStreams(t *testing.T) {
	in := &streamIO{Body: strings.NewReader("body")}
	v, take, err := Lend(&testSchema, tStreamIO, in)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(v.(*streamIO).Body)
	if take(); err != nil || string(b) != "body" {
		t.Errorf("%q, %v", b, err)
	}
	if _, _, err := Lend(&testSchema, tStreamIO, "no structure"); err == nil {
		t.Error("a string was lent")
	}
}

// TestLendSparse: the elements of sparse lists and maps are pointers, and may be nil.
func TestLendSparse(t *testing.T) {
	in := func() *parcelGaps {
		return &parcelGaps{List: []*string{new("a"), nil}, Map: map[string]*label{"k": {Key: "x"}, "l": nil}}
	}
	original := in()
	v, take, err := Lend(&parcels, pGaps, original)
	if err != nil || !reflect.DeepEqual(v, in()) {
		t.Fatalf("%+v, %v", v, err)
	}
	kept := *v.(*parcelGaps)
	take()
	if !reflect.DeepEqual(original, in()) || *kept.List[0] != "#" || kept.List[1] != nil {
		t.Errorf("original %+v, kept %+v", original, kept)
	}
	for _, l := range kept.Map {
		if l != nil && l.Key != "#" {
			t.Errorf("kept %+v", l)
		}
	}
}
