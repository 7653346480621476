// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"strings"
	"testing"
)

func TestRESTJSONMediaTypes(t *testing.T) {
	p := testSchema.Protocol(ProtocolRESTJSON)
	stream := restRequest(t, "/", "", nil, "Content-Type", "image/png")
	stream.Stream = strings.NewReader("x")
	for _, tt := range []struct {
		name, op string
		r        Request
		code     string // "" for accepted
	}{
		{"document", "Bound", restRequest(t, "/", "{}", []string{"i", "p"}, "Accept", "text/html, application/json;q=0.9"), ""},
		{"document with a parameter", "Bound", mediaRequest(t, "{}", "Application/JSON; charset=utf-8"), ""},
		{"document called AWS JSON", "Bound", mediaRequest(t, "{}", "application/x-amz-json-1.1"), ""},
		{"form", "Bound", mediaRequest(t, "{}", "application/x-www-form-urlencoded"), "UnsupportedMediaTypeException"},
		{"no type", "Bound", mediaRequest(t, "{}", ""), "UnsupportedMediaTypeException"},
		{"no type, but a signature", "Bound", signedRequest(mediaRequest(t, "{}", "")), ""},
		{"other type with a signature", "Bound", signedRequest(mediaRequest(t, "{}", "text/plain")), "UnsupportedMediaTypeException"},
		{"a body for nothing", "Nothing", mediaRequest(t, "{}", "application/json"), "UnsupportedMediaTypeException"},
		{"empty object for nothing, signed", "Nothing", signedRequest(mediaRequest(t, " { } ", "application/json")), ""},
		{"a body for nothing, signed", "Nothing", signedRequest(mediaRequest(t, `{"a":1}`, "application/json")), "UnsupportedMediaTypeException"},
		{"type without a body", "Bound", mediaRequest(t, "", "text/plain"), ""},
		{"blob of any type", "Blob", mediaRequest(t, "x", "image/png"), ""},
		{"blob of no type", "Blob", mediaRequest(t, "x", ""), ""},
		{"stream of any type", "Stream", stream, ""},
		{"structure as payload", "Struct", mediaRequest(t, "{}", "text/plain"), "UnsupportedMediaTypeException"},
		{"any answer", "Bound", restRequest(t, "/", "{}", []string{"i", "p"}, "Accept", "image/png, */*;q=0.1"), ""},
		{"family", "Bound", restRequest(t, "/", "", []string{"i", "p"}, "Accept", "application/*"), ""},
		{"other answer", "Bound", restRequest(t, "/", "", []string{"i", "p"}, "Accept", "image/png"), "NotAcceptableException"},
		{"other answer, blob", "Blob", restRequest(t, "/", "", []string{"f"}, "Accept", "image/png"), ""},
	} {
		_, err := p.Decode(testOperation(tt.op), tt.r)
		var f *FrameworkError
		switch {
		case tt.code == "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.code != "" && (!errors.As(err, &f) || f.Code != tt.code):
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.code)
		}
	}
	long := mediaRequest(t, "{}", strings.Repeat("a", 1<<20))
	if _, err := p.Decode(testOperation("Bound"), long); err == nil || len(err.Error()) > 300 {
		t.Errorf("a long Content-Type makes a long error: %v", err)
	}
}

func signedRequest(r Request) Request {
	r.HTTP.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x")
	return r
}

func mediaRequest(t *testing.T, body, contentType string) Request {
	t.Helper()
	r := restRequest(t, "/", body, []string{"i", "p"})
	r.HTTP.Header.Del("Content-Type")
	if contentType != "" {
		r.HTTP.Header.Set("Content-Type", contentType)
	}
	return r
}
