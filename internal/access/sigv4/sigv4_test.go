// SPDX-License-Identifier: Apache-2.0

package sigv4_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gustcloud/gust/internal/access/sigv4"
)

type vectorFile struct {
	Now   string
	Cases []vector
}

// vector is one request that botocore signed; testdata/make_vectors.py writes them.
type vector struct {
	Name, Method, URL, Body, Secret, Token, Service, Region string
	AccessKeyID                                             string `json:"access_key_id"`
	Headers                                                 map[string]string
}

func mustVectors(t *testing.T) ([]vector, time.Time) {
	t.Helper()
	data, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var f vectorFile
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatal(err)
	}
	now, err := time.Parse("20060102T150405Z", f.Now)
	if err != nil {
		t.Fatal(err)
	}
	return f.Cases, now
}

// request builds the request as a server receives it.
func (v vector) request(t *testing.T) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), v.Method, v.URL, strings.NewReader(v.Body))
	for k, val := range v.Headers {
		r.Header.Set(k, val)
	}
	return r
}

func TestVerifyAcceptsWhatBotocoreSigned(t *testing.T) {
	vectors, now := mustVectors(t)
	var verifier sigv4.Verifier
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			r := v.request(t)
			sig, err := sigv4.Parse(r)
			if err != nil || sig == nil {
				t.Fatalf("Parse = %v, %v", sig, err)
			}
			if sig.AccessKeyID != v.AccessKeyID || sig.Token != v.Token || sig.Scope.Service != v.Service || sig.Scope.Region != v.Region {
				t.Errorf("Parse = %+v", sig)
			}
			sum := sigv4.SumHex([]byte(v.Body))
			if err := verifier.Verify(r, sig, v.Secret, sum, now); err != nil {
				t.Errorf("Verify: %v", err)
			}
			if err := verifier.Verify(r, sig, v.Secret, sum, now); err != nil { // with a cached key
				t.Errorf("Verify again: %v", err)
			}
		})
	}
}

func TestVerifyRefusesChangedRequests(t *testing.T) {
	vectors, now := mustVectors(t)
	v := vectors[2] // "temporary": header, token, body
	tests := []struct {
		name   string
		change func(*http.Request)
		body   string
		secret string
		now    time.Time
		want   string
	}{
		{"nothing", func(*http.Request) {}, v.Body, v.Secret, now, ""},
		{"other method", func(r *http.Request) { r.Method = "PUT" }, v.Body, v.Secret, now, "InvalidSignatureException"},
		{"other path", func(r *http.Request) { r.URL.Path += "x" }, v.Body, v.Secret, now, "InvalidSignatureException"},
		{"other query", func(r *http.Request) { r.URL.RawQuery = "a=b" }, v.Body, v.Secret, now, "InvalidSignatureException"},
		{"other host", func(r *http.Request) { r.Host = "evil" }, v.Body, v.Secret, now, "InvalidSignatureException"},
		{"other header", func(r *http.Request) { r.Header.Set("X-Amz-Invocation-Type", "Event") }, v.Body, v.Secret, now, "InvalidSignatureException"},
		{"other token", func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "x") }, v.Body, v.Secret, now, "InvalidSignatureException"},
		{"a target that is not signed", func(r *http.Request) { r.Header.Set("X-Amz-Target", "Other.Operation") }, v.Body, v.Secret, now, "InvalidSignatureException"},
		{"a header without meaning that is not signed", func(r *http.Request) { r.Header.Set("X-Amz-Note", "x") }, v.Body, v.Secret, now, ""},
		{"digest of another body", func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", sigv4.EmptySHA256) }, v.Body, v.Secret, now, "InvalidSignatureException"},
		{"chunks outside S3", func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", sigv4.StreamingUnsignedTrailer) }, v.Body, v.Secret, now, "InvalidSignatureException"},
		{"other body", func(*http.Request) {}, `{"a":2}`, v.Secret, now, "InvalidSignatureException"},
		{"other secret", func(*http.Request) {}, v.Body, "x", now, "InvalidSignatureException"},
		{"too late", func(*http.Request) {}, v.Body, v.Secret, now.Add(16 * time.Minute), "InvalidSignatureException"},
		{"too early", func(*http.Request) {}, v.Body, v.Secret, now.Add(-16 * time.Minute), "InvalidSignatureException"},
		{"late but within the skew", func(*http.Request) {}, v.Body, v.Secret, now.Add(14 * time.Minute), ""},
	}
	var verifier sigv4.Verifier
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := v.request(t)
			tt.change(r)
			sig, err := sigv4.Parse(r)
			if err != nil {
				t.Fatal(err)
			}
			wantCode(t, verifier.Verify(r, sig, tt.secret, sigv4.SumHex([]byte(tt.body)), tt.now), tt.want)
		})
	}
}

