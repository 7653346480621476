// SPDX-License-Identifier: Apache-2.0

package sigv4_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/gustcloud/gust/internal/access/sigv4"
)

func TestChunksRefuse(t *testing.T) {
	plain, trailed := chunkedCases[0], chunkedCases[1]
	change := func(old, with string) func(string) string {
		return func(body string) string { return strings.Replace(body, old, with, 1) }
	}
	cases := []struct {
		name string
		chunked
		change func(string) string
		max    int    // bytes that may have been handed on
		want   string // S3's code
	}{
		{"other byte in the first chunk", plain, change("\r\naaa", "\r\naba"), 0, "SignatureDoesNotMatch"},
		{"other byte in the second chunk", plain, change("\r\n0;chunk", "b\n0;chunk"), 66560, "InvalidRequest"},
		{"signature of another chunk", plain, change(plain.signatures[1], plain.signatures[0]), 65536, "SignatureDoesNotMatch"},
		{"signature of the end", plain, change(plain.signatures[2], plain.signatures[0]), 66560, "SignatureDoesNotMatch"},
		{"no signature", plain, change(";chunk-signature="+plain.signatures[0], ""), 0, "SignatureDoesNotMatch"},
		{"cut in the first chunk", plain, func(b string) string { return b[:1000] }, 0, "IncompleteBody"},
		{"cut before the end", plain, func(b string) string { return b[:strings.Index(b, "0;chunk")] }, 66560, "IncompleteBody"},
		{"chunks swapped for the end", plain, func(b string) string { return b[strings.LastIndex(b, "0;chunk"):] }, 0, "IncompleteBody"},
		{"more than announced", plain, change("10000;", "20000;"), 0, "IncompleteBody"},
		{"not hexadecimal", plain, change("10000;", "xyz;"), 0, "InvalidRequest"},
		{"negative", plain, change("10000;", "-10000;"), 0, "InvalidRequest"},
		{"overflow", plain, change("10000;", "fffffffffffffffff;"), 0, "InvalidRequest"},
		{"long header", plain, change("10000;", "10000;"+strings.Repeat("x", 300)), 0, "InvalidRequest"},
		{"endless header", plain, func(string) string { return strings.Repeat("1", 1<<20) }, 0, "InvalidRequest"},
		{"something after the end", plain, func(b string) string { return b + "x" }, 66560, "IncompleteBody"},
		{"a trailer nobody announced", plain, func(b string) string { return b + "a:b\r\n" }, 66560, "MalformedTrailerError"},
		{"other checksum", trailed, change("sOO8", "sOO9"), 66560, "SignatureDoesNotMatch"},
		{"other trailer signature", trailed, change("d81f82", "d81f83"), 66560, "SignatureDoesNotMatch"},
		{"no trailer signature", trailed, change("x-amz-trailer-signature:", "x-amz-checksum-crc32:"), 66560, "MalformedTrailerError"},
		{"no trailer", trailed, change("x-amz-checksum-crc32c:sOO8/Q==\r\n", ""), 66560, "MalformedTrailerError"},
		{"trailer twice", trailed, change("x-amz-checksum-crc32c", "x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-checksum-crc32c"), 66560, "MalformedTrailerError"},
		{"trailer after its signature", trailed, func(b string) string { return b + "x-amz-checksum-crc32c:sOO8/Q==\r\n" }, 66560, "MalformedTrailerError"},
		{"endless trailers", trailed, change("x-amz-trailer-", strings.Repeat("\r\n", 9<<10)+"x-amz-trailer-"), 66560, "MalformedTrailerError"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var v sigv4.Verifier
			r, now := c.request(t, c.change(c.body()))
			sig, err := sigv4.Parse(r)
			if err != nil {
				t.Fatal(err)
			}
			b, err := v.Begin(r, sig, docSecret, now)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			_, err = got.ReadFrom(b)
			if s3Code(err) != c.want || got.Len() > c.max {
				t.Errorf("%d bytes handed on (at most %d), %v, want %s", got.Len(), c.max, err, c.want)
			}
			if _, again := b.Read(make([]byte, 1)); !errors.Is(again, err) {
				t.Errorf("the error does not stay: %v", again)
			}
			if b.Trailer() != nil {
				t.Error("a refused body has trailers")
			}
		})
	}
}

