// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
)

// restRequest makes the request that a front door would hand over.
func restRequest(tb testing.TB, target, body string, labels []string, headers ...string) Request {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodPost, target, nil)
	if strings.HasPrefix(body, "{") {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return Request{HTTP: r, Body: []byte(body), Labels: labels}
}

func TestRESTJSONBindsTheRequest(t *testing.T) {
	p := testSchema.Protocol(ProtocolRESTJSON)
	day := time.Date(2019, 12, 16, 23, 48, 18, 0, time.UTC)
	tests := []struct {
		name string
		req  Request
		want boundIO
	}{
		{
			"labels are unescaped", restRequest(t, "/", "", []string{"a%2Fb%20c", "x/y%25/z"}),
			boundIO{ID: "a/b c", Path: new("x/y%/z")},
		},
		{
			"query", restRequest(t, "/?mode=fixed&Qualifier=a%20b&age=1&age=2&q=1&q=2&r", "", []string{"i", "p"}),
			boundIO{
				ID: "i", Path: new("p"), Qualifier: new("a b"), Ages: []int32{1, 2},
				Rest: map[string][]string{"Qualifier": {"a b"}, "age": {"1", "2"}, "q": {"1", "2"}, "r": {""}},
			},
		},
		{
			"headers", restRequest(t, "/", "", []string{"i", "p"}, "x-amz-log-type", "Tail", "X-Items", `a, "b,\"c" ,d`,
				"X-Items", "e", "X-Dates", "Mon, 16 Dec 2019 23:48:18 GMT, Mon, 16 Dec 2019 23:48:18 GMT",
				"X-Meta-Foo", "1", "X-Meta-Bar", "2", "X-Meta-Bar", "3", "X-Json", "eyJhIjoxfQ=="),
			boundIO{
				ID: "i", Path: new("p"), LogType: new("Tail"), Items: []string{"a", `b,"c`, "d", "e"}, Dates: []time.Time{day, day},
				Meta: map[string]string{"foo": "1", "bar": "2,3"}, JSON: new(`{"a":1}`),
			},
		},
		{
			"body holds body members only", restRequest(t, "/", `{"Body":"b","LogType":"no","ID":"no"}`, []string{"i", "p"}),
			boundIO{ID: "i", Path: new("p"), Body: new("b")},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in, err := p.Decode(testOperation("Bound"), tt.req)
			if err != nil {
				t.Fatal(err)
			}
			if got := in.(*boundIO); !reflect.DeepEqual(*got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", *got, tt.want)
			}
		})
	}
}

func TestRESTJSONRefusesWhatItCannotParse(t *testing.T) {
	p := testSchema.Protocol(ProtocolRESTJSON)
	for name, r := range map[string]Request{
		"label":                              restRequest(t, "/", "", []string{"%zz", "p"}),
		"label that is no UTF-8":             restRequest(t, "/", "", []string{"%ff", "p"}),
		"query that is no UTF-8":             restRequest(t, "/?Qualifier=%ff", "", []string{"i", "p"}),
		"query that is no UTF-8, as it came": restRequest(t, "/?Qualifier=\xff", "", []string{"i", "p"}),
		"integer":                            restRequest(t, "/?age=x", "", []string{"i", "p"}),
		"date":                               restRequest(t, "/", "", []string{"i", "p"}, "X-Dates", "yesterday"),
		"json value":                         restRequest(t, "/", "", []string{"i", "p"}, "X-Json", "{}"),
		"body":                               restRequest(t, "/", "{", []string{"i", "p"}),
	} {
		var f *FrameworkError
		if _, err := p.Decode(testOperation("Bound"), r); !errors.As(err, &f) || f.Code != "SerializationException" {
			t.Errorf("%s: got %v", name, err)
		}
	}
	_, err := p.Decode(testOperation("Struct"), restRequest(t, "/", `{"Value":"v"}`, []string{"i"}))
	const want = "1 validation error detected: Value null at 'config.key' failed to satisfy constraint: Member must not be null"
	if err == nil || err.Error() != want {
		t.Errorf("payload structure: got %v", err)
	}
}

func TestRESTJSONPayloads(t *testing.T) {
	p := testSchema.Protocol(ProtocolRESTJSON)
	in, err := p.Decode(testOperation("Blob"), restRequest(t, "/", "raw\xff", []string{"f"}))
	if err != nil || string(in.(*blobIO).Payload) != "raw\xff" {
		t.Errorf("blob: %+v, %v", in, err)
	}
	in, err = p.Decode(testOperation("Blob"), restRequest(t, "/", "", []string{"f"}))
	if err != nil || in.(*blobIO).Payload != nil {
		t.Errorf("absent blob: %+v, %v", in, err)
	}
	in, err = p.Decode(testOperation("Struct"), restRequest(t, "/", `{"Key":"k"}`, []string{"i"}))
	if err != nil || in.(*structIO).Config.Key != "k" {
		t.Errorf("structure: %+v, %v", in, err)
	}
	in, err = p.Decode(testOperation("Struct"), restRequest(t, "/", ``, []string{"i"}))
	if err != nil || in.(*structIO).Config != nil {
		t.Errorf("absent structure: %+v, %v", in, err)
	}
	r := restRequest(t, "/", "", nil)
	r.Stream = strings.NewReader("long")
	in, err = p.Decode(testOperation("Stream"), r)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(in.(*streamIO).Body); err != nil || string(b) != "long" {
		t.Errorf("stream: %q, %v", b, err)
	}
	if !testSchema.Streams(testOperation("Stream")) || testSchema.Streams(testOperation("Blob")) {
		t.Error("Streams is wrong")
	}
}