func TestVerifyHashesAHeaderOnce(t *testing.T) {
	vectors, now := mustVectors(t)
	v := vectors[2]
	var inAllCases strings.Builder // 32 MB to hash for each 1,024 names of a header of 32 KB
	for n := range 1 << 10 {
		name := []byte(";x-longlonglo")
		for bit := range 10 {
			if n>>bit&1 == 1 {
				name[3+bit] -= 'a' - 'A'
			}
		}
		inAllCases.Write(name)
	}
	for _, names := range []string{strings.Repeat(";x-longlonglo", 1<<10), inAllCases.String()} {
		r := v.request(t)
		r.Header.Set("X-Longlonglo", strings.Repeat("x", 32<<10))
		sig, err := sigv4.Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		sig.SignedHeaders += names
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var verifier sigv4.Verifier
		wantCode(t, verifier.Verify(r, sig, v.Secret, sigv4.SumHex([]byte(v.Body)), now), "InvalidSignatureException")
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 4<<20 {
			t.Errorf("took %d bytes of memory", took)
		}
	}
}

// TestPresignedLifeHolds: a presigned request in another dress, which has the same canonical form, lives no longer.
func TestPresignedLifeHolds(t *testing.T) {
	signed := time.Date(2026, 11, 25, 10, 15, 0, 0, time.UTC)
	now := signed.Add(10 * time.Minute)
	for _, c := range []struct {
		name   string
		change func(*http.Request)
		want   string
	}{
		{"as signed", func(*http.Request) {}, "ExpiredTokenException"},
		{"its parameters written with escapes", func(r *http.Request) {
			r.URL.RawQuery = strings.ReplaceAll(r.URL.RawQuery, "X-Amz-Expires", "X-Amz-%45xpires")
		}, "ExpiredTokenException"},
		{"the signature moved into a header", moveSignature, "IncompleteSignatureException"},
		{"the same, with escapes", func(r *http.Request) {
			moveSignature(r)
			r.URL.RawQuery = strings.ReplaceAll(r.URL.RawQuery, "X-Amz-", "X%2dAmz%2d")
		}, "IncompleteSignatureException"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/?Action=GetCallerIdentity&Version=2011-06-15", nil)
			sigv4.Presign(r, sigv4.Keys{AccessKeyID: "AK", SecretAccessKey: "secret"}, "eu-west-1", "sts", sigv4.EmptySHA256, time.Minute, signed)
			c.change(r)
			sig, err := sigv4.Parse(r)
			if err == nil {
				err = new(sigv4.Verifier).Verify(r, sig, "secret", sigv4.EmptySHA256, now)
			}
			wantCode(t, err, c.want)
		})
	}
}

// moveSignature makes a request signed in its header of a presigned one.
func moveSignature(r *http.Request) {
	q := r.URL.Query()
	r.Header.Set("Authorization", sigv4.Algorithm+" Credential="+q.Get("X-Amz-Credential")+", SignedHeaders="+
		q.Get("X-Amz-SignedHeaders")+", Signature="+q.Get("X-Amz-Signature"))
	r.Header.Set("Date", q.Get("X-Amz-Date"))
	r.URL.RawQuery, _, _ = strings.Cut(r.URL.RawQuery, "&X-Amz-Signature=")
}

func TestVerifyPresignedLife(t *testing.T) {
	vectors, now := mustVectors(t)
	v := vectors[8] // "presigned", X-Amz-Expires=3600
	tests := []struct {
		name string
		now  time.Time
		want string
	}{
		{"at once", now, ""},
		{"in its last second", now.Add(time.Hour), ""},
		{"after its life", now.Add(time.Hour + time.Second), "ExpiredTokenException"},
		{"long before", now.Add(-time.Hour), "InvalidSignatureException"},
	}
	var verifier sigv4.Verifier
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := v.request(t)
			sig, err := sigv4.Parse(r)
			if err != nil {
				t.Fatal(err)
			}
			wantCode(t, verifier.Verify(r, sig, v.Secret, sigv4.EmptySHA256, tt.now), tt.want)
		})
	}
}

