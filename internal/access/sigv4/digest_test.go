// SPDX-License-Identifier: Apache-2.0

package sigv4_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gustcloud/gust/internal/access/sigv4"
)

// TestDigests verifies bodies of S3 whose digest the head names, and of another service's that only the body shows.
func TestDigests(t *testing.T) {
	now := time.Date(2026, 11, 25, 10, 15, 0, 0, time.UTC)
	for _, c := range []struct {
		name, service, payload, body string
		pending                      bool
		begin, end                   string // codes; of S3 where it is one
	}{
		{"s3, as named", "s3", sigv4.SumHex([]byte("hello")), "hello", false, "", ""},
		{"s3, altered", "s3", sigv4.SumHex([]byte("hello")), "hullo", false, "", "XAmzContentSHA256Mismatch"},
		{"s3, cut off", "s3", sigv4.SumHex([]byte("hello")), "hell", false, "", "XAmzContentSHA256Mismatch"},
		{"s3, nothing sent", "s3", sigv4.SumHex([]byte("hello")), "", false, "XAmzContentSHA256Mismatch", ""},
		{"s3, something sent", "s3", sigv4.EmptySHA256, "hello", false, "", "XAmzContentSHA256Mismatch"},
		{"s3, unsigned", "s3", sigv4.UnsignedPayload, "hello", false, "", ""},
		{"s3, events", "s3", sigv4.StreamingEvents, "hello", false, "InvalidArgument", ""},
		{"s3, no digest", "s3", "sha", "hello", false, "InvalidArgument", ""},
		{"another, as signed", "lambda", sigv4.SumHex([]byte("hello")), "hello", true, "", ""},
		{"another, altered", "lambda", sigv4.SumHex([]byte("hello")), "hullo", true, "", "InvalidSignatureException"},
		{"another, nothing sent", "lambda", sigv4.SumHex([]byte("hello")), "", false, "InvalidSignatureException", ""},
		{"another, nothing to send", "lambda", sigv4.EmptySHA256, "", false, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "http://localhost/b/k", strings.NewReader(c.body))
			sigv4.Sign(r, sigv4.Keys{AccessKeyID: docKey, SecretAccessKey: docSecret}, "us-east-1", c.service, c.payload, now)
			sig, err := sigv4.Parse(r)
			if err != nil {
				t.Fatal(err)
			}
			var v sigv4.Verifier
			b, err := v.Begin(r, sig, docSecret, now)
			code := func(err error) string {
				if c.service == "s3" {
					return s3Code(err)
				}
				if err != nil {
					wantCode(t, err, "InvalidSignatureException")
					return "InvalidSignatureException"
				}
				return ""
			}
			if code(err) != c.begin || (err == nil) != (c.begin == "") {
				t.Fatalf("Begin: %v, want %q", err, c.begin)
			}
			if err != nil {
				return
			}
			verified := 0
			b.Then(func() { verified++ })
			if b.Pending() != c.pending || (verified == 1) == c.pending {
				t.Errorf("pending %v, verified %d", b.Pending(), verified)
			}
			_, err = io.ReadAll(b)
			if code(err) != c.end || (err == nil) != (c.end == "") {
				t.Errorf("end: %v, want %q", err, c.end)
			}
			if want := !c.pending || c.end == ""; (verified == 1) != want || b.Pending() == want {
				t.Errorf("at the end: pending %v, verified %d", b.Pending(), verified)
			}
		})
	}
}

// TestHugeChunk announces more in one chunk than is held.
func TestHugeChunk(t *testing.T) {
	c := chunkedCases[0]
	r, now := c.request(t, "1000001;chunk-signature="+c.signatures[0]+"\r\n"+strings.Repeat("a", 1<<24+1))
	r.Header.Set("X-Amz-Decoded-Content-Length", "1073741824")
	sigv4.Sign(r, sigv4.Keys{AccessKeyID: docKey, SecretAccessKey: docSecret}, "us-east-1", "s3", c.payload, now)
	_, err := read(t, new(sigv4.Verifier), r, docSecret, now)
	if s3Code(err) != "InvalidRequest" {
		t.Errorf("err = %v", err)
	}
}

// TestHeadsAreRefusedForWhatTheyLack names the reason: any change of these would not match the signature either.
func TestHeadsAreRefusedForWhatTheyLack(t *testing.T) {
	listUsers := documentedCases[5]
	for _, c := range []struct{ name, old, with, want string }{
		{"host not signed", "content-type;host;x-amz-date", "content-type;x-amz-date", "'Host' or ':authority' must be a 'SignedHeader'"},
		{"a header twice", "content-type;host", "host;content-type;host", "must not name a header twice"},
		{"another day", "/20150830/", "/20150829/", "Credential should be scoped to correct date: 20150830."},
	} {
		r, now := listUsers.request(t)
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), c.old, c.with, 1))
		if _, err := read(t, new(sigv4.Verifier), r, listUsers.secret, now); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}
