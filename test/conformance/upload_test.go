// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gustcloud/gust/internal/access/sigv4"
	"github.com/gustcloud/gust/test/harness"
)

// receiver is a server that only verifies uploads, as the AWS API's door does, and remembers them.
type receiver struct {
	mu   sync.Mutex
	seen []string // "payload, trailers: what was wrong, or its size"
}

var content = strings.Repeat("0123456789", 20_000)

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	outcome := "as sent"
	body, trailer, err := r.read(req)
	switch {
	case err != nil:
		outcome = err.Error()
	case body != content:
		outcome = fmt.Sprintf("%d other bytes", len(body))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, fmt.Sprintf("%s %s: %s", req.Header.Get("X-Amz-Content-Sha256"), trailer, outcome))
	if err != nil {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	w.Header().Set("ETag", `"0"`)
}

func (r *receiver) read(req *http.Request) (body, trailer string, err error) {
	sig, err := sigv4.Parse(req)
	if err != nil || sig == nil {
		return "", "", fmt.Errorf("no signature: %w", err)
	}
	var v sigv4.Verifier
	b, err := v.Begin(req, sig, "secret", time.Now())
	if err != nil {
		return "", "", err
	}
	got, err := io.ReadAll(b)
	var names []string
	for name := range b.Trailer() {
		names = append(names, name)
	}
	return string(got), strings.Join(names, ","), err
}

func (r *receiver) start(t *testing.T) *harness.Server {
	t.Helper()
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	return &harness.Server{Endpoint: server.URL, Keys: harness.Keys{ID: "AKIATEST", Secret: "secret"}}
}

func (r *receiver) wantSeen(t *testing.T, want ...string) {
	t.Helper()
	if got := strings.Join(r.seen, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("seen:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}

func TestUploadsOfTheJavaScriptSDK(t *testing.T) {
	var r receiver
	stdout, stderr, exit := r.start(t).JavaScript(t, `
const { S3Client, PutObjectCommand } = require("@aws-sdk/client-s3");
const { Readable } = require("node:stream");
const content = "0123456789".repeat(20000);
const s3 = new S3Client({ endpoint: process.env.ENDPOINT, forcePathStyle: true, maxAttempts: 1 });
const put = (more) => s3.send(new PutObjectCommand({ Bucket: "b", Key: "a/b c", ...more }));
const stream = () => Readable.from([Buffer.from(content.slice(0, 70001)), Buffer.from(content.slice(70001))], { objectMode: false });
(async () => {
  await put({ Body: content });
  await put({ Body: stream(), ContentLength: content.length });
  for (const ChecksumAlgorithm of ["CRC32C", "SHA1", "SHA256"]) {
    await put({ Body: stream(), ContentLength: content.length, ChecksumAlgorithm });
  }
})();
`)
	if exit != 0 {
		t.Errorf("exit %d: %s%s", exit, stdout, stderr)
	}
	const trailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	r.wantSeen(t,
		sigv4.SumHex([]byte(content))+" : as sent",
		trailer+" X-Amz-Checksum-Crc32: as sent",
		trailer+" X-Amz-Checksum-Crc32c: as sent",
		trailer+" X-Amz-Checksum-Sha1: as sent",
		trailer+" X-Amz-Checksum-Sha256: as sent",
	)
}

func TestUploadsOfTheAWSCLI(t *testing.T) {
	var r receiver
	s := r.start(t)
	name := file(t, "content", []byte(content))
	for range 2 {
		if stdout, stderr, exit := s.AWS(t, "s3api", "put-object", "--bucket", "b", "--key", "ä +&=/x", "--body", name); exit != 0 {
			t.Errorf("exit %d: %s%s", exit, stdout, stderr)
		}
		s = s.With(harness.Keys{ID: "AKIATEST", Secret: "secret", Token: "a token/+="})
	}
	want := sigv4.SumHex([]byte(content)) + " : as sent"
	r.wantSeen(t, want, want)
}

// TestUploadsArriveWhileTheyAreSent: what was verified is handed on before the rest is there.
func TestUploadsArriveWhileTheyAreSent(t *testing.T) {
	now := time.Now()
	in, out := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://localhost/b/k", in)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Amz-Decoded-Content-Length", "6")
	req.Header.Set("X-Amz-Trailer", "x-amz-checksum-crc32")
	req.Host = "localhost"
	sigv4.Sign(req, sigv4.Keys{AccessKeyID: "AKIATEST", SecretAccessKey: "secret"}, "us-east-1", "s3", sigv4.StreamingUnsignedTrailer, now)
	sig, err := sigv4.Parse(req)
	if err != nil {
		t.Fatal(err)
	}
	var v sigv4.Verifier
	b, err := v.Begin(req, sig, "secret", now)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 3)
	step := func(send string) {
		t.Helper()
		go func() { _, _ = out.Write([]byte(send)) }()
	}
	step("3\r\nabc\r\n")
	if _, err := io.ReadFull(b, got); err != nil || !bytes.Equal(got, []byte("abc")) {
		t.Fatalf("%q, %v", got, err)
	}
	step("3\r\ndef\r\n0\r\nx-amz-checksum-crc32:S4457w==\r\n\r\n")
	if _, err := io.ReadFull(b, got); err != nil || !bytes.Equal(got, []byte("def")) {
		t.Fatalf("%q, %v", got, err)
	}
	_ = out.Close()
	if n, err := b.Read(got); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("%d bytes, %v", n, err)
	}
}
