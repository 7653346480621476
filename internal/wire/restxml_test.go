// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// decodeParcel decodes body as the input of SendParcel.
func decodeParcel(tb testing.TB, s *Schema, body string) (*parcel, error) {
	tb.Helper()
	in, err := s.Protocol(ProtocolRESTXML).Decode(parcelOperation(s, "SendParcel"), restRequest(tb, "/parcels", body, nil))
	if err != nil {
		return nil, err
	}
	return in.(*parcel), nil
}

func encodeParcels(tb testing.TB, s *Schema, op string, out any) *httptest.ResponseRecorder {
	tb.Helper()
	w := httptest.NewRecorder()
	if err := s.Protocol(s.Protocols[0]).Encode(w, parcelOperation(s, op), out, "req-1"); err != nil {
		tb.Fatal(err)
	}
	return w
}

// requestID returns the header called name, spelt exactly so.
func header(w *httptest.ResponseRecorder, name string) string {
	return strings.Join(w.Header()[name], ",")
}

const xsi = "http://www.w3.org/2001/XMLSchema-instance"

func TestRESTXMLDecodesDocuments(t *testing.T) {
	base := parcel{Name: "n"}
	with := func(f func(*parcel)) parcel { p := base; f(&p); return p }
	tests := []struct {
		name, body string // inside of the root, after its Name
		want       parcel
	}{
		{"required only", "", base},
		{"scalars, space around them", "<Count> 7\n</Count><weight>1.5</weight><Fragile>\ttrue </Fragile>", with(func(p *parcel) {
			p.Count, p.Weight, p.Fragile = new(int32(7)), new(1.5), new(true)
		})},
		{
			"timestamps", "<Sent>2023-11-14T22:13:20Z</Sent><Day>Tue, 14 Nov 2023 22:13:20 GMT</Day>",
			with(func(p *parcel) { p.Sent = time.Unix(1700000000, 0).UTC(); p.Day = p.Sent }),
		},
		{"blob", "<Picture>\n aGk= </Picture>", with(func(p *parcel) { p.Picture = []byte("hi") })},
		{"empty blob", "<Picture/>", with(func(p *parcel) { p.Picture = []byte{} })},
		{"list", "<Stops><member>a</member> <!-- x --><member/></Stops>", with(func(p *parcel) { p.Stops = []string{"a", ""} })},
		{"empty list", "<Stops/>", with(func(p *parcel) { p.Stops = []string{} })},
		{"empty list with space", "<Stops>\n</Stops>", with(func(p *parcel) { p.Stops = []string{} })},
		{
			"flat list, not in one place", "<Label><Key>a</Key></Label><Count>1</Count><Label><Key>b</Key><Value/></Label>",
			with(func(p *parcel) { p.Count = new(int32(1)); p.Labels = []label{{Key: "a"}, {Key: "b", Value: new("")}} }),
		},
		{"list flat by its shape", "<Mark>a</Mark><Mark>b</Mark>", with(func(p *parcel) { p.Marks = []string{"a", "b"} })},
		{
			"map, value first", "<Notes><entry><value>v</value><key>k</key></entry><entry><key>l</key><value/></entry></Notes>",
			with(func(p *parcel) { p.Notes = map[string]string{"k": "v", "l": ""} }),
		},
		{"empty map", "<Notes/>", with(func(p *parcel) { p.Notes = map[string]string{} })},
		{
			"flat map", "<Rooms><K>k</K><V><Key>a</Key></V></Rooms><Rooms><K>l</K><V><Key>b</Key></V></Rooms>",
			with(func(p *parcel) { p.Rooms = map[string]label{"k": {Key: "a"}, "l": {Key: "b"}} }),
		},
		{"union", "<Choice><Number>1</Number></Choice>", with(func(p *parcel) { p.Choice = &choice{Number: new(int32(1))} })},
		{
			"recursion", "<Inner><Name>a</Name><Inner><Name>b</Name></Inner></Inner>",
			with(func(p *parcel) { p.Inner = &parcel{Name: "a", Inner: &parcel{Name: "b"}} }),
		},
		{
			"attribute with a prefix of the client's choice",
			`<Grants><Grant xmlns:i="` + xsi + `" i:type='User'><Name>x</Name></Grant><Grant xmlns:xsi="` + xsi + `" xsi:type="Group"/></Grants>`,
			with(func(p *parcel) { p.Grants = []grant{{Type: new("User"), Name: new("x")}, {Type: new("Group")}} }),
		},
		{
			"attribute of another namespace", `<Grants><Grant xmlns:xsi="urn:else" xsi:type="User" type="User"/></Grants>`,
			with(func(p *parcel) { p.Grants = []grant{{}} }),
		},
		{"unknown elements", "<Later a='1'><x>1<y/>2</x><![CDATA[<]]></Later><Count>1</Count>", with(func(p *parcel) { p.Count = new(int32(1)) })},
		{"members that HTTP binds", "<X-Greeting>no</X-Greeting><Greeting>no</Greeting><id>no</id>", base},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decodeParcel(t, &parcels, "<SendParcelRequest><Name>n</Name>"+tt.body+"</SendParcelRequest>")
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(*got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", *got, tt.want)
			}
		})
	}
}

