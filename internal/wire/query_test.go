// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestQueryDecodesForms(t *testing.T) {
	const required = "Action=Everything&Version=2020-01-01&Name=a&Count=0&Flag=false"
	base := everything{Name: "a"}
	with := func(f func(*everything)) everything { e := base; f(&e); return e }
	tests := []struct {
		name, form string
		want       everything
	}{
		{"required", "", base},
		{"scalars, the first of two", "&Big=-5&Small=1.5&Ratio=0.5&label=a+b%26&Flag=True", with(func(e *everything) {
			e.Big, e.Small, e.Ratio, e.Label = new(int64(-5)), new(float32(1.5)), new(0.5), new("a b&")
		})},
		{"timestamp", "&When=2023-11-14T22:13:20Z", with(func(e *everything) { e.When = time.Unix(1700000000, 0).UTC() })},
		{"blob", "&Data=aGk%3D", with(func(e *everything) { e.Data = []byte("hi") })},
		{"list with member", "&Names.member.2=y&Names.member.1=x", with(func(e *everything) { e.Names = []string{"x", "y"} })},
		{"list, flattened", "&Names.1=x&Names.10=z&Names.2=y", with(func(e *everything) { e.Names = []string{"x", "y", "z"} })},
		{"list with another word", "&Names.Item.1=x", with(func(e *everything) { e.Names = []string{"x"} })},
		{"empty list", "&Names=", with(func(e *everything) { e.Names = []string{} })},
		{"lists of lists", "&Lists.member.1.member.1=x", with(func(e *everything) { e.Lists = [][]string{{"x"}} })},
		{
			"map", "&Tags.entry.1.key=ab&Tags.entry.1.value=x&Tags.entry.2.key=cd&Tags.entry.2.value=y",
			with(func(e *everything) { e.Tags = map[string]string{"ab": "x", "cd": "y"} }),
		},
		{"map, flattened", "&Tags.1.key=ab&Tags.1.value=x", with(func(e *everything) { e.Tags = map[string]string{"ab": "x"} })},
		{"structure", "&Nested.Key=k&Nested.Deep.Key=l", with(func(e *everything) {
			e.Nested = &nested{Key: "k", Deep: &nested{Key: "l"}}
		})},
		{
			"structures in a list", "&Nests.member.1.Key=k&Nests.member.1.Value=&Nests.member.2.Key=l",
			with(func(e *everything) { e.Nests = []nested{{Key: "k", Value: new("")}, {Key: "l"}} }),
		},
		{
			"structures in a map", "&ByName.entry.1.key=x&ByName.entry.1.value.Key=k",
			with(func(e *everything) { e.ByName = map[string]nested{"x": {Key: "k"}} }),
		},
		{"what is no UTF-8", "&label=a%ffb%c3%a9", with(func(e *everything) { e.Label = new("a\ufffdbé") })},
		{"unknown", "&Unknown.1.x=1&Another=2", base},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in, err := testSchema.Protocol(ProtocolQuery).Decode(testOperation("Everything"), Request{Body: []byte(required + tt.form)})
			if err != nil {
				t.Fatal(err)
			}
			if got := in.(*everything); !reflect.DeepEqual(*got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", *got, tt.want)
			}
		})
	}
}

func TestQueryRefusesWhatItCannotParse(t *testing.T) {
	for name, form := range map[string]string{
		"escape": "Name=%zz", "escape in a name": "%zz=1", "number": "Count=x", "number too large": "Count=2147483648",
		"truth": "Flag=yes", "time": "When=yesterday", "blob": "Data=x", "structure for text": "Name.x=1", "document": "Doc=1",
		"too deep": strings.Repeat("a.", 1100) + "=1", "structure in a list": "Names.member.1.x=1",
		"two of a union": "Choice.Text=a&Choice.Number=1", "none of a union": "Choice.Later=1",
		"too many parameters": manyParameters(maxFormNodes),
	} {
		_, err := testSchema.Protocol(ProtocolQuery).Decode(testOperation("Everything"), Request{Body: []byte(form)})
		var f *FrameworkError
		if !errors.As(err, &f) || f.QueryCode != "MalformedInput" || f.Status != 400 {
			t.Errorf("%s: got %v", name, err)
		}
	}
	_, err := testSchema.Protocol(ProtocolQuery).Decode(testOperation("Everything"), Request{Body: []byte("Nests.member.1.Value=x&Name=a&Flag=true")})
	const want = "2 validation errors detected: Value null at 'count' failed to satisfy constraint: Member must not be null; " +
		"Value null at 'nests.1.member.key' failed to satisfy constraint: Member must not be null"
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func manyParameters(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("&x" + strconv.Itoa(i))
	}
	return b.String()
}

func TestFormBoundsMemory(t *testing.T) {
	tree, err := parseForm("Nests.member.1.Key=k&Nests.member.2.Key=l", false, nil)
	if err != nil {
		t.Fatal(err)
	}
	d := formDecoder{formTree: tree}
	d.allowance = allowance{budget: int(2 * SliceOf[nested]{}.size())}
	typ := testSchema.prepared().types[tEverything]
	var f *FrameworkError
	if _, err := d.structure(typ, typ.st.alloc(), 0); !errors.As(err, &f) || f.Status != 413 {
		t.Errorf("got %v", err)
	}
}