func TestRESTJSONAnswers(t *testing.T) {
	day := time.Date(2019, 12, 16, 23, 48, 18, 0, time.UTC)
	tests := []struct {
		name, op string
		out      any
		status   int
		body     string
		header   http.Header
	}{
		{
			"members in their places", "Bound",
			&boundIO{
				LogType: new("Tail"), Items: []string{"a", `b,"c`}, Dates: []time.Time{day}, Meta: map[string]string{"foo": "1"},
				JSON: new(`{"a":1}`), Body: new("b"),
			},
			201,
			`{"Body":"b"}`,
			http.Header{
				"Content-Type": {"application/json"}, "Content-Length": {"12"}, "X-Amz-Log-Type": {"Tail"}, "X-Items": {`a, "b,\"c"`},
				"X-Dates": {"Mon, 16 Dec 2019 23:48:18 GMT"}, "X-Meta-foo": {"1"}, "X-Json": {"eyJhIjoxfQ=="},
				"x-amzn-RequestId": {"req-1"},
			},
		},
		{
			"status from a member", "Blob", &blobIO{Code: new(int32(202)), Error: new("Unhandled"), Payload: []byte("raw")}, 202, "raw",
			http.Header{
				"Content-Type": {"application/octet-stream"}, "Content-Length": {"3"}, "X-Amz-Function-Error": {"Unhandled"},
				"x-amzn-RequestId": {"req-1"},
			},
		},
		{
			"status without a body", "Blob", &blobIO{Code: new(int32(204)), Payload: []byte("raw")}, 204, "",
			http.Header{"x-amzn-RequestId": {"req-1"}, "Content-Type": {"application/octet-stream"}},
		},
		{
			"structure as payload", "Struct", &structIO{ID: "i", Config: &nested{Key: "k"}}, 200, `{"Key":"k"}`,
			http.Header{"Content-Type": {"application/json"}, "Content-Length": {"11"}, "x-amzn-RequestId": {"req-1"}},
		},
		{
			"empty structure", "Empty", &struct{}{}, 200, "{}",
			http.Header{"Content-Type": {"application/json"}, "Content-Length": {"2"}, "x-amzn-RequestId": {"req-1"}},
		},
		{"no output", "Nothing", &struct{}{}, 204, "", http.Header{"x-amzn-RequestId": {"req-1"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := encodeBody(t, ProtocolRESTJSON, tt.op, tt.out)
			got := w.Header()
			if w.Code != tt.status || w.Body.String() != tt.body || !reflect.DeepEqual(got, tt.header) {
				t.Errorf("got  %d %q %v\nwant %d %q %v", w.Code, w.Body, got, tt.status, tt.body, tt.header)
			}
		})
	}
}

func TestRESTJSONErrors(t *testing.T) {
	tests := []struct {
		name   string
		err    error
		status int
		body   string
		header map[string]string
	}{
		{
			"modelled", &notFoundError{Message: "gone", After: "3"}, 404, `{"message":"gone","Type":"User"}`,
			map[string]string{"x-amzn-ErrorType": "NotFound", "Retry-After": "3"},
		},
		{
			"the service's own type stays", &notFoundError{Type: "Mine"}, 404, `{"Type":"Mine"}`,
			map[string]string{"x-amzn-ErrorType": "NotFound"},
		},
		{
			"unknown path", UnknownOperation(&testSchema, ProtocolRESTJSON, ""), 404, "{}",
			map[string]string{"x-amzn-ErrorType": "UnknownOperationException"},
		},
		{
			"too large", tooLarge(testOperation("Blob"), 10), 413,
			`{"message":"Request must be smaller than 10 bytes for the Blob operation"}`,
			map[string]string{"x-amzn-ErrorType": "RequestEntityTooLargeException"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			f := FaultOf(&testSchema, tt.err)
			testSchema.Protocol(ProtocolRESTJSON).Error(w, nil, f, "req-1")
			if w.Code != tt.status || w.Body.String() != tt.body {
				t.Errorf("got  %d %s\nwant %d %s", w.Code, w.Body, tt.status, tt.body)
			}
			for name, want := range tt.header {
				if got := strings.Join(w.Header()[name], ","); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
	if err := (&notFoundError{}); FaultOf(&testSchema, err) == nil || err.Type != "" {
		t.Error("the service's error was changed")
	}
}

func FuzzRESTJSON(f *testing.F) {
	f.Add("a%20b", "age=1&q=x", `a, "b"`, "Mon, 16 Dec 2019 23:48:18 GMT", `{"Body":"x"}`)
	f.Add("", "%", `"`, ",,", "[")
	suiteBodies(f, "testdata/malformed/rest-json.json", func(body string) { f.Add("a", "", "", "", body) })
	f.Fuzz(func(t *testing.T, label, query, items, dates, body string) {
		r := Request{
			HTTP: &http.Request{
				URL: &url.URL{Path: "/", RawQuery: query}, Header: http.Header{"X-Items": {items}, "X-Dates": {dates}, "Content-Type": {"application/json"}},
			},
			Body: []byte(body), Labels: []string{label, label},
		}
		p := testSchema.Protocol(ProtocolRESTJSON)
		in, err := p.Decode(testOperation("Bound"), r)
		if err != nil {
			return
		}
		out := in.(*boundIO)
		again := splitHeader(strings.Join(encodeBody(t, ProtocolRESTJSON, "Bound", out).Header()["X-Items"], ""), false)
		if strings.ContainsAny(items, "\\\x00\n\r") { // an escape has several spellings; line ends are no header
			return
		}
		if len(out.Items) != len(again) || len(again) > 0 && !reflect.DeepEqual(out.Items, again) {
			t.Errorf("%q: %q, then %q", items, out.Items, again)
		}
	})
}
