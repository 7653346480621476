// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"github.com/gustcloud/gust/internal/base/av"
)

type item struct {
	Item map[string]av.Value
	One  *av.Value
	Many []av.Value
}

var itemSchema = Schema{ID: "items", ErrorPrefix: "com.amazonaws.dynamodb.v20120810#", ValidationCode: "ValidationException", Types: []Type{
	{},
	{Name: "AttributeValue", Kind: KindAttribute, Go: StructOf[av.Value]{}},
	{Name: "AttributeName", Kind: KindString, Rules: &Constraints{Max: "10"}},
	{Name: "AttributeMap", Kind: KindMap, Go: MapOf[av.Value]{}, Elem: 1, Key: 2},
	{Name: "AttributeList", Kind: KindList, Go: SliceOf[av.Value]{}, Elem: 1},
	{Name: "Item", Kind: KindStruct, Go: StructOf[item]{}, Fields: []Field{
		{Name: "Item", Off: unsafe.Offsetof(item{}.Item), Type: 3, Flags: Required},
		{Name: "One", Off: unsafe.Offsetof(item{}.One), Type: 1},
		{Name: "Many", Off: unsafe.Offsetof(item{}.Many), Type: 4},
	}},
}, Operations: []Operation{{Name: "Put", Method: "POST", URI: "/", Input: 5, Output: 5}}, Protocols: []ProtocolID{ProtocolJSON}}

func decodeItem(body []byte) (*item, error) {
	in, err := itemSchema.Protocol(ProtocolJSON).Decode(&itemSchema.Operations[0], Request{Body: body})
	if err != nil {
		return nil, err
	}
	return in.(*item), nil
}

const everyAttribute = `{"Item":{"b":{"B":"AAH/"},"bool":{"BOOL":false},"bs":{"BS":["AA==",""]},"empty":{},"l":{"L":[{"S":"x"},` +
	`{"L":[]}]},"m":{"M":{"k":{"N":"1"},"o":{"M":{}}}},"n":{"N":"1.50"},"ns":{"NS":["1","2"]},"null":{"NULL":true},` +
	`"s":{"S":"a\n\"é\""},"ss":{"SS":["b","a"]}},"One":{"S":""},"Many":[{"S":"x"},{"BOOL":true}]}`

var everyValue = item{
	Item: map[string]av.Value{
		"b": av.Binary("\x00\x01\xff"), "bool": av.Bool(false), "bs": av.Set(av.BS, []string{"\x00", ""}), "empty": {},
		"l": av.List([]av.Value{av.String("x"), av.List([]av.Value{})}),
		"m": av.Map(map[string]av.Value{"k": av.Number("1"), "o": av.Map(map[string]av.Value{})}),
		"n": av.Number("1.50"), "ns": av.Set(av.NS, []string{"1", "2"}), "null": av.Null(true), "s": av.String("a\n\"é\""),
		"ss": av.Set(av.SS, []string{"b", "a"}),
	},
	One: new(av.String("")), Many: []av.Value{av.String("x"), av.Bool(true)},
}

func TestAttributeValues(t *testing.T) {
	got, err := decodeItem([]byte(everyAttribute))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(*got, everyValue) {
		t.Errorf("got  %+v\nwant %+v", *got, everyValue)
	}
	text, err := EncodeJSON(&itemSchema, 5, got)
	if err != nil || string(text) != everyAttribute {
		t.Errorf("%v\ngot  %s\nwant %s", err, text, everyAttribute)
	}
}

// TestAttributeValuesThatAreNone: the service answers these in its own words.
func TestAttributeValuesThatAreNone(t *testing.T) {
	for body, want := range map[string]av.Value{
		`{}`: {}, `{"S":null}`: {}, `{"X":"y"}`: {}, `{"S":"a","N":"1"}`: av.Ambiguous(), `{"S":"a","S":"b"}`: av.Ambiguous(),
		`{"S":"a","X":[{}]}`: av.String("a"), `{"NULL":false}`: av.Null(false), `{"L":[null]}`: av.List([]av.Value{{}}),
		`{"M":{"a":null}}`: av.Map(nil), `{"SS":[null]}`: av.Set(av.SS, []string{""}), ` { "N" : "x" } `: av.Number("x"),
	} {
		got, err := decodeItem([]byte(`{"Item":{"a":` + body + `}}`))
		if err != nil {
			t.Errorf("%s: %v", body, err)
		} else if !got.Item["a"].Equal(want) {
			t.Errorf("%s: %+v, want %+v", body, got.Item["a"], want)
		}
	}
}

