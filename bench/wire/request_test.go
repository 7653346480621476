// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gustcloud/gust/bench/wire/contract/sqs"
	"github.com/gustcloud/gust/internal/access"
	"github.com/gustcloud/gust/internal/access/sigv4"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/ids"
	"github.com/gustcloud/gust/internal/base/obs"
	"github.com/gustcloud/gust/internal/frontdoor"
	"github.com/gustcloud/gust/internal/wire"
)

// idle answers SendMessage without any work.
type idle struct{}

func (idle) SendMessage(context.Context, *sqs.SendMessageRequest) (*sqs.SendMessageResult, error) {
	return &sendMessageResult, nil
}

// BenchmarkRequest is a whole API request over a loopback connection, from the client's write to the last byte of the
// answer: gust is the front door with every stage (route, identity, decode, authorize, encode, metrics; audit at the
// level that servers run with), noop the same net/http server with a handler that reads the body and answers as many bytes.
func BenchmarkRequest(b *testing.B) {
	door := mustDoor(b)
	for _, clients := range []int{1, 64} {
		for _, side := range []struct {
			name    string
			handler http.Handler
		}{{"noop", http.HandlerFunc(noop)}, {"gust", door}} {
			b.Run("clients="+strconv.Itoa(clients)+"/"+side.name, func(b *testing.B) {
				measureRequests(b, side.handler, clients)
			})
		}
	}
}

func mustDoor(tb testing.TB) http.Handler {
	tb.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelInfo}))
	sessions, err := access.NewSessions(make([]byte, access.SessionKeySize), ids.System())
	if err != nil {
		tb.Fatal(err)
	}
	return frontdoor.New(frontdoor.Deps{
		Services: []wire.Service{sqs.Bind(idle{})}, Gate: frontdoor.NewGate(frontdoor.AllowAll{}, log, obs.NewMetrics()),
		Authenticator: access.Development{Sessions: sessions}, Clock: clock.System{}, NewID: ids.System().UUID, Log: log,
	})
}

const noopAnswer = `{"MD5OfMessageBody":"fafb00f5732ab283681e124bf8747ed1","MD5OfMessageAttributes":` +
	`"3ae8f24a165a8cedc005670c81a27295","MessageId":"5fea7756-0ea4-451a-a703-a558b933e274"}`

func noop(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return
	}
	h := w.Header()
	h["Content-Type"] = []string{"application/x-amz-json-1.0"}
	h["X-Amzn-Requestid"] = []string{requestID}
	h["Content-Length"] = []string{strconv.Itoa(len(noopAnswer))}
	_, _ = io.WriteString(w, noopAnswer)
}

// rawRequest is what an SDK sends, head and body.
func rawRequest(tb testing.TB, host string) []byte {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, "http://"+host+"/", strings.NewReader(sendMessage))
	if err != nil {
		tb.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "AmazonSQS.SendMessage")
	r.Header.Set("User-Agent", "aws-sdk-go-v2/1.41.0 ua/2.1 os/linux lang/go#1.26 md/GOARCH#amd64 api/sqs#1.42.0")
	keys := sigv4.Keys{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}
	sigv4.Sign(r, keys, "us-east-1", "sqs", sigv4.SumHex([]byte(sendMessage)), time.Now())
	var b strings.Builder
	if err := r.Write(&b); err != nil {
		tb.Fatal(err)
	}
	return []byte(b.String())
}

func measureRequests(b *testing.B, h http.Handler, clients int) {
	b.Helper()
	ballast := make([]byte, 16<<20) // as the server has it: internal/app
	defer runtime.KeepAlive(ballast)
	listener, err := new(net.ListenConfig).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := frontdoor.NewServer(h, slog.New(slog.DiscardHandler))
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	defer func() {
		_ = server.Close()
		<-ended
	}()
	request := rawRequest(b, listener.Addr().String())
	conns := make(chan *client, clients)
	for range clients {
		c, err := new(net.Dialer).DialContext(b.Context(), "tcp", listener.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		conns <- &client{c, bufio.NewReader(c)}
	}
	if clients == 1 {
		c := <-conns
		for b.Loop() {
			c.call(b, request)
		}
		return
	}
	b.SetParallelism(clients / 2) // times GOMAXPROCS
	b.RunParallel(func(pb *testing.PB) {
		c := <-conns
		for pb.Next() {
			c.call(b, request)
		}
		conns <- c
	})
}

// client is the cheapest client: it reads the answer's length and skips the rest.
type client struct {
	conn net.Conn
	r    *bufio.Reader
}

func (c *client) call(tb testing.TB, request []byte) {
	tb.Helper()
	if _, err := c.conn.Write(request); err != nil {
		tb.Error(err)
		return
	}
	length := -1
	for first := true; ; first = false {
		line, err := c.r.ReadSlice('\n')
		if err != nil || first && !strings.HasPrefix(string(line), "HTTP/1.1 200 ") {
			tb.Errorf("%q %v", line, err)
			return
		}
		if len(line) <= 2 {
			break
		}
		if text, ok := strings.CutPrefix(string(line), "Content-Length: "); ok {
			if length, err = strconv.Atoi(strings.TrimSpace(text)); err != nil {
				tb.Error(err)
				return
			}
		}
	}
	if n, err := c.r.Discard(length); err != nil || n != len(noopAnswer) {
		tb.Errorf("%d bytes: %v", n, err)
	}
}

// TestTheDoorAnswersWithTheSameBytes: both sides of BenchmarkRequest answer the same.
func TestTheDoorAnswersWithTheSameBytes(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := frontdoor.NewServer(mustDoor(t), slog.New(slog.DiscardHandler))
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(rawRequest(t, listener.Addr().String())); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || string(body) != noopAnswer {
		t.Errorf("%d %s %v", answer.StatusCode, body, err)
	}
	_ = answer.Body.Close()
	_ = conn.Close()
	_ = server.Close()
	<-ended
}