func TestRESTXMLRefusesWhatItCannotParse(t *testing.T) {
	root := func(inner string) string { return "<SendParcelRequest><Name>n</Name>" + inner + "</SendParcelRequest>" }
	for name, body := range map[string]string{
		"not XML":              "{}",
		"truncated":            "<SendParcelRequest><Name>n</Name>",
		"truncated tag":        "<SendParcelRequest><Name",
		"another root":         "<Other/>",
		"two roots":            root("") + "<a/>",
		"text after the root":  root("") + "x",
		"end tags crossed":     root("<Inner><Name>a</Inner></Name>"),
		"document type":        "<!DOCTYPE x [<!ENTITY a 'b'>]>" + root(""),
		"unknown entity":       root("<Marks>&a;</Marks>"),
		"invalid UTF-8":        root("<Mark>\xff</Mark>"),
		"control character":    root("<Mark>\x01</Mark>"),
		"UTF-16":               "\xff\xfe<\x00a\x00",
		"other encoding":       `<?xml version="1.0" encoding="ISO-8859-1"?>` + root(""),
		"member twice":         root("<Count>1</Count><Count>2</Count>"),
		"required twice":       root("<Name>m</Name>"),
		"attribute twice":      `<SendParcelRequest id="1" id="2"/>`,
		"key twice":            root("<Notes><entry><key>a</key><key>b</key><value/></entry></Notes>"),
		"entry twice":          root("<Notes><entry><key>a</key><value/></entry><entry><key>a</key><value/></entry></Notes>"),
		"flat entry twice":     root("<Rooms><K>a</K><V><Key/></V></Rooms><Rooms><K>a</K><V><Key/></V></Rooms>"),
		"entry without value":  root("<Notes><entry><key>a</key></entry></Notes>"),
		"entry misnamed":       root("<Notes><item><key>a</key><value/></item></Notes>"),
		"list element":         root("<Stops><stop>a</stop></Stops>"),
		"text in a list":       root("<Stops>a</Stops>"),
		"text in a structure":  root("<Inner>a</Inner>"),
		"structure for text":   root("<Mark><a/></Mark>"),
		"not a number":         root("<Count>x</Count>"),
		"empty number":         root("<Count/>"),
		"number too large":     root("<Count>2147483648</Count>"),
		"not a truth":          root("<Fragile>yes</Fragile>"),
		"not a time":           root("<Sent>yesterday</Sent>"),
		"not base64":           root("<Picture>x</Picture>"),
		"two of a union":       root("<Choice><Text/><Number>1</Number></Choice>"),
		"none of a union":      root("<Choice/>"),
		"undeclared prefix":    root("<a:b/>"),
		"too deep":             root(strings.Repeat("<Inner>", 1100)),
		"too deep, unknown":    root(strings.Repeat("<x>", 1100)),
		"too many attributes":  "<SendParcelRequest " + manyAttributes(100) + "/>",
		"too many prefixes":    root(strings.Repeat("<a xmlns:p='u'>", 100)),
		"only a comment, open": "<!-- ",
	} {
		t.Run(name, func(t *testing.T) {
			var f *FrameworkError
			if _, err := decodeParcel(t, &parcels, body); !errors.As(err, &f) || f.Code != "SerializationException" || f.Status != 400 {
				t.Errorf("got %v", err)
			}
			if _, err := decodeParcel(t, &parcels3, body); !errors.As(err, &f) || f.Code != "MalformedXML" || f.Status != 400 {
				t.Errorf("S3: got %v", err)
			}
		})
	}
}

