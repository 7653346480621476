// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

// TestXMLKeepsNothingOfLargeBodies overwrites the body, as its owner may once a decoder has copied what is small of it.
func TestXMLKeepsNothingOfLargeBodies(t *testing.T) {
	body := []byte(`<SendParcelRequest id="seven"><Name>name &amp; more</Name><Mark>mark</Mark><Notes><entry><key>key</key>` +
		`<value><![CDATA[value]]></value></entry></Notes><X>` + strings.Repeat("x", cloneAbove) + `</X></SendParcelRequest>`)
	op := parcelOperation(&parcels, "SendParcel")
	in, err := parcels.Protocol(ProtocolRESTXML).Decode(op, Request{HTTP: restRequest(t, "/", "", nil).HTTP, Body: body})
	if err != nil {
		t.Fatal(err)
	}
	for i := range body {
		body[i] = '-'
	}
	want := &parcel{Name: "name & more", Marks: []string{"mark"}, Notes: map[string]string{"key": "value"}, ID: new("seven")}
	if !reflect.DeepEqual(in, want) {
		t.Errorf("got %+v", in)
	}
}

// TestXMLStopsAtTheFirstFault checks errors below each kind of element.
func TestXMLStopsAtTheFirstFault(t *testing.T) {
	for name, inner := range map[string]string{
		"in an unknown element":       "<X>&b;</X>",
		"in an unknown section":       "<X><![CDATA[</X>",
		"in an unknown comment":       "<X><!-- -- --></X>",
		"after an unknown section":    "<X><![CDATA[a]]><Y></X>",
		"in a list":                   "<Stops><member>&b;</member></Stops>",
		"in a flat list":              "<Label><Key>&b;</Key></Label>",
		"in a key":                    "<Notes><entry><key>&b;</key></entry></Notes>",
		"in a value":                  "<Notes><entry><value>&b;</value></entry></Notes>",
		"in an entry's other element": "<Notes><entry><x>&b;</x></entry></Notes>",
		"in an entry without end":     "<Notes><entry>",
		"in a map without end":        "<Notes>",
		"in an attribute":             `<Inner id="&b;"/>`,
		"a section for elements":      "<Inner><![CDATA[x]]></Inner>",
		"a malformed second name":     "<p:x xmlns:p='u'></p:y>",
	} {
		var f *FrameworkError
		_, err := decodeParcel(t, &parcels, "<SendParcelRequest><Name>n</Name>"+inner+"</SendParcelRequest>")
		if !errors.As(err, &f) || f.Code != "SerializationException" {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestFormNames(t *testing.T) {
	schema := Schema{
		ID: "names", Protocols: []ProtocolID{ProtocolQuery}, Types: []Type{
			{},
			{Name: "String", Kind: KindString},
			{Name: "Flat", Kind: KindList, Go: SliceOf[string]{}, Elem: 1, ElemName: "Item", Flattened: true},
			{Name: "In", Kind: KindStruct, Go: StructOf[struct{}]{}, Fields: []Field{
				{Name: "Plain", Type: 1},
				{Name: "Named", Wire: "Wire", Type: 1},
				{Name: "Old", Wire: "new", AltWire: "Older", Type: 1},
				{Name: "List", Type: 2},
				{Name: "Own", Wire: "OwnItem", Type: 2},
				{Name: "Item", Type: 1}, // the name of another member's elements
			}},
		},
	}
	typ := schema.prepared().types[3]
	for name, want := range map[string]int{
		"Plain": 0, "Wire": 1, "Named": 1, "new": 2, "Older": 2, "Old": 2, "List": 3, "OwnItem": 4, "Own": 4, "Item": 5, "plain": -1, "": -1,
	} {
		if got := typ.formField(name, 0); got != want {
			t.Errorf("form: %s is member %d, want %d", name, got, want)
		}
	}
	for name, want := range map[string]int{"Plain": 0, "Wire": 1, "Named": -1, "Older": 2, "OwnItem": 4, "Own": -1} {
		if got := typ.xmlField(name, 3); got != want {
			t.Errorf("XML: %s is member %d, want %d", name, got, want)
		}
	}
}