func TestFormAction(t *testing.T) {
	for form, want := range map[string][2]string{
		"Version=2011-06-15&X=1&Action=Get%43aller": {"GetCaller", "2011-06-15"},
		"Action=A":     {"A", ""},
		"":             {"", ""},
		"XAction=B&&&": {"", ""},
	} {
		if action, version := FormAction(form); action != want[0] || version != want[1] {
			t.Errorf("%s: %q %q", form, action, version)
		}
	}
}

func TestQueryAnswers(t *testing.T) {
	out := &everything{
		Name: "a<b>&\"\r\x01", Count: 3, Flag: true, Ratio: new(0.25), When: time.Unix(1700000000, 500_000_000),
		Data: []byte("hi"), Names: []string{"x", ""}, Tags: map[string]string{"k2": "w", "k1": "v"},
		Nests: []nested{{Key: "k", Deep: &nested{Key: "l"}}}, Numbers: []int32{1, 2}, Lists: [][]string{{"y"}},
	}
	const want = `<EverythingResponse xmlns="https://test.example/doc/"><EverythingResult>` +
		"<Name>a&lt;b&gt;&amp;&quot;&#xD;\ufffd</Name><Count>3</Count><Flag>true</Flag><Ratio>0.25</Ratio>" +
		`<When>2023-11-14T22:13:20.5Z</When><Data>aGk=</Data><Names><member>x</member><member></member></Names>` +
		`<Lists><member><member>y</member></member></Lists>` +
		`<Tags><entry><key>k1</key><value>v</value></entry><entry><key>k2</key><value>w</value></entry></Tags>` +
		`<Nests><member><Key>k</Key><Deep><Key>l</Key></Deep></member></Nests><Numbers>1</Numbers><Numbers>2</Numbers>` +
		`</EverythingResult><ResponseMetadata><RequestId>req-1</RequestId></ResponseMetadata></EverythingResponse>`
	w := encodeBody(t, ProtocolQuery, "Everything", out)
	if w.Body.String() != want || w.Header().Get("Content-Type") != "text/xml" {
		t.Errorf("got  %s\nwant %s", w.Body, want)
	}
	w = encodeBody(t, ProtocolQuery, "Nothing", &struct{}{})
	if strings.Contains(w.Body.String(), "Result") {
		t.Errorf("no output: got %s", w.Body)
	}
	w = encodeBody(t, ProtocolQuery, "Empty", &struct{}{})
	if !strings.Contains(w.Body.String(), "<EmptyResult></EmptyResult>") {
		t.Errorf("empty output: got %s", w.Body)
	}
}

func TestQueryErrors(t *testing.T) {
	tests := []struct {
		name   string
		err    error
		status int
		body   string
	}{
		{
			"modelled", &notFoundError{Message: "gone"}, 404,
			`<Type>Sender</Type><Code>AWS.Test.NotFound</Code><Message>gone</Message>`,
		},
		{
			"unknown action", UnknownOperation(&testSchema, ProtocolQuery, "X"), 400,
			`<Type>Sender</Type><Code>InvalidAction</Code><Message>Could not find operation X for version 2020-01-01</Message>`,
		},
		{
			"hidden", io.ErrUnexpectedEOF, 500, `<Type>Receiver</Type><Code>InternalFailure</Code><Message>The request processing ` +
				`has failed because of an unknown error, exception or failure.</Message>`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			testSchema.Protocol(ProtocolQuery).Error(w, nil, FaultOf(&testSchema, tt.err), "req-1")
			want := `<ErrorResponse xmlns="https://test.example/doc/"><Error>` + tt.body +
				`</Error><RequestId>req-1</RequestId></ErrorResponse>`
			if w.Code != tt.status || w.Body.String() != want {
				t.Errorf("got  %d %s\nwant %d %s", w.Code, w.Body, tt.status, want)
			}
			if w.Header().Get("Content-Type") != "text/xml" || header(w, "x-amzn-RequestId") != "req-1" {
				t.Errorf("headers %v", w.Header())
			}
		})
	}
}

func FuzzForm(f *testing.F) {
	f.Add([]byte("Name=a&Count=0&Flag=true&Nests.member.1.Key=k&Tags.entry.1.key=a&Tags.entry.1.value=b"))
	f.Add([]byte("Names.1=&Names.-1=x&Lists.1.1=x&=&.=&..=1"))
	f.Fuzz(func(t *testing.T, body []byte) {
		in, err := testSchema.Protocol(ProtocolQuery).Decode(testOperation("Everything"), Request{Body: body})
		if err != nil {
			return
		}
		d := xml.NewDecoder(encodeBody(t, ProtocolQuery, "Everything", in).Body)
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				return
			} else if err != nil {
				t.Fatal(err)
			}
		}
	})
}
