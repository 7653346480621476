// SPDX-License-Identifier: Apache-2.0

package sigv4_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gustcloud/gust/internal/access/sigv4"
)

// The values of AWS's own worked examples. Sources: "Signature Calculations for the Authorization Header" (single chunk,
// multiple chunks, trailing headers) and "Authenticating Requests: Using Query Parameters", S3 API reference; "Signature
// Version 4 signing process", AWS General Reference (ListUsers) and its test suite (get-vanilla).
const (
	docKey      = "AKIAIOSFODNN7EXAMPLE"
	docSecret   = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	suiteSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

type documented struct {
	name, method, url, host string
	headers                 map[string]string
	service, key, secret    string
	date, signed, hex, body string
}

var documentedCases = []documented{
	{
		name: "s3 GET object", method: "GET", url: "/test.txt", host: "examplebucket.s3.amazonaws.com",
		headers: map[string]string{"Range": "bytes=0-9", "X-Amz-Content-Sha256": sigv4.EmptySHA256},
		service: "s3", key: docKey, secret: docSecret, date: "20130524T000000Z",
		signed: "host;range;x-amz-content-sha256;x-amz-date",
		hex:    "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
	},
	{
		name: "s3 PUT object", method: "PUT", url: "/test%24file.text", host: "examplebucket.s3.amazonaws.com",
		headers: map[string]string{
			"Date": "Fri, 24 May 2013 00:00:00 GMT", "X-Amz-Storage-Class": "REDUCED_REDUNDANCY",
			"X-Amz-Content-Sha256": "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
		},
		service: "s3", key: docKey, secret: docSecret, date: "20130524T000000Z",
		signed: "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
		hex:    "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd", body: "Welcome to Amazon S3.",
	},
	{
		name: "s3 GET lifecycle", method: "GET", url: "/?lifecycle", host: "examplebucket.s3.amazonaws.com",
		headers: map[string]string{"X-Amz-Content-Sha256": sigv4.EmptySHA256},
		service: "s3", key: docKey, secret: docSecret, date: "20130524T000000Z",
		signed: "host;x-amz-content-sha256;x-amz-date",
		hex:    "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
	},
	{
		name: "s3 list objects", method: "GET", url: "/?max-keys=2&prefix=J", host: "examplebucket.s3.amazonaws.com",
		headers: map[string]string{"X-Amz-Content-Sha256": sigv4.EmptySHA256},
		service: "s3", key: docKey, secret: docSecret, date: "20130524T000000Z",
		signed: "host;x-amz-content-sha256;x-amz-date",
		hex:    "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
	},
	{
		name: "get-vanilla", method: "GET", url: "/", host: "example.amazonaws.com",
		service: "service", key: "AKIDEXAMPLE", secret: suiteSecret, date: "20150830T123600Z",
		signed: "host;x-amz-date",
		hex:    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
	},
	{
		name: "iam ListUsers", method: "GET", url: "/?Action=ListUsers&Version=2010-05-08", host: "iam.amazonaws.com",
		headers: map[string]string{"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
		service: "iam", key: "AKIDEXAMPLE", secret: suiteSecret, date: "20150830T123600Z",
		signed: "content-type;host;x-amz-date",
		hex:    "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
	},
}

func (d documented) request(t *testing.T) (*http.Request, time.Time) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), d.method, d.url, strings.NewReader(d.body))
	r.Host = d.host
	r.Header.Set("X-Amz-Date", d.date)
	for k, v := range d.headers {
		r.Header.Set(k, v)
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+d.key+"/"+d.date[:8]+"/us-east-1/"+d.service+
		"/aws4_request,SignedHeaders="+d.signed+",Signature="+d.hex)
	now, err := time.Parse("20060102T150405Z", d.date)
	if err != nil {
		t.Fatal(err)
	}
	return r, now
}

func TestDocumentedRequests(t *testing.T) {
	var v sigv4.Verifier
	for _, d := range documentedCases {
		t.Run(d.name, func(t *testing.T) {
			r, now := d.request(t)
			got, err := read(t, &v, r, d.secret, now)
			if err != nil || got != d.body {
				t.Errorf("body %q, %v", got, err)
			}
			r, _ = d.request(t)
			_, err = read(t, &v, r, d.secret+"x", now)
			wantCode(t, err, "InvalidSignatureException")
		})
	}
}

