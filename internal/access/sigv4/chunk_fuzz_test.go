// SPDX-License-Identifier: Apache-2.0

package sigv4_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gustcloud/gust/internal/access/sigv4"
)

// signChunks encodes data as a client does, in the words of the S3 API reference, with code of its own.
func signChunks(seed, stamp, scope string, data []byte, size int) string {
	sum := func(b []byte) string { s := sha256.Sum256(b); return hex.EncodeToString(s[:]) }
	key := []byte("AWS4" + docSecret)
	mac := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	for part := range strings.SplitSeq(scope, "/") {
		key = mac(key, part)
	}
	last := seed
	var out strings.Builder
	for rest := data; ; rest = rest[min(size, len(rest)):] {
		chunk := rest[:min(size, len(rest))]
		last = hex.EncodeToString(mac(key, strings.Join([]string{
			"AWS4-HMAC-SHA256-PAYLOAD", stamp, scope, last, sigv4.EmptySHA256, sum(chunk),
		}, "\n")))
		fmt.Fprintf(&out, "%x;chunk-signature=%s\r\n", len(chunk), last)
		if len(chunk) == 0 {
			break
		}
		out.Write(chunk)
		out.WriteString("\r\n")
	}
	crc := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(data))
	trailer := "x-amz-checksum-crc32:" + base64.StdEncoding.EncodeToString(crc)
	last = hex.EncodeToString(mac(key, strings.Join([]string{"AWS4-HMAC-SHA256-TRAILER", stamp, scope, last, sum([]byte(trailer + "\n"))}, "\n")))
	out.WriteString(trailer + "\r\nx-amz-trailer-signature:" + last + "\r\n\r\n")
	return out.String()
}

// FuzzSignedBody: a body that was signed arrives as it was; with one byte changed or cut off, what is handed on is a
// beginning of it, and the end is an error (or the change was one of the line ends, which carry nothing).
func FuzzSignedBody(f *testing.F) {
	f.Add([]byte("hello, world"), uint8(5), uint16(3), byte(0))
	f.Add([]byte("hello, world"), uint8(5), uint16(0), byte(1))
	f.Add([]byte("hello, world"), uint8(200), uint16(90), byte(0x20))
	f.Add([]byte(""), uint8(1), uint16(20), byte(0xff))
	now := time.Date(2026, 11, 25, 10, 15, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, data []byte, size uint8, at uint16, flip byte) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "http://localhost/b/k", nil)
		r.Header.Set("X-Amz-Decoded-Content-Length", strconv.Itoa(len(data)))
		r.Header.Set("X-Amz-Trailer", "x-amz-checksum-crc32")
		sigv4.Sign(r, sigv4.Keys{AccessKeyID: docKey, SecretAccessKey: docSecret}, "us-east-1", "s3", sigv4.StreamingSignedTrailer, now)
		sig, err := sigv4.Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		encoded := []byte(signChunks(sig.Hex, sig.Stamp, sig.Scope.String(), data, 1+int(size)))
		i := int(at) % len(encoded)
		lineEnd := encoded[i] == '\r' || encoded[i] == '\n'
		encoded[i] ^= flip
		r.Body = io.NopCloser(bytes.NewReader(encoded))
		var v sigv4.Verifier
		b, err := v.Begin(r, sig, docSecret, now)
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		_, err = got.ReadFrom(b)
		switch {
		case flip == 0 && (err != nil || !bytes.Equal(got.Bytes(), data)):
			t.Errorf("as signed: %q, %v, want %q", got.Bytes(), err, data)
		case !bytes.HasPrefix(data, got.Bytes()):
			t.Errorf("byte %d changed: handed on %q of %q", i, got.Bytes(), data)
		case flip != 0 && err == nil && !lineEnd && !bytes.Equal(got.Bytes(), data):
			t.Errorf("byte %d changed: accepted %q", i, got.Bytes())
		}
		var refused *sigv4.Error
		if err != nil && !errors.As(err, &refused) {
			t.Errorf("error %v", err)
		}
	})
}
