// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"unsafe"
)

// decodeEverything decodes body as AWS JSON.
func decodeEverything(body string) (*everything, error) {
	in, err := testSchema.Protocol(ProtocolJSON).Decode(testOperation("Everything"), Request{Body: []byte(body)})
	if err != nil {
		return nil, err
	}
	return in.(*everything), nil
}

// encodeBody returns what p answers for out.
func encodeBody(t *testing.T, id ProtocolID, op string, out any) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	if err := testSchema.Protocol(id).Encode(w, testOperation(op), out, "req-1"); err != nil {
		t.Fatal(err)
	}
	return w
}

// withRequired adds the required members to an object's members.
func withRequired(members string) string {
	return strings.TrimSuffix(`{"Name":"a","Count":0,"Flag":false,`+members, ",") + "}"
}

func TestAWSJSONRoundTrips(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"required only", "", ""},
		{"unknown members are ignored", `"Unknown":{"a":[1,{"b":null}]},"Big":1`, `"Big":1`},
		{"null is absent", `"Big":null,"Names":null,"Nested":null`, ""},
		{"numbers", `"Big":-9007199254740993,"Small":1.5,"Ratio":0.25`, `"Big":-9007199254740993,"Small":1.5,"Ratio":0.25`},
		{"whole floats are integers", `"Big":1e3`, `"Big":1000`},
		{"floats by name", `"Small":"-Infinity"`, `"Small":"-Infinity"`},
		{"wire name", `"label":"x","Label":"y"`, `"label":"x"`},
		{"escapes", `"label":"\u00e9\ud83d\ude00\n\"\\\/\u0001"`, `"label":"é😀\n\"\\/\u0001"`},
		{"lone surrogate", `"label":"a\ud800b"`, `"label":"a` + "\ufffd" + `b"`},
		{"epoch", `"When":1700000000`, `"When":1700000000`},
		{"epoch with milliseconds", `"When":1700000000.123`, `"When":1700000000.123`},
		{"epoch with exponent", `"When":1.7E9`, `"When":1700000000`},
		{"epoch before 1970", `"When":-1.5`, `"When":-1.5`},
		{"iso 8601", `"ISO":"2023-11-14T22:13:20.5Z"`, `"ISO":"2023-11-14T22:13:20.5Z"`},
		{"iso 8601 with offset", `"ISO":"2023-11-14T23:13:20+01:00"`, `"ISO":"2023-11-14T22:13:20Z"`},
		{"rfc 822", `"HTTPDate":"Tue, 14 Nov 2023 22:13:20 GMT"`, `"HTTPDate":"Tue, 14 Nov 2023 22:13:20 GMT"`},
		{"blob", `"Data":"aGk="`, `"Data":"aGk="`},
		{"empty blob is present", `"Data":""`, `"Data":""`},
		{"document", `"Doc":{"a":[1,2.5e1,null]}`, `"Doc":{"a":[1,2.5e1,null]}`},
		{"empty list is present", `"Names":[]`, `"Names":[]`},
		{"lists", `"Names":["x","y"],"Lists":[["a"],[]]`, `"Names":["x","y"],"Lists":[["a"],[]]`},
		{"maps", `"Tags":{"ab":"v","cd":null}`, `"Tags":{"ab":"v"}`},
		{"structures", `"Nested":{"Key":"k","Deep":{"Key":"l"}}`, `"Nested":{"Key":"k","Deep":{"Key":"l"}}`},
		{"list of structures", `"Nests":[{"Key":"k"},{"Key":"l","Value":""}]`, `"Nests":[{"Key":"k"},{"Key":"l","Value":""}]`},
		{"map of structures", `"ByName":{"x":{"Key":"k"},"y":{"Key":"l"}}`, `"ByName":{"x":{"Key":"k"},"y":{"Key":"l"}}`},
		{"union", `"Choice":{"Number":7}`, `"Choice":{"Number":7}`},
		{"union with a null member", `"Choice":{"Text":null,"Number":7}`, `"Choice":{"Number":7}`},
		{"list of timestamps", `"Times":[1,2.5]`, `"Times":[1,2.5]`},
		{"members out of order", `"Times":[1],"Big":2`, `"Big":2,"Times":[1]`},
		{"white space", " \"Numbers\" :\n[ 1 , 2 ] ,\t\"Big\": 3 ", `"Big":3,"Numbers":[1,2]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in, err := decodeEverything(withRequired(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			w := encodeBody(t, ProtocolJSON, "Everything", in)
			if got, want := w.Body.String(), withRequired(tt.want); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if !json.Valid(w.Body.Bytes()) {
				t.Error("not JSON")
			}
		})
	}
}

func TestAWSJSONRefusesWrongTypes(t *testing.T) {
	const code = "SerializationException: "
	tests := []struct{ name, body, want string }{
		{"not JSON", `{`, code},
		{"trailing comma", withRequired(`"Big":1,`)[:len(withRequired(`"Big":1`))-1] + ",}", code},
		{"text after the end", `{} x`, code},
		{"only a word", `nope`, code},
		{"control character", "{\"Name\":\"a\x01\"}", code},
		{"not UTF-8", "{\"Name\":\"\xff\"}", code},
		{"leading zero", `{"Count":01}`, code},
		{"bad escape", `{"Name":"\x"}`, code},
		{"list at the top", `[]`, code + msgList},
		{"number for string", `{"Name":23}`, code + "NUMBER_VALUE cannot be converted to String"},
		{"decimal for string", `{"Name":34.56}`, code + "DECIMAL_VALUE cannot be converted to String"},
		{"true for string", `{"Name":true}`, code + "TRUE_VALUE cannot be converted to String"},
		{"list for string", `{"Name":[]}`, code + "Unrecognized collection type class java.lang.String"},
		{"object for string", `{"Name":{}}`, code + msgStructure},
		{"string for integer", `{"Count":"23"}`, code + "STRING_VALUE cannot be converted to Integer"},
		{"false for long", `{"Big":false}`, code + "FALSE_VALUE cannot be converted to Long"},
		{"integer too large", `{"Count":2147483648}`, code + "NUMBER_VALUE cannot be converted to Integer"},
		{"fraction for integer", `{"Count":1.5}`, code + "DECIMAL_VALUE cannot be converted to Integer"},
		{"number for boolean", `{"Flag":1}`, code + "NUMBER_VALUE cannot be converted to Boolean"},
		{"string for boolean", `{"Flag":"true"}`, code + "Unexpected token received from parser"},
		{"number for blob", `{"Data":1}`, code + msgBase64},
		{"base64 of a wrong length", `{"Data":"23456"}`, code + "Base64 encoded length is expected a multiple of 4 bytes but found: 5"},
		{"string for list", `{"Names":"x"}`, code + msgFieldType},
		{"object for list", `{"Names":{}}`, code + msgStructure},
		{"string for map", `{"Tags":"x"}`, code + msgFieldType},
		{"list for map", `{"Tags":[]}`, code + "Unrecognized collection type java.util.Map<java.lang.String, java.lang.String>"},
		{"string for structure", `{"Nested":"x"}`, code + msgFieldType},
		{"string for element structure", `{"Nests":["x"]}`, code + msgElementType},
		{"list for structure", `{"Nested":[]}`, code + "Unrecognized collection type class com.amazonaws.test.Nested"},
		{"string for epoch", `{"When":"2023-11-14T22:13:20Z"}`, code + "STRING_VALUE cannot be converted to Timestamp"},
		{"bad timestamp", `{"ISO":"yesterday"}`, code + `"yesterday" is not a valid timestamp`},
		{"union with two", `{"Choice":{"Text":"a","Number":1}}`, code + "Union Choice must have exactly one member set"},
		{"too deep", strings.Repeat(`{"Nested":`, 1100), code + "The request is nested deeper than 1000 levels."},
		{"unknown too deep", `{"X":` + strings.Repeat(`[`, 1100), code + "The request is nested deeper than 1000 levels."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := decodeEverything(tt.body)
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			var f *FrameworkError
			if !errors.As(err, &f) || f.Status != http.StatusBadRequest {
				t.Errorf("got a %T", err)
			}
		})
	}
}

func TestStringsAliasSmallBodiesOnly(t *testing.T) {
	for _, tt := range []struct {
		name string
		pad  int
		want bool
	}{{"small", 10, true}, {"large", cloneAbove, false}} {
		t.Run(tt.name, func(t *testing.T) {
			body := []byte(withRequired(`"label":"` + strings.Repeat("x", tt.pad) + `"`))
			in, err := testSchema.Protocol(ProtocolJSON).Decode(testOperation("Everything"), Request{Body: body})
			if err != nil {
				t.Fatal(err)
			}
			at := uintptr(unsafe.Pointer(unsafe.StringData(in.(*everything).Name)))
			start := uintptr(unsafe.Pointer(unsafe.SliceData(body)))
			if got := at >= start && at < start+uintptr(len(body)); got != tt.want {
				t.Errorf("aliases the body: %v, want %v", got, tt.want)
			}
		})
	}
}

func TestAWSJSONAnswers(t *testing.T) {
	w := encodeBody(t, ProtocolJSON, "Nothing", &struct{}{})
	if w.Code != 204 || w.Body.Len() != 0 {
		t.Errorf("got %d %q", w.Code, w.Body)
	}
	w = encodeBody(t, ProtocolJSON, "Empty", &struct{}{})
	want := http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "Content-Length": {"2"}, "x-amzn-RequestId": {"req-1"}}
	if w.Code != 200 || w.Body.String() != "{}" || !reflect.DeepEqual(w.Header(), want) {
		t.Errorf("got %d %q %v", w.Code, w.Body, w.Header())
	}
	err := testSchema.Protocol(ProtocolJSON).Encode(httptest.NewRecorder(), testOperation("Empty"), &everything{}, "")
	if err == nil {
		t.Error("an output of another type was encoded")
	}
}

// TestAWSJSONChecksum: answers and errors alike have the checksum that SDKs compare.
func TestAWSJSONChecksum(t *testing.T) {
	s := Schema{ID: "summed", Protocols: []ProtocolID{ProtocolJSON}, BodyCRC32: true, Types: []Type{{}, testSchema.Types[tEmpty]}}
	s.Operations = []Operation{{Name: "Empty", Method: http.MethodPost, URI: "/", Input: 1, Output: 1}}
	p := s.Protocol(ProtocolJSON)
	w := httptest.NewRecorder()
	if err := p.Encode(w, &s.Operations[0], &struct{}{}, "id"); err != nil {
		t.Fatal(err)
	}
	if got := headerFold(w.Header(), "x-amz-crc32"); !reflect.DeepEqual(got, []string{"2745614147"}) || w.Body.String() != "{}" { // of "{}"
		t.Errorf("answer %q: checksum %v", w.Body, got)
	}
	w = httptest.NewRecorder()
	p.Error(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil), FaultOf(&s, errSyntax()), "id")
	if got := headerFold(w.Header(), "x-amz-crc32"); !reflect.DeepEqual(got, []string{fmt.Sprint(crc32.ChecksumIEEE(w.Body.Bytes()))}) {
		t.Errorf("error %q: checksum %v", w.Body, got)
	}
	if w := encodeBody(t, ProtocolJSON, "Empty", &struct{}{}); headerFold(w.Header(), "x-amz-crc32") != nil {
		t.Error("another service has the checksum too")
	}
}

func TestAWSJSONErrors(t *testing.T) {
	missing := &notFoundError{Message: "no such thing"}
	tests := []struct {
		name       string
		err        error
		status     int
		body       string
		queryError string
	}{
		{
			name: "modelled", err: fmt.Errorf("get: %w", missing), status: 404,
			body:       `{"__type":"com.amazonaws.test#NotFound","message":"no such thing"}`,
			queryError: "AWS.Test.NotFound;Sender",
		},
		{
			name: "hidden", err: errors.New("disk on fire"), status: 500,
			body: `{"__type":"com.amazon.coral.service#InternalFailure","Message":"The request processing has failed because ` +
				`of an unknown error, exception or failure."}`,
			queryError: "InternalFailure;Receiver",
		},
		{
			name: "validation", err: &ValidationError{Violations: []Violation{{Path: "name", Null: true, Constraint: notNull}}},
			status: 400,
			body: `{"__type":"com.amazon.coral.validate#ValidationException","message":"1 validation error detected: ` +
				`Value null at 'name' failed to satisfy constraint: Member must not be null"}`,
			queryError: "ValidationException;Sender",
		},
		{
			name: "unknown operation", err: UnknownOperation(&testSchema, ProtocolJSON, "X"), status: 400,
			body:       `{"__type":"com.amazon.coral.service#UnknownOperationException"}`,
			queryError: "UnknownOperationException;Sender",
		},
		{
			name: "not implemented", err: Unimplemented(&testSchema, ProtocolJSON, "Later"), status: 501,
			body: `{"__type":"com.amazon.coral.service#UnknownOperationException",` +
				`"Message":"test: Gust does not implement the operation Later."}`,
			queryError: "UnknownOperationException;Sender",
		},
		{
			name: "syntax", err: errSyntax(), status: 400, body: `{"__type":"com.amazon.coral.service#SerializationException"}`,
			queryError: "MalformedInput;Sender",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
			f := FaultOf(&testSchema, tt.err)
			testSchema.Protocol(ProtocolJSON).Error(w, r, f, "req-1")
			if w.Code != tt.status || w.Body.String() != tt.body {
				t.Errorf("got  %d %s\nwant %d %s", w.Code, w.Body, tt.status, tt.body)
			}
			if got := strings.Join(headerFold(w.Header(), "x-amzn-query-error"), ""); got != tt.queryError {
				t.Errorf("query error %q, want %q", got, tt.queryError)
			}
			if f.Cause == nil {
				t.Error("the cause is lost")
			}
		})
	}
}

func TestErrorOfAnotherServiceIsHidden(t *testing.T) {
	other := Schema{ID: "other"}
	if f := FaultOf(&other, &notFoundError{Message: "secret"}); f.Code != "InternalFailure" || strings.Contains(f.Message, "secret") {
		t.Errorf("got %s %s", f.Code, f.Message)
	}
}

func TestDecodeJSONAndEncodeJSONAreReverse(t *testing.T) {
	const text = `{"Key":"k","Deep":{"Key":"l","Value":"v"}}`
	v, err := DecodeJSON(&testSchema, tNested, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := EncodeJSON(&testSchema, tNested, v); err != nil || string(got) != text {
		t.Errorf("got %s, %v", got, err)
	}
	if _, err := DecodeJSON(&testSchema, tNested, []byte(`{}`)); err == nil {
		t.Error("a missing member passed")
	}
	if _, err := EncodeJSON(&testSchema, tNested, "x"); err == nil {
		t.Error("a wrong type passed")
	}
}

func TestBodiesOfTinyElementsAreRefused(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		refused    bool
	}{
		{"list within", `{"Nests":[` + strings.Repeat(`{},`, 9) + `{}]}`, false},
		{"list over", `{"Nests":[` + strings.Repeat(`{},`, 10) + `{}]}`, true},
		{"map over", `{"ByName":{"a":{},"b":{},"c":{},"d":{},"e":{},"f":{},"g":{},"h":{},"i":{},"j":{},"k":{}}}`, true},
		{"map within", `{"ByName":{"a":{},"b":{},"c":{},"d":{},"e":{},"f":{},"g":{},"h":{}}}`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			typ := testSchema.prepared().types[tEverything]
			var d jsonDecoder
			if err := d.start(&testSchema, []byte(tt.body)); err != nil {
				t.Fatal(err)
			}
			d.allowance = allowance{budget: 10 * 2 * int(unsafe.Sizeof(nested{}))}
			_, err := d.document(typ, typ.st.alloc(), false)
			var f *FrameworkError
			if refused := errors.As(err, &f) && f.Status == http.StatusRequestEntityTooLarge; refused != tt.refused {
				t.Errorf("got %v", err)
			}
		})
	}
}

func FuzzAWSJSON(f *testing.F) {
	f.Add([]byte(withRequired(`"Nests":[{"Key":"k"}],"Tags":{"a":"b"},"When":1.5,"Doc":[1],"Data":"aGk="`)))
	f.Add([]byte(`{"Name":"\ud83d\ude00","Choice":{"Text":"x"},"Lists":[["a"],null]}`))
	f.Add([]byte(`[`))
	suiteBodies(f, "testdata/conformance/input-json*.json", func(body string) { f.Add([]byte(body)) })
	f.Fuzz(func(t *testing.T, body []byte) {
		in, err := testSchema.Protocol(ProtocolJSON).Decode(testOperation("Everything"), Request{Body: body})
		if err != nil {
			var invalid *ValidationError
			var framework *FrameworkError
			if !errors.As(err, &invalid) && !errors.As(err, &framework) {
				t.Fatalf("got a %T: %v", err, err)
			}
			return
		}
		if !json.Valid(body) && len(body) > 0 {
			t.Fatalf("accepted %q", body)
		}
		first := encodeBody(t, ProtocolJSON, "Everything", in).Body.Bytes()
		again, err := testSchema.Protocol(ProtocolJSON).Decode(testOperation("Everything"), Request{Body: first})
		if err != nil {
			t.Fatalf("%s: %v", first, err)
		}
		if second := encodeBody(t, ProtocolJSON, "Everything", again).Body.String(); second != string(first) {
			t.Fatalf("first %s\nthen  %s", first, second)
		}
	})
}

// keepingWriter refuses each body and keeps it, as HTTP/2 does with the frame of a stream that the client gave up.
type keepingWriter struct {
	*httptest.ResponseRecorder
	kept []byte
}

func (w *keepingWriter) Write(b []byte) (int, error) {
	w.kept = b
	return 0, http.ErrHandlerTimeout
}

// TestUnsentAnswersAreNotOverwritten: what may still be on its way to one client never becomes the answer to another.
func TestUnsentAnswersAreNotOverwritten(t *testing.T) {
	for range 100 {
		w := &keepingWriter{ResponseRecorder: httptest.NewRecorder()}
		p := testSchema.Protocol(ProtocolJSON)
		if err := p.Encode(w, testOperation("Everything"), &everything{Name: "first"}, "id"); err != nil {
			t.Fatal(err)
		}
		before := string(w.kept)
		for range 10 {
			encodeBody(t, ProtocolJSON, "Everything", &everything{Name: "second"})
		}
		if string(w.kept) != before || !strings.Contains(before, "first") {
			t.Fatalf("the unsent answer %s became %s", before, w.kept)
		}
	}
}