func wantCode(t *testing.T, err error, want string) {
	t.Helper()
	var e *sigv4.Error
	switch {
	case want == "" && err != nil:
		t.Errorf("err = %v, want none", err)
	case want != "" && (!errors.As(err, &e) || e.Code != want):
		t.Errorf("err = %v, want %s", err, want)
	}
}

func TestSignIsVerified(t *testing.T) {
	now := time.Date(2026, 11, 25, 10, 15, 0, 0, time.UTC)
	tests := []struct{ name, url, service, body, token string }{
		{"lambda", "http://127.0.0.1:4566/2015-03-31/functions/a%3Ab/invocations?Qualifier=x%20y", "lambda", "{}", ""},
		{"with token", "http://127.0.0.1:4566/", "sts", "Action=GetCallerIdentity", "tok/en=="},
		{"s3", "http://127.0.0.1:4566/b/a//../c%20d", "s3", "hello", ""},
	}
	var verifier sigv4.Verifier
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, tt.url, strings.NewReader(tt.body))
			sum := sigv4.SumHex([]byte(tt.body))
			sigv4.Sign(r, sigv4.Keys{AccessKeyID: "AKIATEST", SecretAccessKey: "secret", SessionToken: tt.token}, "us-east-1", tt.service, sum, now)
			sig, err := sigv4.Parse(r)
			if err != nil {
				t.Fatal(err)
			}
			wantCode(t, verifier.Verify(r, sig, "secret", sum, now), "")
			wantCode(t, verifier.Verify(r, sig, "Secret", sum, now), "InvalidSignatureException")
		})
	}
}

func TestSignMatchesBotocore(t *testing.T) {
	vectors, now := mustVectors(t)
	for _, i := range []int{0, 1, 2, 3, 7} {
		v := vectors[i]
		t.Run(v.Name, func(t *testing.T) {
			r := v.request(t)
			want := r.Header.Get("Authorization")
			r.Header.Del("Authorization")
			sigv4.Sign(r, sigv4.Keys{AccessKeyID: v.AccessKeyID, SecretAccessKey: v.Secret, SessionToken: v.Token},
				v.Region, v.Service, sigv4.SumHex([]byte(v.Body)), now)
			if got := r.Header.Get("Authorization"); got != want {
				t.Errorf("\n got %s\nwant %s", got, want)
			}
		})
	}
}