func TestAttributeValuesOfWrongTypes(t *testing.T) {
	const notHere = msgStructure
	for body, want := range map[string]string{
		`"a"`:           msgElementType,
		`[]`:            "Unrecognized collection type class com.amazonaws.dynamodb.v20120810.AttributeValue",
		`{"S":1}`:       "NUMBER_VALUE cannot be converted to String",
		`{"S":{}}`:      notHere,
		`{"N":1}`:       "NUMBER_VALUE cannot be converted to String",
		`{"B":1}`:       msgBase64,
		`{"B":"a"}`:     "Base64 encoded length is expected a multiple of 4 bytes but found: 1",
		`{"BOOL":"a"}`:  "Unexpected token received from parser",
		`{"M":1}`:       msgFieldType,
		`{"M":{"a":1}}`: msgElementType,
		`{"L":{}}`:      notHere,
		`{"L":[1]}`:     msgElementType,
		`{"SS":"a"}`:    msgFieldType,
		`{"SS":[1]}`:    "NUMBER_VALUE cannot be converted to String",
		`{"BS":[true]}`: msgBase64,
		`{"S":"a"`:      "",
		`{"L":[{},]}`:   "",
		`{"M":{"a"}}`:   "",
		`{"SS":["a"}`:   "",
		strings.Repeat(`{"L":[`, 600) + strings.Repeat(`]}`, 600): "The request is nested deeper than 1000 levels.",
	} {
		_, err := decodeItem([]byte(`{"Item":{"a":` + body + `}}`))
		var e *FrameworkError
		if !errors.As(err, &e) || e.Code != "SerializationException" || e.Message != want {
			t.Errorf("%.60s: %v, want %q", body, err, want)
		}
	}
}

func TestAttributeNamesAreValidated(t *testing.T) {
	_, err := decodeItem([]byte(`{"Item":{"long enough":{"S":""}}}`))
	const want = "1 validation error detected: Value '{long enough=AttributeValue}' at 'item' failed to satisfy constraint: " +
		"Map keys must satisfy constraint: [Member must have length less than or equal to 10, Member must not be null]"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// TestClonedAttributesOutliveTheRequest: what was cloned does not change with the body that it was decoded from.
func TestClonedAttributesOutliveTheRequest(t *testing.T) {
	body := []byte(everyAttribute)
	got, err := decodeItem(body)
	if err != nil {
		t.Fatal(err)
	}
	kept := av.CloneMap(got.Item)
	for i := range body {
		body[i] = '#'
	}
	if !reflect.DeepEqual(kept, everyValue.Item) {
		t.Errorf("%+v", kept)
	}
	if reflect.DeepEqual(got.Item, everyValue.Item) {
		t.Error("nothing aliases the body: the test shows nothing")
	}
	large := []byte(strings.Replace(everyAttribute, `{"S":""}`, `{"S":"`+strings.Repeat("x", cloneAbove)+`"}`, 1))
	if got, err = decodeItem(large); err != nil {
		t.Fatal(err)
	}
	for i := range large {
		large[i] = '#'
	}
	if !reflect.DeepEqual(got.Item, everyValue.Item) {
		t.Errorf("a large body is aliased: %+v", got.Item)
	}
}

// TestTinyAttributesAreBounded: each element takes from the budget of the request.
func TestTinyAttributesAreBounded(t *testing.T) {
	const budget = 1 << 16
	for _, element := range []string{`{"L":[`, `{"SS":[`} {
		var d jsonDecoder
		body := `{"a":` + element + strings.TrimSuffix(strings.Repeat(`null,`, budget/8), ",") + `]}}`
		if err := d.start(&itemSchema, []byte(body)); err != nil {
			t.Fatal(err)
		}
		d.allowance = allowance{budget: budget}
		_, err := d.attributes()
		var e *FrameworkError
		if !errors.As(err, &e) || e.Code != "RequestEntityTooLargeException" {
			t.Errorf("%s: %v", element, err)
		}
	}
}
