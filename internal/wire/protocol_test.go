// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/gustcloud/gust/internal/base/reqctx"
)

func gzipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReadBody(t *testing.T) {
	const limit = 1 << 10
	full := strings.Repeat("x", limit)
	tests := []struct {
		name     string
		body     []byte
		encoding string
		length   int64 // -1 when the client does not tell
		want     string
		code     string
	}{
		{"none", nil, "", 0, "", ""},
		{"plain", []byte("hi"), "", 2, "hi", ""},
		{"without a length", []byte(full), "", -1, full, ""},
		{"at the limit", []byte(full), "identity", limit, full, ""},
		{"over the limit", []byte(full + "x"), "", limit + 1, "", "RequestEntityTooLargeException"},
		{"over the limit without a length", []byte(full + "x"), "", -1, "", "RequestEntityTooLargeException"},
		{"gzip", gzipped(t, full), "gzip", 50, full, ""},
		{"gzip after another encoding", gzipped(t, "hi"), "custom, gzip", 50, "hi", ""},
		{"gzip over the limit", gzipped(t, strings.Repeat(full, 1000)), "GZIP", 50, "", "RequestEntityTooLargeException"},
		{"not gzip", []byte("hi"), "gzip", 2, "", "SerializationException"},
		{"gzip that ends early", gzipped(t, full)[:20], "gzip", 20, "", "SerializationException"},
		{"gzip of nothing", gzipped(t, full)[:3], "gzip", 3, "", "SerializationException"},
		{"gzip that breaks", append(gzipped(t, full)[:12], "rubbish rubbish"...), "gzip", 27, "", "SerializationException"},
		{"gzip with a wrong checksum", append(gzipped(t, "hi")[:len(gzipped(t, "hi"))-8], "12345678"...), "gzip", 27, "", "SerializationException"},
		{"gzip, then rubbish", append(gzipped(t, "hi"), "rubbish"...), "gzip", 40, "", "SerializationException"},
		{"gzip of nothing, thrice", bytes.Repeat(gzipped(t, ""), 3), "gzip", -1, "", ""},
		{"gzip of nothing, without an end", bytes.Repeat(gzipped(t, ""), 10_000), "gzip", -1, "", "RequestEntityTooLargeException"},
		{"another encoding", []byte("hi"), "br", 2, "", "UnsupportedMediaTypeException"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", iotest.HalfReader(bytes.NewReader(tt.body)))
			r.ContentLength = tt.length
			r.Header.Set("Content-Encoding", tt.encoding)
			got, err := ReadBody(r, testOperation("Blob"), limit)
			var f *FrameworkError
			switch {
			case tt.code != "" && (!errors.As(err, &f) || f.Code != tt.code):
				t.Errorf("got %v, want %s", err, tt.code)
			case tt.code == "" && (err != nil || string(got) != tt.want):
				t.Errorf("got %d bytes, %v", len(got), err)
			}
		})
	}
}

// TestReadBodyTellsWhoIsToBlame: a connection that breaks is no fault of the body's form.
func TestReadBodyTellsWhoIsToBlame(t *testing.T) {
	broken := errors.New("broken connection")
	for _, n := range []int{3, 20} {
		body := io.MultiReader(bytes.NewReader(gzipped(t, strings.Repeat("x", 1000))[:n]), iotest.ErrReader(broken))
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", body)
		r.Header.Set("Content-Encoding", "gzip")
		var f *FrameworkError
		if _, err := ReadBody(r, testOperation("Blob"), 1000); !errors.Is(err, broken) || errors.As(err, &f) {
			t.Errorf("after %d bytes: got %v", n, err)
		}
	}
}

func TestReadBodyTrustsNoLength(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", iotest.OneByteReader(strings.NewReader("tiny")))
	r.ContentLength = 60 << 20
	body, err := ReadBody(r, testOperation("Blob"), 70<<20)
	if err != nil || cap(body) > 20<<10 {
		t.Errorf("%d bytes allocated for a promise, %v", cap(body), err)
	}
	for _, sent := range []int{1, 16 << 10, 16<<10 + 1, 100 << 10, 1 << 20, 3<<20 + 5} {
		for _, promised := range []int64{-1, int64(sent), 60 << 20} {
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(make([]byte, sent))), promised
			most, total := int64(4*sent+20<<10), int64(0)
			body, err := ReadBodyWithin(r, testOperation("Blob"), 70<<20, func(n int64) error { total += n; return nil })
			if err != nil || len(body) != sent || total < int64(cap(body)) || total > most {
				t.Errorf("%d of %d bytes: %d read, %d of %d taken, %v", sent, promised, len(body), total, most, err)
			}
			if promised == int64(sent) && cap(body) > sent+16 {
				t.Errorf("%d bytes for a body of %d whose length was true", cap(body), sent)
			}
		}
	}
}

