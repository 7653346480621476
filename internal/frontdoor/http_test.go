// SPDX-License-Identifier: Apache-2.0

package frontdoor_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/gustcloud/gust/internal/access/sigv4"
	"github.com/gustcloud/gust/internal/frontdoor"
)

// mustServe serves h as the product does and returns its address.
func mustServe(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config = frontdoor.NewServer(h, slog.New(slog.DiscardHandler))
	s.Start()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

type rawConn struct {
	net.Conn
	in *bufio.Reader
}

func mustDial(t *testing.T, address string) rawConn {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return rawConn{c, bufio.NewReader(c)}
}

func (c rawConn) send(t *testing.T, format string, args ...any) {
	t.Helper()
	if _, err := fmt.Fprintf(c, format, args...); err != nil {
		t.Fatal(err)
	}
}

// answer reads one answer; an informational one comes alone.
func (c rawConn) answer(t *testing.T) (status int, body string, closes bool) {
	t.Helper()
	r, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	if r.StatusCode < 200 {
		return r.StatusCode, "", false
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b), r.Close
}

// signedHead is the head of a signed request as it goes over the wire, without its last empty line.
func signedHead(t *testing.T, k sigv4.Keys, service, method, path, body string, headers ...string) string {
	t.Helper()
	r := signed(t, k, service, method, base+path, body, headers...)
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, path, r.Host)
	if err := r.Header.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func digest(body string) string { return "X-Amz-Content-Sha256: " + sigv4.SumHex([]byte(body)) }

// TestRefusedRequestsAreNotAskedForTheirBody: a client that waits for "100 Continue" learns of a refusal at once.
// A wrong secret shows in the head only where the head holds the body's digest, as S3's clients send it.
func TestRefusedRequestsAreNotAskedForTheirBody(t *testing.T) {
	good := sigv4.Keys{AccessKeyID: "AKIAGOOD", SecretAccessKey: "secret"}
	wrong := sigv4.Keys{AccessKeyID: "AKIAGOOD", SecretAccessKey: "guessed"}
	unknown := sigv4.Keys{AccessKeyID: "AKIAOTHER", SecretAccessKey: "secret"}
	const group, target = `{"logGroupName":"g"}`, "X-Amz-Target: Logs_20140328.CreateLogGroup"
	tests := []struct {
		name, head, body string
		status           int // of the first answer
		final            int
	}{
		{"accepted", signedHead(t, good, "logs", "POST", "/", group, target), group, 100, 200},
		{"accepted form", signedHead(t, good, "sts", "POST", "/", whoami, form), whoami, 100, 200},
		{"accepted stream", signedHead(t, good, "upload", "PUT", "/stored", "x", digest("x")), "x", 100, 200},
		{"wrong secret", signedHead(t, wrong, "upload", "PUT", "/stored", "x", digest("x")), "x", 403, 0},
		{"unknown key", signedHead(t, unknown, "logs", "POST", "/", group, target), group, 400, 0},
		{"unknown key, form", signedHead(t, unknown, "sts", "POST", "/", whoami, form), whoami, 403, 0},
		{"broken signature", "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: AWS4-HMAC-SHA256 Credential=x\r\n" + target + "\r\n", group, 400, 0},
		{"unknown host", "POST / HTTP/1.1\r\nHost: evil.example\r\n" + target + "\r\n", group, 403, 0},
		{"web page", "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: https://evil.example\r\n" + target + "\r\n", group, 403, 0},
		{"customers' traffic", "POST / HTTP/1.1\r\nHost: x.lambda-url.us-east-1.localhost\r\n", group, 501, 0},
		{"unknown service", signedHead(t, good, "nobody", "PUT", "/", group, digest(group)), group, 501, 0},
		{"form of an unknown service", signedHead(t, good, "nobody", "POST", "/", whoami, form), whoami, 501, 0},
		{"unknown operation", signedHead(t, good, "upload", "PUT", "/nothing", "x", digest("x")), "x", 404, 0},
		{"too large", strings.Replace(signedHead(t, good, "logs", "POST", "/", group, target), "\r\n", "\r\nContent-Length: 99999999\r\n", 1), group, 413, 0},
	}
	address := mustServe(t, mustEnforcingDoor(t, &uploads{read: 1 << 20}, new([]string)))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := mustDial(t, address)
			head := tt.head
			if !strings.Contains(head, "Content-Length") {
				head += fmt.Sprintf("Content-Length: %d\r\n", len(tt.body))
			}
			c.send(t, "%sExpect: 100-continue\r\n\r\n", head)
			status, body, closes := c.answer(t)
			if status != tt.status {
				t.Fatalf("first answer %d %s, want %d", status, body, tt.status)
			}
			if status != 100 {
				if !closes {
					t.Error("the connection stays open, and nobody knows what comes next on it")
				}
				return
			}
			c.send(t, "%s", tt.body)
			if status, body, _ := c.answer(t); status != tt.final {
				t.Errorf("%d %s, want %d", status, body, tt.final)
			}
		})
	}
}