// read verifies a request and its body to the end.
func read(t *testing.T, v *sigv4.Verifier, r *http.Request, secret string, now time.Time) (string, error) {
	t.Helper()
	sig, err := sigv4.Parse(r)
	if err != nil || sig == nil {
		t.Fatalf("Parse: %v, %v", sig, err)
	}
	b, err := v.Begin(r, sig, secret, now)
	if err != nil {
		return "", err
	}
	got, err := io.ReadAll(b)
	return string(got), err
}

func TestDocumentedPresignedURL(t *testing.T) {
	const url = "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2F" +
		"aws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&" +
		"X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
	day := time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	var v sigv4.Verifier
	for _, c := range []struct {
		name string
		now  time.Time
		want string
	}{
		{"at once", day, ""},
		{"last second", day.Add(24 * time.Hour), ""},
		{"later", day.Add(24*time.Hour + time.Second), "ExpiredTokenException"},
		{"before", day.Add(-16 * time.Minute), "InvalidSignatureException"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
			r.Host = "examplebucket.s3.amazonaws.com"
			_, err := read(t, &v, r, docSecret, c.now)
			wantCode(t, err, c.want)
		})
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/test.txt", nil)
	r.Host = "examplebucket.s3.amazonaws.com"
	sigv4.Presign(r, sigv4.Keys{AccessKeyID: docKey, SecretAccessKey: docSecret}, "us-east-1", "s3", sigv4.UnsignedPayload, 24*time.Hour, day)
	if got := r.URL.RequestURI(); got != url {
		t.Errorf("Presign:\n got %s\nwant %s", got, url)
	}
}

// chunked is the documented upload of 65 KiB of "a" in chunks of 64 KiB.
type chunked struct {
	name, payload, trailerHeader string
	signed, seed                 string
	signatures                   [3]string
	trailer                      string // after the last chunk's line
}

var chunkedCases = []chunked{
	{
		name: "signed chunks", payload: sigv4.StreamingSigned,
		signed: "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class",
		seed:   "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
		signatures: [3]string{
			"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
			"0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
			"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
		},
		trailer: "\r\n",
	},
	{
		name: "signed chunks and trailer", payload: sigv4.StreamingSignedTrailer, trailerHeader: "x-amz-checksum-crc32c",
		signed: "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer",
		seed:   "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
		signatures: [3]string{
			"b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
			"1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
			"2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
		},
		trailer: "x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n",
	},
}

func (c chunked) body() string {
	a := strings.Repeat("a", 65536)
	return "10000;chunk-signature=" + c.signatures[0] + "\r\n" + a + "\r\n" +
		"400;chunk-signature=" + c.signatures[1] + "\r\n" + a[:1024] + "\r\n" +
		"0;chunk-signature=" + c.signatures[2] + "\r\n" + c.trailer
}

func (c chunked) request(t *testing.T, body string) (*http.Request, time.Time) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/examplebucket/chunkObject.txt", strings.NewReader(body))
	r.Host = "s3.amazonaws.com"
	r.ContentLength = 66824 // what is signed
	for k, v := range map[string]string{
		"Content-Encoding": "aws-chunked", "X-Amz-Content-Sha256": c.payload, "X-Amz-Date": "20130524T000000Z",
		"X-Amz-Decoded-Content-Length": "66560", "X-Amz-Storage-Class": "REDUCED_REDUNDANCY",
	} {
		r.Header.Set(k, v)
	}
	if c.trailerHeader != "" {
		r.Header.Set("X-Amz-Trailer", c.trailerHeader)
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+docKey+"/20130524/us-east-1/s3/aws4_request,SignedHeaders="+
		c.signed+",Signature="+c.seed)
	return r, time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
}

func TestDocumentedChunks(t *testing.T) {
	want := strings.Repeat("a", 66560)
	for _, c := range chunkedCases {
		t.Run(c.name, func(t *testing.T) {
			var v sigv4.Verifier
			r, now := c.request(t, c.body())
			sig, err := sigv4.Parse(r)
			if err != nil {
				t.Fatal(err)
			}
			b, err := v.Begin(r, sig, docSecret, now)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if _, err := io.Copy(&got, b); err != nil || got.String() != want || b.Length() != 66560 || b.Pending() || !b.Chunked() {
				t.Errorf("%d bytes, %v; length %d", got.Len(), err, b.Length())
			}
			if sum := b.Trailer().Get("x-amz-checksum-crc32c"); c.trailerHeader != "" && sum != "sOO8/Q==" {
				t.Errorf("trailer %q", sum)
			}
		})
	}
}