func manyAttributes(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(" a" + strings.Repeat("x", i) + "='1'")
	}
	return b.String()
}

func TestRESTXMLReportsMissingMembers(t *testing.T) {
	_, err := decodeParcel(t, &parcels, "<SendParcelRequest><Inner/><Label/><Rooms><K>k</K><V/></Rooms></SendParcelRequest>")
	const want = "4 validation errors detected: Value null at 'name' failed to satisfy constraint: Member must not be null; " +
		"Value null at 'labels.1.member.key' failed to satisfy constraint: Member must not be null; " +
		"Value null at 'rooms.k.member.key' failed to satisfy constraint: Member must not be null; " +
		"Value null at 'inner.name' failed to satisfy constraint: Member must not be null"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if _, err := decodeParcel(t, &parcels, " "); err == nil || !strings.Contains(err.Error(), "'name'") {
		t.Errorf("no body: got %v", err)
	}
}

func TestRESTXMLBoundsMemory(t *testing.T) {
	var d xmlDecoder
	if err := d.start([]byte("<a><Label><Key/></Label><Label><Key/></Label></a>")); err != nil {
		t.Fatal(err)
	}
	d.allowance = allowance{budget: int(2 * SliceOf[label]{}.size())}
	if _, err := d.enter("a"); err != nil {
		t.Fatal(err)
	}
	typ := parcels.prepared().types[pParcel]
	var f *FrameworkError
	if _, err := d.structure(typ, typ.st.alloc(), true); !errors.As(err, &f) || f.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("got %v", err)
	}
}

func TestRESTXMLPayloads(t *testing.T) {
	p := parcels.Protocol(ProtocolRESTXML)
	for _, root := range []string{"ParcelBox", "Parcel"} {
		in, err := p.Decode(parcelOperation(&parcels, "PutParcel"), restRequest(t, "/b", "<"+root+" id='7'><Name>n</Name></"+root+">", []string{"b"}))
		if err != nil {
			t.Fatal(err)
		}
		if got := in.(*parcelPayload); got.Bucket != "b" || got.Parcel == nil || got.Parcel.Name != "n" || *got.Parcel.ID != "7" {
			t.Errorf("%s: got %+v", root, got)
		}
	}
	in, err := p.Decode(parcelOperation(&parcels, "PutParcel"), restRequest(t, "/b", "\n<!-- nothing -->", []string{"b"}))
	if err != nil || in.(*parcelPayload).Parcel != nil {
		t.Errorf("no payload: got %+v, %v", in, err)
	}
	_, err = p.Decode(parcelOperation(&parcels, "PutParcel"), restRequest(t, "/b", "<Other/>", []string{"b"}))
	if err == nil {
		t.Error("another root passed")
	}
}

// TestRESTXMLStreams checks that neither direction reads ahead.
func TestRESTXMLStreams(t *testing.T) {
	p := parcels3.Protocol(ProtocolRESTXML)
	op := parcelOperation(&parcels3, "PutStream")
	if !parcels3.Streams(op) {
		t.Fatal("PutStream does not stream")
	}
	r := restRequest(t, "/b/s", "", []string{"b"})
	r.Stream = iotest.ErrReader(io.ErrUnexpectedEOF)
	in, err := p.Decode(op, r)
	if err != nil || in.(*parcelStream).Body != r.Stream {
		t.Errorf("input: got %+v, %v", in, err)
	}
	body := io.NopCloser(io.MultiReader(strings.NewReader("half"), iotest.ErrReader(io.ErrUnexpectedEOF)))
	w := httptest.NewRecorder()
	err = p.Encode(w, op, &parcelBody{Body: body, ContentType: new("text/csv"), Length: new(int64(8))}, "req-1")
	if !errors.Is(err, ErrAborted) || w.Body.String() != "half" {
		t.Errorf("output that breaks: got %q, %v", w.Body, err)
	}
	if got := w.Header(); got.Get("Content-Type") != "text/csv" || got.Get("Content-Length") != "8" || header(w, "x-amz-request-id") != "req-1" {
		t.Errorf("got %v", got)
	}
}