// TestServerRefusesAmbiguousRequests: two readers of one of these could disagree about where it ends, or what it asks for.
// What is accepted here is unambiguous by RFC 9112, section 6.3; after it the connection must be in step.
func TestServerRefusesAmbiguousRequests(t *testing.T) {
	const line, host = "POST / HTTP/1.1\r\n", "Host: 127.0.0.1\r\n"
	tests := []struct {
		name, request string
		status        int
	}{
		{"two lengths", line + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400},
		{"list of lengths", line + host + "Content-Length: 1, 2\r\n\r\nab", 400},
		{"negative length", line + host + "Content-Length: -1\r\n\r\n", 400},
		{"signed length", line + host + "Content-Length: +1\r\n\r\na", 400},
		{"hexadecimal length", line + host + "Content-Length: 0x1\r\n\r\na", 400},
		{"huge length", line + host + "Content-Length: 99999999999999999999\r\n\r\na", 400},
		{"empty length", line + host + "Content-Length:\r\n\r\n", 400},
		{"unknown transfer encoding", line + host + "Transfer-Encoding: gzip\r\n\r\n", 501},
		{"chunked twice", line + host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501},
		{"chunked is not last", line + host + "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 501},
		{"disguised chunked", line + host + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501},
		{"chunked in HTTP/1.0", "POST / HTTP/1.0\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0},
		{"space before the colon", line + host + "Content-Length : 1\r\n\r\na", 400},
		{"no host", line + "\r\n", 400},
		{"two hosts", line + host + "Host: localhost\r\n\r\n", 400},
		{"malformed host", line + "Host: a b\r\n\r\n", 400},
		{"NUL in a value", line + host + "X-A: \x00\r\n\r\n", 400},
		{"no name", line + host + ": b\r\n\r\n", 400},
		{"malformed version", "POST / HTTP/1\r\n" + host + "\r\n", 400},
		{"unknown version", "POST / HTTP/3.0\r\n" + host + "\r\n", 505},
		{"method with a space", "PO ST / HTTP/1.1\r\n" + host + "\r\n", 400},
		{"control byte in the URL", "GET /\x01 HTTP/1.1\r\n" + host + "\r\n", 400},
		{"broken escape in the URL", "GET /%zz HTTP/1.1\r\n" + host + "\r\n", 400},
		{"head without an end", line + host + strings.Repeat("X-A: "+strings.Repeat("b", 1000)+"\r\n", 100), 431},
		{"many headers", line + host + manyHeaders(2000) + "\r\n", 431},
		{"chunked and a length", line + host + form + "\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n" + chunked(whoami), 200},
		{"the same length twice", line + host + form + fmt.Sprintf("\r\nContent-Length: %d\r\nContent-Length: %[1]d\r\n\r\n", len(whoami)) + whoami, 200},
		{"chunks with extensions and trailers", line + host + form + "\r\nTransfer-Encoding: chunked\r\n\r\n" +
			fmt.Sprintf("%x;name=value\r\n%s\r\n0\r\nX-Trailer: a\r\n\r\n", len(whoami), whoami), 200},
		{"a chunk that is too long for its size", line + host + form + "\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", 400},
		{"a chunk size that overflows", line + host + form + "\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\na\r\n", 400},
	}
	address := mustServe(t, mustDoor(t, nil))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := mustDial(t, address)
			c.send(t, "%s", tt.request)
			status, body, closes := c.answer(t)
			if tt.status == 0 { // net/http takes it; then its meaning must be the only one, and the connection in step
				tt.status = status
			}
			if status != tt.status {
				t.Fatalf("%d %s, want %d", status, body, tt.status)
			}
			if status == 200 && !closes {
				c.send(t, "%s%s%s\r\nContent-Length: %d\r\n\r\n%s", line, host, form, len(whoami), whoami)
				if status, body, _ := c.answer(t); status != 200 {
					t.Errorf("the connection is out of step: %d %s", status, body)
				}
			} else if status >= 400 && !closes {
				t.Errorf("%d, and the connection stays open", status)
			}
		})
	}
}