func s3Code(err error) string {
	var e *sigv4.Error
	if errors.As(err, &e) && e.S3 != nil {
		return e.S3.Code
	}
	return ""
}

// unsignedTrailer is a body as SDKs send it over TLS.
func unsignedTrailer(t *testing.T, body, length, trailer string) (*http.Request, *sigv4.Signature, time.Time) {
	t.Helper()
	now := time.Date(2026, 11, 25, 10, 15, 0, 0, time.UTC)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "http://localhost/b/k", strings.NewReader(body))
	r.Header.Set("X-Amz-Decoded-Content-Length", length)
	r.Header.Set("X-Amz-Trailer", trailer)
	sigv4.Sign(r, sigv4.Keys{AccessKeyID: docKey, SecretAccessKey: docSecret}, "us-east-1", "s3", sigv4.StreamingUnsignedTrailer, now)
	sig, err := sigv4.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	return r, sig, now
}

// The checksums of "123456789" are the check values of the algorithms. Sources: the CRC catalogue of reveng
// (CRC-32/ISO-HDLC, CRC-32/ISCSI, CRC-64/NVME); sha1sum and sha256sum.
func TestUnsignedTrailers(t *testing.T) {
	for _, c := range []struct{ name, body, length, announced, want string }{
		{"crc32", "9\r\n123456789\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n", "9", "x-amz-checksum-crc32", ""},
		{"crc32c", "9\r\n123456789\r\n0\r\nx-amz-checksum-crc32c:4waSgw==\r\n\r\n", "9", "x-amz-checksum-crc32c", ""},
		{"crc64nvme", "9\r\n123456789\r\n0\r\nx-amz-checksum-crc64nvme:rosUhgp5mIg=\r\n\r\n", "9", "x-amz-checksum-crc64nvme", ""},
		{"sha1", "9\r\n123456789\r\n0\r\nx-amz-checksum-sha1:98O8HYCOBHMq32eZZczDTKeuNEE=\r\n\r\n", "9", "x-amz-checksum-sha1", ""},
		{"sha256", "9\r\n123456789\r\n0\r\nx-amz-checksum-sha256:FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=\r\n\r\n", "9", "X-Amz-Checksum-Sha256", ""},
		{"no last line end", "9\r\n123456789\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n", "9", "x-amz-checksum-crc32", ""},
		{"two chunks", "4\r\n1234\r\n5\r\n56789\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n", "9", "x-amz-checksum-crc32", ""},
		{"empty", "0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", "0", "x-amz-checksum-crc32", ""},
		{"another kind of trailer", "1\r\n1\r\n0\r\nx-amz-meta:v\r\n\r\n", "1", "x-amz-meta", ""},
		{"wrong checksum", "9\r\n123456780\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n", "9", "x-amz-checksum-crc32", "BadDigest"},
		{"two checksums", "", "9", "x-amz-checksum-crc32,x-amz-checksum-crc32c", "InvalidRequest"},
		{"shorter than announced", "4\r\n1234\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n", "9", "x-amz-checksum-crc32", "IncompleteBody"},
		{"longer than announced", "9\r\n123456789\r\n0\r\n\r\n", "8", "x-amz-checksum-crc32", "IncompleteBody"},
		{"no length", "0\r\n\r\n", "", "x-amz-checksum-crc32", "MissingContentLength"},
		{"length with a sign", "0\r\n\r\n", "+9", "x-amz-checksum-crc32", "MissingContentLength"},
		{"cut", "9\r\n1234", "9", "x-amz-checksum-crc32", "IncompleteBody"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var v sigv4.Verifier
			r, sig, now := unsignedTrailer(t, c.body, c.length, c.announced)
			b, err := v.Begin(r, sig, docSecret, now)
			if err == nil {
				_, err = io.Copy(io.Discard, iotest.OneByteReader(b))
			}
			if (c.want == "") != (err == nil) || s3Code(err) != c.want {
				t.Errorf("err = %v, want %q", err, c.want)
			}
			if c.want == "" && b.Trailer().Get(c.announced) == "" {
				t.Errorf("trailers %v", b.Trailer())
			}
		})
	}
}