func TestRESTXMLAnswers(t *testing.T) {
	const declaration = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"
	sent := time.Unix(1700000000, 0)
	full := &parcel{
		Name: "a<b>&\"\r", Count: new(int32(7)), Weight: new(0.5), Fragile: new(false), Sent: sent, Day: sent, Picture: []byte("hi"),
		Stops: []string{"x", ""}, Labels: []label{{Key: "k", Value: new("v")}, {Key: "l"}}, Marks: []string{"m"},
		Grants: []grant{{Type: new("U\"s"), Name: new("n")}}, Notes: map[string]string{"b": "2", "a": "1"},
		Rooms: map[string]label{"r": {Key: "k"}}, Choice: &choice{Text: new("t")}, Inner: &parcel{Name: "i", ID: new("8")},
		ID: new("7"), Greeting: new("hello"),
	}
	const fullBody = `<Name>a&lt;b&gt;&amp;&quot;&#xD;</Name><Count>7</Count><weight>0.5</weight><Fragile>false</Fragile>` +
		`<Sent>2023-11-14T22:13:20Z</Sent><Day>Tue, 14 Nov 2023 22:13:20 GMT</Day><Picture>aGk=</Picture>` +
		`<Stops><member>x</member><member></member></Stops><Label><Key>k</Key><Value>v</Value></Label><Label><Key>l</Key></Label>` +
		`<Mark>m</Mark><Grants><Grant xmlns:xsi="` + xsi + `" xsi:type="U&quot;s"><Name>n</Name></Grant></Grants>` +
		`<Notes><entry><key>a</key><value>1</value></entry><entry><key>b</key><value>2</value></entry></Notes>` +
		`<Rooms><K>r</K><V><Key>k</Key></V></Rooms><Choice><Text>t</Text></Choice><Inner id="8"><Name>i</Name></Inner>`
	tests := []struct {
		name   string
		schema *Schema
		op     string
		out    any
		status int
		kind   string // Content-Type
		body   string
	}{
		{
			"document", &parcels, "SendParcel", full, 200, "application/xml",
			declaration + `<Parcel xmlns="https://parcels.example/" id="7">` + fullBody + `</Parcel>`,
		},
		{
			"payload", &parcels3, "PutParcel", &parcelPayload{Parcel: &parcel{Name: "n"}}, 200, "application/xml",
			declaration + `<ParcelBox><Name>n</Name></ParcelBox>`,
		},
		{"absent payload", &parcels, "PutParcel", &parcelPayload{}, 200, "", ""},
		{
			"unwrapped", &parcels, "GetPlace", &parcelPlace{Place: new("here")}, 200, "application/xml",
			declaration + `<Place xmlns="https://parcels.example/">here</Place>`,
		},
		{
			"unwrapped, absent", &parcels3, "GetPlace", &parcelPlace{}, 200, "application/xml", declaration + `<Place></Place>`,
		},
		{"no output", &parcels, "DropParcel", &struct{}{}, 204, "", ""},
		{"empty output", &parcels, "TouchParcel", &struct{}{}, 200, "application/xml", ""},
		{"empty output of S3", &parcels3, "TouchParcel", &struct{}{}, 200, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := encodeParcels(t, tt.schema, tt.op, tt.out)
			if w.Code != tt.status || w.Header().Get("Content-Type") != tt.kind || w.Body.String() != tt.body {
				t.Errorf("got  %d %q %s\nwant %d %q %s", w.Code, w.Header().Get("Content-Type"), w.Body, tt.status, tt.kind, tt.body)
			}
		})
	}
	w := encodeParcels(t, &parcels, "SendParcel", full)
	if got := w.Header(); got.Get("X-Greeting") != "hello" || header(w, "x-amzn-RequestId") != "req-1" {
		t.Errorf("headers %v", got)
	}
	again, err := decodeParcel(t, &parcels, w.Body.String())
	if err != nil {
		t.Fatal(err)
	}
	again.Greeting, again.Sent, again.Day = full.Greeting, full.Sent, full.Day
	if !reflect.DeepEqual(again, full) {
		t.Errorf("back as %+v", again)
	}
}