func TestParse(t *testing.T) {
	const good = "AWS4-HMAC-SHA256 Credential=AK/20261125/eu-west-1/lambda/aws4_request, SignedHeaders=host;x-amz-date, Signature=00ff"
	tests := []struct {
		name, auth, date, query string
		want                    string // "KEY region service", "none", or the code of the error
		text                    string // part of the error's message
	}{
		{"header", good, "20261125T101500Z", "", "AK eu-west-1 lambda", ""},
		{"without spaces", strings.ReplaceAll(good, ", ", ","), "20261125T101500Z", "", "AK eu-west-1 lambda", ""},
		{"nothing", "", "", "", "none", ""},
		{"bearer", "Bearer abc", "", "", "none", ""},
		{"basic", "Basic YTpi", "", "", "none", ""},
		{"sigv4a", "AWS4-ECDSA-P256-SHA256 Credential=AK/20261125/lambda/aws4_request", "20261125T101500Z", "", "IncompleteSignatureException", "algorithm"},
		{"no signature", "AWS4-HMAC-SHA256 Credential=AK/20261125/eu-west-1/lambda/aws4_request, SignedHeaders=host", "20261125T101500Z", "", "IncompleteSignatureException", "Authorization header requires 'Signature' parameter. Authorization="},
		{"no date", good, "", "", "IncompleteSignatureException", "'X-Amz-Date' or a 'Date' header"},
		{"not key=value", "AWS4-HMAC-SHA256 Credential= x, SignedHeaders", "20261125T101500Z", "", "IncompleteSignatureException", "not a valid key=value pair"},
		{"four elements", "AWS4-HMAC-SHA256 Credential=AK/20261125/lambda/aws4_request, SignedHeaders=host, Signature=00", "20261125T101500Z", "", "IncompleteSignatureException", "exactly 5 slash-delimited elements"},
		{"slash in the key", "AWS4-HMAC-SHA256 Credential=A/K/20261125/eu-west-1/lambda/aws4_request, SignedHeaders=host, Signature=00", "20261125T101500Z", "", "IncompleteSignatureException", "got 'A/K/20261125/eu-west-1/lambda/aws4_request'"},
		{"other terminator", "AWS4-HMAC-SHA256 Credential=AK/20261125/eu-west-1/lambda/aws3_request, SignedHeaders=host, Signature=00", "20261125T101500Z", "", "InvalidSignatureException", "terminator"},
		{"presigned", "", "", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20261125%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Date=20261125T101500Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=00", "AK eu-west-1 s3", ""},
		{"presigned too long", "", "", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20261125%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Date=20261125T101500Z&X-Amz-Expires=604801&X-Amz-SignedHeaders=host&X-Amz-Signature=00", "IncompleteSignatureException", "604800"},
		{"presigned without signature", "", "", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20261125%2Feu-west-1%2Fs3%2Faws4_request", "IncompleteSignatureException", "X-Amz-Signature"},
		{"other X-Amz parameter", "", "", "X-Amz-Target=x", "none", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/?"+tt.query, nil)
			if tt.auth != "" {
				r.Header.Set("Authorization", tt.auth)
			}
			if tt.date != "" {
				r.Header.Set("X-Amz-Date", tt.date)
			}
			sig, err := sigv4.Parse(r)
			got, text := "none", ""
			var e *sigv4.Error
			if errors.As(err, &e) {
				got, text = e.Code, e.Message
			} else if sig != nil {
				got = sig.AccessKeyID + " " + sig.Scope.Region + " " + sig.Scope.Service
			}
			if got != tt.want || !strings.Contains(text, tt.text) {
				t.Errorf("Parse = %q, %q, want %q, %q", got, text, tt.want, tt.text)
			}
		})
	}
}

// FuzzParse: whatever a client sends, parsing and verifying end without a panic, and a signature that was not made
// with the secret is never accepted.
func FuzzParse(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AK/20261125/eu-west-1/lambda/aws4_request, SignedHeaders=host, Signature=00", "20261125T101500Z", "/a%20b", "x=1&y")
	f.Add("", "", "/", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20261125%2Fr%2Fs3%2Faws4_request&X-Amz-Date=20261125T101500Z&X-Amz-SignedHeaders=host&X-Amz-Signature=0")
	now := time.Date(2026, 11, 25, 10, 15, 0, 0, time.UTC)
	var v sigv4.Verifier
	f.Fuzz(func(t *testing.T, auth, date, path, query string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/", nil)
		r.Header.Set("Authorization", auth)
		r.Header.Set("X-Amz-Date", date)
		r.URL.Path, r.URL.RawQuery = path, query
		sig, err := sigv4.Parse(r)
		if err != nil || sig == nil {
			return
		}
		if sig.AccessKeyID == "" || sig.Scope.Service == "" || sig.Hex == "" {
			t.Errorf("accepted an incomplete signature: %+v", sig)
		}
		if v.Verify(r, sig, "a secret that the fuzzer does not know", sigv4.EmptySHA256, now) == nil {
			t.Errorf("verified %+v", sig)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "http://127.0.0.1:4566/2015-03-31/functions/f/invocations", nil)
	now := time.Date(2026, 11, 25, 10, 15, 0, 0, time.UTC)
	body := []byte(strings.Repeat("x", 512))
	sigv4.Sign(r, sigv4.Keys{AccessKeyID: "AKIATEST", SecretAccessKey: "secret"}, "us-east-1", "lambda", sigv4.SumHex(body), now)
	var v sigv4.Verifier
	b.ReportAllocs()
	for b.Loop() {
		sig, err := sigv4.Parse(r)
		if err != nil {
			b.Fatal(err)
		}
		if err := v.Verify(r, sig, "secret", sigv4.SumHex(body), now); err != nil {
			b.Fatal(err)
		}
	}
}
