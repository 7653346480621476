// SPDX-License-Identifier: Apache-2.0

package awsapi_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gustcloud/gust/internal/awsapi/lambda"
	"github.com/gustcloud/gust/internal/base/av"
	"github.com/gustcloud/gust/internal/wire"
)

// fill sets everything below v: pointers, one element of each list and map. Recursive structures end at depth 0.
func fill(v reflect.Value, depth int) {
	if depth == 0 {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), depth)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[av.Value]() {
			v.Set(reflect.ValueOf(av.String("text")))
			return
		}
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(1_700_000_000, 0).UTC()))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), depth-1)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte(`{"a":1}`))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), depth)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		e := reflect.New(v.Type().Elem()).Elem()
		fill(e, depth)
		v.SetMapIndex(reflect.ValueOf("key"), e)
	case reflect.String:
		v.SetString("text")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Interface: // a body that streams
		v.Set(reflect.ValueOf(io.NopCloser(strings.NewReader("stream"))))
	case reflect.Func: // an event stream: without events
		v.Set(reflect.MakeFunc(v.Type(), func([]reflect.Value) []reflect.Value { return nil }))
	case reflect.Int32, reflect.Int64:
		v.SetInt(200)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(1.5)
	default:
		panic("no contract has a " + v.Kind().String())
	}
}

// TestEveryOutputEncodes writes each output, full and empty, in each protocol of its service. What stands where in the
// answer is the business of wire's own tests; here the tables must not lead a codec astray.
func TestEveryOutputEncodes(t *testing.T) {
	t.Parallel()
	for name, c := range contracts {
		for _, id := range c.schema.Protocols {
			p := c.schema.Protocol(id)
			if p == nil {
				t.Errorf("%s: no codec for %s", name, id)
				continue
			}
			for i := range c.schema.Operations {
				op := &c.schema.Operations[i]
				m, ok := c.api.MethodByName(op.Name)
				if !ok {
					t.Fatalf("API has no method %s", op.Name)
				}
				for _, depth := range []int{0, 8} {
					out := reflect.New(m.Type.Out(0).Elem())
					fill(out.Elem(), depth)
					w := httptest.NewRecorder()
					if err := p.Encode(w, op, out.Interface(), "request-1"); err != nil {
						t.Errorf("%s %s, depth %d: %v", name, op.Name, depth, err)
						continue
					}
					wellFormed(t, name+" "+op.Name, id, w.Header().Get("Content-Type"), w.Body.String())
					if depth > 0 && inBody(c.schema, op.Output) && w.Body.Len() < 3 {
						t.Errorf("%s %s: a full output has the body %q", name, op.Name, w.Body)
					}
				}
			}
		}
	}
}

func inBody(s *wire.Schema, ref wire.Ref) bool {
	return slices.ContainsFunc(s.Types[ref].Fields, func(f wire.Field) bool {
		return (f.Loc == wire.InBody || f.Loc == wire.InPayload) && s.Types[f.Type].Kind != wire.KindEvents // fill makes none
	})
}

// wellFormed parses a body that is a document. What a payload or a stream holds is the service's own.
func wellFormed(t *testing.T, what string, id wire.ProtocolID, contentType, body string) {
	t.Helper()
	switch {
	case body == "":
		return
	case id == wire.ProtocolCBOR:
		if contentType == "application/cbor" && body[0] != 0xbf && body[0]>>5 != 5 { // a map
			t.Errorf("%s: not a CBOR map: %q", what, body)
		}
		return
	case id == wire.ProtocolJSON || id == wire.ProtocolRESTJSON:
		if strings.Contains(contentType, "json") && !json.Valid([]byte(body)) {
			t.Errorf("%s: not JSON: %q", what, body)
		}
		return
	case !strings.Contains(contentType, "xml"):
		return
	}
	d := xml.NewDecoder(strings.NewReader(body))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Errorf("%s: not XML (%v): %s", what, err, body)
			return
		}
	}
}

// TestEveryInputIsValidated decodes an empty request for each operation: it is accepted when nothing is required, else the
// answer names a required member.
func TestEveryInputIsValidated(t *testing.T) {
	t.Parallel()
	for name, c := range contracts {
		for _, id := range c.schema.Protocols {
			p := c.schema.Protocol(id)
			for i := range c.schema.Operations {
				op := &c.schema.Operations[i]
				required := 0
				labels := make([]string, len(regexp.MustCompile(`\{`).FindAllString(op.URI, -1)))
				for _, f := range c.schema.Types[op.Input].Fields {
					if f.Flags&wire.Required != 0 && f.Loc != wire.InURI {
						required++
					}
				}
				for i := range labels {
					labels[i] = "arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Aname"
				}
				r := httptest.NewRequestWithContext(t.Context(), op.Method, "/", nil)
				var body []byte
				if id != wire.ProtocolQuery && op.Method != "GET" && op.Method != "DELETE" {
					body = []byte(`{}`)
					r.Header.Set("Content-Type", "application/json")
				}
				in, err := p.Decode(op, wire.Request{HTTP: r, Body: body, Labels: labels})
				var invalid *wire.ValidationError
				switch {
				case required == 0 && err != nil:
					t.Errorf("%s %s: nothing is required, and the empty request gives %v", name, op.Name, err)
				case required == 0 && reflect.TypeOf(in).Elem() != inputType(t, c, op.Name):
					t.Errorf("%s %s: decoded a %T", name, op.Name, in)
				case required > 0 && (!errors.As(err, &invalid) || !strings.Contains(err.Error(), "Member must not be null")):
					t.Errorf("%s %s: %d members are required, and the empty request gives %v, %v", name, op.Name, required, in, err)
				}
			}
		}
	}
}

func inputType(t *testing.T, c contract, op string) reflect.Type {
	t.Helper()
	m, ok := c.api.MethodByName(op)
	if !ok {
		t.Fatalf("API has no method %s", op)
	}
	return m.Type.In(1).Elem()
}

// TestBucketPattern: a pattern with a look behind comes from the model and is checked.
func TestBucketPattern(t *testing.T) {
	t.Parallel()
	types := lambda.Schema().Prepare().Types
	i := slices.IndexFunc(types, func(x wire.Type) bool { return x.Name == "S3Bucket" })
	if i < 0 || types[i].Rules == nil {
		t.Fatal("the table has no rules for S3Bucket")
	}
	re, err := wire.CompilePattern(types[i].Rules.Pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		bucket string
		want   bool
	}{{"my-bucket", true}, {"a.b_c", true}, {"", true}, {"ends.with.", false}, {".", false}, {"sla/sh", false}} {
		if got := re.MatchString(c.bucket); got != c.want {
			t.Errorf("%q matches: %t, want %t", c.bucket, got, c.want)
		}
	}
}