func TestDecodeTakesTheFramingOff(t *testing.T) {
	r, _ := chunkedCases[0].request(t, strings.ReplaceAll(chunkedCases[0].body(), "=4", "=5"))
	sig, err := sigv4.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	b, err := sigv4.Decode(r, sig)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(b); err != nil || len(got) != 66560 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	r, _ = documentedCases[0].request(t)
	if sig, err = sigv4.Parse(r); err != nil {
		t.Fatal(err)
	}
	if b, err := sigv4.Decode(r, sig); b != nil || err != nil {
		t.Errorf("a body that is not chunked: %v, %v", b, err)
	}
}

// TestChunkMemory announces a chunk of 16 MiB and sends nothing of it.
func TestChunkMemory(t *testing.T) {
	c := chunkedCases[0]
	r, now := c.request(t, "1000000;chunk-signature="+c.signatures[0]+"\r\naaaa")
	r.Header.Set("X-Amz-Decoded-Content-Length", "1073741824")
	sigv4.Sign(r, sigv4.Keys{AccessKeyID: docKey, SecretAccessKey: docSecret}, "us-east-1", "s3", c.payload, now)
	sig, err := sigv4.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	var v sigv4.Verifier
	b, err := v.Begin(r, sig, docSecret, now)
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = io.Copy(io.Discard, b)
	runtime.ReadMemStats(&after)
	if s3Code(err) != "IncompleteBody" {
		t.Errorf("err = %v", err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
		t.Errorf("took %d bytes of memory", took)
	}
}

// FuzzChunks: whatever a body is, it ends without a panic, hands on no more than was announced, and a signed one hands
// on nothing that was not signed.
func FuzzChunks(f *testing.F) {
	f.Add([]byte("9\r\n123456789\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n"), false, 3)
	f.Add([]byte("400;chunk-signature=00\r\n"), true, 7)
	f.Add([]byte("0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n"), true, 1)
	now := time.Date(2026, 11, 25, 10, 15, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, body []byte, signed bool, step int) {
		const announced = 9
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "http://localhost/b/k", bytes.NewReader(body))
		r.Header.Set("X-Amz-Decoded-Content-Length", "9")
		payload := sigv4.StreamingUnsignedTrailer
		if signed {
			payload = sigv4.StreamingSignedTrailer
		}
		r.Header.Set("X-Amz-Trailer", "x-amz-checksum-crc32")
		sigv4.Sign(r, sigv4.Keys{AccessKeyID: docKey, SecretAccessKey: docSecret}, "us-east-1", "s3", payload, now)
		sig, err := sigv4.Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		var v sigv4.Verifier
		b, err := v.Begin(r, sig, docSecret, now)
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		p := make([]byte, 1+step&15)
		for err == nil {
			var n int
			n, err = b.Read(p)
			got.Write(p[:n])
		}
		switch {
		case got.Len() > announced, signed && got.Len() > 0:
			t.Errorf("handed on %q", got.Bytes())
		case errors.Is(err, io.EOF) && (signed || got.String() != "123456789" && b.Trailer().Get("x-amz-checksum-crc32") == "y/Q5Jg=="):
			t.Errorf("accepted %q as %q", body, got.Bytes())
		}
	})
}