// TestSparseListsAndMaps checks that forms and XML respect that these hold pointers.
func TestSparseListsAndMaps(t *testing.T) {
	want := &parcelGaps{List: []*string{new("a"), new("b")}, Map: map[string]*label{"k": {Key: "x"}}}
	op := parcelOperation(&parcels, "MindGaps")
	in, err := parcels.Protocol(ProtocolRESTXML).Decode(op, restRequest(t, "/gaps", "<Gaps><List><member>a</member><member>b</member></List>"+
		"<Map><entry><key>k</key><value><Key>x</Key></value></entry></Map></Gaps>", nil))
	if err != nil || !reflect.DeepEqual(in, want) {
		t.Errorf("XML: got %+v, %v", in, err)
	}
	op = parcelOperation(&parcels2, "MindGaps")
	in, err = parcels2.Protocol(ProtocolEC2).Decode(op, Request{Body: []byte("List.1=a&List.2=b&Map.1.Key=k&Map.1.key=k&Map.1.value.Key=x")})
	if err != nil || !reflect.DeepEqual(in, want) {
		t.Errorf("form: got %+v, %v", in, err)
	}
	want.List, want.Map["l"] = append(want.List, nil), nil
	body := encodeParcels(t, &parcels3, "MindGaps", want).Body.String()
	if !strings.HasSuffix(body, "<Gaps><List><member>a</member><member>b</member></List><Map><entry><key>k</key><value><Key>x</Key></value>"+
		"</entry></Map></Gaps>") {
		t.Errorf("got %s", body)
	}
}

func TestRESTXMLAnswersHEAD(t *testing.T) {
	w := encodeParcels(t, &parcels3, "HeadParcel", &parcelBody{Length: new(int64(5 << 30))})
	if w.Code != 200 || w.Body.Len() != 0 || w.Header().Get("Content-Length") != "5368709120" {
		t.Errorf("got %d %q %v", w.Code, w.Body, w.Header())
	}
}

func TestRESTXMLRefusesWhatHTTPBindsWrongly(t *testing.T) {
	for s, code := range map[*Schema]string{&parcels: "SerializationException", &parcels3: "InvalidArgument"} {
		_, err := s.Protocol(ProtocolRESTXML).Decode(parcelOperation(s, "PutStream"), restRequest(t, "/", "", []string{"%zz"}))
		var f *FrameworkError
		if !errors.As(err, &f) || f.Code != code || f.Status != 400 {
			t.Errorf("%s: got %v", s.ID, err)
		}
	}
}