func manyHeaders(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "X-%d: a\r\n", i)
	}
	return b.String()
}

func chunked(body string) string { return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body) }

// TestServerAnswersPipelinedRequestsInOrder: one connection works on one HTTP/1.1 request at a time, so that a flood of
// requests waits in the client.
func TestServerAnswersPipelinedRequestsInOrder(t *testing.T) {
	const n = 2000
	c := mustDial(t, mustServe(t, mustDoor(t, nil)))
	one := fmt.Sprintf("POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\nContent-Length: %d\r\n\r\n%s", form, len(whoami), whoami)
	sent := make(chan error, 1)
	go func() {
		_, err := io.Copy(c.Conn, strings.NewReader(strings.Repeat(one, n)))
		sent <- err
	}()
	for i := range n {
		if status, body, _ := c.answer(t); status != 200 {
			t.Fatalf("answer %d: %d %s", i, status, body)
		}
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

// TestChunkedAndCompressedBodies: every way in which SDKs frame a body reaches the service as the same input.
func TestChunkedAndCompressedBodies(t *testing.T) {
	group := `{"logGroupName":"g"}`
	zipped := gzipped(t, group)
	const target = "X-Amz-Target: Logs_20140328.CreateLogGroup\r\n"
	for name, request := range map[string]string{
		"length":         fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(group), group),
		"chunked":        "Transfer-Encoding: chunked\r\n\r\n" + chunked(group),
		"gzip":           fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", len(zipped), zipped),
		"gzip, chunked":  "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(zipped),
		"small chunks":   "Transfer-Encoding: chunked\r\n\r\n" + strings.Join(chunksOfOne(group), "") + "0\r\n\r\n",
		"capital values": "Transfer-Encoding: CHUNKED\r\nContent-Encoding: GZIP\r\n\r\n" + chunked(zipped),
	} {
		c := mustDial(t, mustServe(t, mustDoor(t, nil)))
		c.send(t, "%s", "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n"+target+request)
		if status, body, _ := c.answer(t); status != 200 {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

func chunksOfOne(s string) (chunks []string) {
	for i := range len(s) {
		chunks = append(chunks, "1\r\n"+s[i:i+1]+"\r\n")
	}
	return chunks
}

// TestHTTP2LimitsHeads: HTTP/2 has the same limits for heads.
func TestHTTP2LimitsHeads(t *testing.T) {
	address := mustServe(t, mustDoor(t, nil))
	tr := &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetUnencryptedHTTP2(true)
	defer tr.CloseIdleConnections()
	for name, fill := range map[string]func(http.Header){
		"many headers": func(h http.Header) {
			for i := range 1500 {
				h.Set(fmt.Sprintf("X-%d", i), "a")
			}
		},
		"large header": func(h http.Header) { h.Set("X-Large", strings.Repeat("a", 100<<10)) },
	} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+address+"/", bytes.NewReader(nil))
		if err != nil {
			t.Fatal(err)
		}
		fill(r.Header)
		resp, err := (&http.Client{Transport: tr}).Do(r)
		if err != nil {
			if name == "large header" && (strings.Contains(err.Error(), "GOAWAY") || strings.Contains(err.Error(), "larger than peer's advertised limit")) {
				continue // HTTP/2 ends the connection, or the client does not even send it
			}
			t.Errorf("%s: %v", name, err)
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode != 431 {
			t.Errorf("%s: %s", name, resp.Status)
		}
	}
}

// TestFewStreamsAtATime: HTTP/2 could ask for more at a time than there is memory for. Whoever does it must not keep
// clients of HTTP/1.1 out.
func TestFewStreamsAtATime(t *testing.T) {
	release, serving := make(chan struct{}), make(chan struct{})
	h := frontdoor.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		serving <- struct{}{}
		<-release
	}), slog.New(slog.DiscardHandler)).Handler
	get := func(proto int) int {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, base, nil)
		r.ProtoMajor = proto
		h.ServeHTTP(w, r)
		return w.Code
	}
	const most = 8192
	var all sync.WaitGroup
	good := func(proto int) {
		all.Go(func() {
			if status := get(proto); status != http.StatusOK {
				t.Errorf("HTTP/%d: %d", proto, status)
			}
		})
		<-serving
	}
	for range most {
		good(2)
	}
	if status := get(2); status != http.StatusServiceUnavailable {
		t.Errorf("one more: %d", status)
	}
	good(1)
	close(release)
	all.Wait()
	good(2)
	all.Wait()
}