func TestBodyLimit(t *testing.T) {
	s := Schema{}
	op := &Operation{}
	if got := s.BodyLimit(op); got != DefaultMaxBody {
		t.Errorf("default: %d", got)
	}
	s.MaxBody = 5
	if got := s.BodyLimit(op); got != 5 {
		t.Errorf("schema: %d", got)
	}
	op.MaxBody = 7
	if got := s.BodyLimit(op); got != 7 {
		t.Errorf("operation: %d", got)
	}
}

func TestSchemaKnowsItsOperations(t *testing.T) {
	if i := testSchema.Operation("Bound"); i != 1 {
		t.Errorf("Bound is %d", i)
	}
	if testSchema.Operation("Later") != -1 || !testSchema.Has("Later") || !testSchema.Has("Bound") || testSchema.Has("Never") {
		t.Error("implemented, missing and unknown are not told apart")
	}
	for _, id := range testSchema.Protocols {
		if p := testSchema.Protocol(id); p == nil || p.ID() != id {
			t.Errorf("%s: %v", id, p)
		}
	}
	if testSchema.Protocol(ProtocolEC2) != nil {
		t.Error("a protocol that the service does not speak")
	}
}

func TestTimestamps(t *testing.T) {
	at := func(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
	tests := []struct {
		format TimeFormat
		text   string
		want   time.Time
		back   string // "" for the same text
	}{
		{TimeEpoch, "0", at(0), ""},
		{TimeEpoch, "1700000000.12", at(1700000000120), ""},
		{TimeEpoch, "1700000000.1239", at(1700000000124), "1700000000.124"},
		{TimeEpoch, "-0.001", at(-1), ""},
		{TimeEpoch, "1.7e9", at(1700000000000), "1700000000"},
		{TimeISO8601, "1970-01-01T00:00:00.001Z", at(1), ""},
		{TimeISO8601, "1970-01-01T00:00:00", at(0), "1970-01-01T00:00:00Z"},
		{TimeISO8601, "1970-01-02", at(86400000), "1970-01-02T00:00:00Z"},
		{TimeRFC822, "Thu, 01 Jan 1970 00:00:00 GMT", at(0), ""},
		{TimeRFC822, "Thu, 01 Jan 1970 00:00:00.25 GMT", at(250), ""},
		{TimeRFC822, "Thu, 01 Jan 1970 01:00:00 +0100", at(0), "Thu, 01 Jan 1970 00:00:00 GMT"},
		{TimeRFC822, "Thursday, 01-Jan-70 00:00:00 GMT", at(0), "Thu, 01 Jan 1970 00:00:00 GMT"},
		{TimeRFC822, "Thu Jan  1 00:00:00 1970", at(0), "Thu, 01 Jan 1970 00:00:00 GMT"},
	}
	for _, tt := range tests {
		got, err := parseTime(tt.text, tt.format)
		if err != nil || !got.Equal(tt.want) {
			t.Errorf("%s: got %v, %v", tt.text, got, err)
		}
		back := tt.back
		if back == "" {
			back = tt.text
		}
		if text := string(appendTime(nil, tt.want, tt.format)); text != back {
			t.Errorf("%s: back as %s", tt.text, text)
		}
	}
	for _, text := range []string{"Thu, 01 Jan 1970 00:00:00 EST", "Thu, 01 Jan 1970 00:00:00", "1970-01-01T00:00:00Z"} {
		if got, err := parseTime(text, TimeRFC822); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
	for _, text := range []string{"", "x", "NaN", "1e300", "-62135596800", "253402300800"} {
		if got, err := parseTime(text, TimeEpoch); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

type echo struct{ err error }

func (e echo) Call(_ context.Context, _, operation string, in any) (any, error) {
	if operation == "Wrong" {
		return "text", nil
	}
	return in, e.err
}

func (echo) CallJSON(context.Context, string, string, []byte) ([]byte, error) { return nil, nil }

func TestCallIsTyped(t *testing.T) {
	in := &nested{Key: "k"}
	if out, err := Call[*nested](t.Context(), echo{}, "test", "Echo", in); err != nil || out != in {
		t.Errorf("got %v, %v", out, err)
	}
	failed := &notFoundError{Message: "x"}
	var as *notFoundError
	if _, err := Call[*nested](t.Context(), echo{err: failed}, "test", "Echo", in); !errors.As(err, &as) {
		t.Errorf("got %v", err)
	}
	if _, err := Call[*nested](t.Context(), echo{}, "test", "Wrong", in); err == nil {
		t.Error("a wrong type passed")
	}
	if info := ErrorInfoOf(failed); info.Code != "NotFound" {
		t.Errorf("got %+v", info)
	}
}

func TestCallJSON(t *testing.T) {
	for _, tt := range []struct{ name, operation, in, want string }{
		{
			"names of the model, text for timestamps", "Everything",
			`{"name":"a","Count":1,"Flag":true,"Label":"l","When":"2023-11-14T22:13:20Z","ISO":1700000000}`,
			`{"Name":"a","Count":1,"Flag":true,"Label":"l","When":"2023-11-14T22:13:20Z","ISO":"2023-11-14T22:13:20Z"}`,
		},
		{
			"members that HTTP binds", "Bound", `{"ID":"i","LogType":"Tail","Rest":{"a":["b"]},"X-Json":"no"}`,
			`{"ID":"i","Rest":{"a":["b"]},"LogType":"Tail"}`,
		},
	} {
		got, err := CallJSON(&testSchema, tt.operation, []byte(tt.in), func(op int, in any) (any, error) {
			if name := testSchema.Operations[op].Name; name != tt.operation {
				t.Errorf("%s was called", name)
			}
			return in, nil
		})
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: got  %s, %v\nwant %s", tt.name, got, err, tt.want)
		}
	}
	for _, tt := range []struct {
		operation, in string
		err           error // of the service
		code, message string
		status        int
	}{
		{"Later", `{}`, nil, "UnknownOperationException", "test: Gust does not implement the operation Later.", 501},
		{"Never", `{}`, nil, "UnknownOperationException", "", 400},
		{"Everything", `{}`, nil, "ValidationException", "3 validation errors detected: ", 400},
		{"Everything", `{"Name":1}`, nil, "SerializationException", "NUMBER_VALUE cannot be converted to String", 400},
		{"Everything", `[`, nil, "SerializationException", "", 400},
		{"Bound", `{"ID":"i"}`, &notFoundError{Message: "gone"}, "NotFound", "gone", 404},
		{"Bound", `{"ID":"i"}`, errors.New("secret"), "InternalFailure", "The request processing has failed", 500},
	} {
		_, err := CallJSON(&testSchema, tt.operation, []byte(tt.in), func(int, any) (any, error) { return nil, tt.err })
		var e *CallError
		if !errors.As(err, &e) || e.Code != tt.code || !strings.HasPrefix(e.Message, tt.message) || e.Status != tt.status ||
			e.Service != "test" || e.Operation != tt.operation || tt.err != nil && !errors.Is(err, tt.err) {
			t.Errorf("%s %s: %+v", tt.operation, tt.in, err)
		}
	}
}

// TestAsNamesThePrincipal: the context's principal and scope are replaced, its request is kept.
func TestAsNamesThePrincipal(t *testing.T) {
	seen := &recorder{}
	role := reqctx.Request{Scope: reqctx.Scope{Account: "2", Region: "r"}, PrincipalARN: "role", UserID: "AROA", ID: "other"}
	ctx := reqctx.With(t.Context(), reqctx.Request{
		Scope: reqctx.Scope{Account: "1"}, PrincipalARN: "root", AccessKeyID: "key", ID: "req", Host: "h",
	})
	want := role
	want.ID, want.Host = "req", "h"
	if _, err := As(seen, role).Call(ctx, "test", "Echo", nil); err != nil || seen.request != want {
		t.Errorf("%+v, %v", seen.request, err)
	}
	seen.request = reqctx.Request{}
	if _, err := As(seen, role).CallJSON(ctx, "test", "Echo", nil); err != nil || seen.request != want {
		t.Errorf("%+v, %v", seen.request, err)
	}
}

// recorder remembers who called.
type recorder struct{ request reqctx.Request }

func (r *recorder) Call(ctx context.Context, _, _ string, _ any) (any, error) {
	r.request = reqctx.From(ctx)
	return nil, nil
}

func (r *recorder) CallJSON(ctx context.Context, _, _ string, _ []byte) ([]byte, error) {
	r.request = reqctx.From(ctx)
	return nil, nil
}