func TestRESTXMLErrors(t *testing.T) {
	const declaration = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"
	wrapped := func(inner string) string {
		return declaration + `<ErrorResponse xmlns="https://parcels.example/"><Error>` + inner + `</Error><RequestId>req-1</RequestId></ErrorResponse>`
	}
	bare := func(inner string) string {
		return declaration + `<Error>` + inner + `<RequestId>req-1</RequestId><HostId>req-1</HostId></Error>`
	}
	lost := &lostError{Message: "gone & away", Where: "there", Retry: new(int32(3))}
	unsigned := faultError{&Fault{
		Code: "SignatureDoesNotMatch", Message: "No.", Status: 403, Details: []Detail{{"StringToSign", "a\n<b>"}, {"Empty", ""}},
	}}
	_, malformed := decodeParcel(t, &parcels, "<")
	_, malformed3 := decodeParcel(t, &parcels3, "<")
	_, invalid := decodeParcel(t, &parcels, "<Parcel/>")
	tests := []struct {
		name   string
		schema *Schema
		err    error
		status int
		body   string
	}{
		{
			"modelled", &parcels, lost, 404,
			wrapped(`<Type>Sender</Type><Code>ParcelLost</Code><Message>gone &amp; away</Message><Where>there</Where>`),
		},
		{"hidden", &parcels, io.ErrUnexpectedEOF, 500, wrapped(`<Type>Receiver</Type><Code>InternalFailure</Code><Message>The request ` +
			`processing has failed because of an unknown error, exception or failure.</Message>`)},
		{"malformed", &parcels, malformed, 400, wrapped(`<Type>Sender</Type><Code>MalformedInput</Code><Message>The request body is not ` +
			`valid XML: a tag has no valid name.</Message>`)},
		{"invalid", &parcels, invalid, 400, wrapped(`<Type>Sender</Type><Code>InvalidInput</Code><Message>1 validation error detected: ` +
			`Value null at &apos;name&apos; failed to satisfy constraint: Member must not be null</Message>`)},
		{
			"modelled, S3", &parcels3, parcels3.lost(lost), 404,
			bare(`<Code>ParcelLost</Code><Message>gone &amp; away</Message><Where>there</Where>`),
		},
		{
			"details, S3", &parcels3, unsigned, 403,
			bare("<Code>SignatureDoesNotMatch</Code><Message>No.</Message><StringToSign>a\n&lt;b&gt;</StringToSign><Empty></Empty>"),
		},
		{"malformed, S3", &parcels3, malformed3, 400, bare(`<Code>MalformedXML</Code><Message>The XML you provided was not well-formed ` +
			`or did not validate against our published schema</Message>`)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := FaultOf(tt.schema, tt.err)
			var given faultError
			if errors.As(tt.err, &given) {
				f = given.Fault
			}
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				w := httptest.NewRecorder()
				tt.schema.Protocol(ProtocolRESTXML).Error(w, httptest.NewRequestWithContext(t.Context(), method, "/", nil), f, "req-1")
				want := strings.ReplaceAll(tt.body, "&apos;", "'")
				if method == http.MethodHead {
					want = ""
				}
				if w.Code != tt.status || w.Body.String() != want || w.Header().Get("Content-Type") != "application/xml" {
					t.Errorf("%s: got  %d %v %s\nwant %d %s", method, w.Code, w.Header(), w.Body, tt.status, want)
				}
				ids := []string{"x-amzn-RequestId"}
				if tt.schema.BareErrors {
					ids = []string{"x-amz-request-id", "x-amz-id-2"}
				}
				for _, name := range ids {
					if got := header(w, name); got != "req-1" {
						t.Errorf("%s: %q", name, got)
					}
				}
				if f.Code == "ParcelLost" && w.Header().Get("Retry-After") != "3" {
					t.Errorf("headers %v", w.Header())
				}
			}
		})
	}
}

// faultError carries a Fault as an error, for schemas that are not the error type's own.
type faultError struct{ *Fault }

func (faultError) Error() string { return "fault" }

func (s *Schema) lost(e *lostError) error {
	t := s.prepared().types[pLost]
	p, _ := t.st.unbox(e)
	return faultError{s.faultOf(t, p)}
}

// FuzzRESTXML checks that what was decoded is answered as a document that decodes to the same.
func FuzzRESTXML(f *testing.F) {
	f.Add([]byte("<SendParcelRequest><Name>n</Name><Label><Key>k</Key></Label></SendParcelRequest>"))
	f.Add([]byte("<SendParcelRequest id='1'><Name/><Notes><entry><key/><value/></entry></Notes></SendParcelRequest>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := decodeParcel(t, &parcels, string(body))
		if err != nil {
			var framework *FrameworkError
			var invalid *ValidationError
			if !errors.As(err, &framework) && !errors.As(err, &invalid) {
				t.Fatalf("no error of the protocol: %v", err)
			}
			return
		}
		first := encodeParcels(t, &parcels, "SendParcel", p).Body.String()
		again, err := decodeParcel(t, &parcels, first)
		if err != nil {
			t.Fatalf("%s: %v", first, err)
		}
		if second := encodeParcels(t, &parcels, "SendParcel", again).Body.String(); second != first {
			t.Errorf("first  %s\nsecond %s", first, second)
		}
	})
}

func TestHeaderMapsKeepTheirLetters(t *testing.T) {
	typ := testSchema.prepared().types[tBound]
	p, _ := typ.st.unbox(&boundIO{Meta: map[string]string{"foo-bar": "1", "Foo": "2"}})
	w := httptest.NewRecorder()
	writeHeaders(w.Header(), typ, p, false)
	if header(w, "X-Meta-foo-bar") != "1" || header(w, "X-Meta-Foo") != "2" {
		t.Errorf("got %v", w.Header())
	}
	w = httptest.NewRecorder()
	w.Header().Set("X-Meta-Foo", "own")
	writeHeaders(w.Header(), typ, p, false)
	if header(w, "X-Meta-Foo") != "own" {
		t.Errorf("a map overwrote a header: %v", w.Header())
	}
}
