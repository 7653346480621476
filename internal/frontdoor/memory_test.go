// SPDX-License-Identifier: Apache-2.0

package frontdoor_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/gustcloud/gust/internal/access"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/ids"
	"github.com/gustcloud/gust/internal/base/obs"
	"github.com/gustcloud/gust/internal/frontdoor"
	"github.com/gustcloud/gust/internal/wire"
)

// authorization names the service of streamSchema.
const authorization = "X-Amz-Date: 20261125T101500Z\r\nAuthorization: AWS4-HMAC-SHA256 Credential=test/20261125/us-east-1/streams/aws4_request, SignedHeaders=host, Signature=00\r\n"

type (
	streamIn  struct{ Body io.Reader }
	streamOut struct{ Body io.ReadCloser }
	nothing   struct{}
)

// streams has a streamed input and a streamed output, as S3's objects are.
type streams struct {
	put func(body io.Reader) error
	get func() io.ReadCloser
}

var streamSchema = wire.Schema{
	ID: "streams", SigningName: "streams", EndpointPrefix: "streams", Protocols: []wire.ProtocolID{wire.ProtocolRESTJSON},
	Types: []wire.Type{
		{},
		{Name: "Stream", Kind: wire.KindStream},
		{Name: "In", Kind: wire.KindStruct, Go: wire.StructOf[streamIn]{}, Fields: []wire.Field{{Name: "Body", Type: 1, Loc: wire.InPayload}}},
		{Name: "Out", Kind: wire.KindStruct, Go: wire.StructOf[streamOut]{}, Fields: []wire.Field{{Name: "Body", Type: 1, Loc: wire.InPayload}}},
		{Name: "Nothing", Kind: wire.KindStruct, Go: wire.StructOf[nothing]{}},
	},
	Operations: []wire.Operation{
		{Name: "Put", Method: "PUT", URI: "/stored", Input: 2, Output: 4},
		{Name: "Get", Method: "GET", URI: "/stored", Input: 4, Output: 3},
	},
}

func mustStreamDoor(t *testing.T, s streams) http.Handler {
	t.Helper()
	sessions, err := access.NewSessions(make([]byte, access.SessionKeySize), ids.System())
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	return frontdoor.New(frontdoor.Deps{
		Services: []wire.Service{{Schema: &streamSchema, Invoke: func(_ context.Context, _ int, in any) (any, error) {
			if i, ok := in.(*streamIn); ok {
				return &nothing{}, s.put(i.Body)
			}
			return &streamOut{Body: s.get()}, nil
		}}},
		Gate: frontdoor.NewGate(frontdoor.AllowAll{}, log, obs.NewMetrics()), Authenticator: access.Development{Sessions: sessions},
		Clock: clock.System{}, NewID: func() string { return "req-1" }, Log: log,
	})
}

// heap is the memory in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// zeros is a body of size bytes that looks at the heap every 8 MiB.
type zeros struct {
	size, read int64
	peak       *uint64
}

func (z *zeros) Read(p []byte) (int, error) {
	const every = 8 << 20
	if z.read >= z.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), z.size-z.read))
	if z.peak != nil && (z.read+int64(n))/every > z.read/every {
		*z.peak = max(*z.peak, heap())
	}
	z.read += int64(n)
	clear(p[:n])
	return n, nil
}

func (*zeros) Close() error { return nil }

// TestStreamsAreNotHeld: a body passes through in both directions without being kept, over HTTP/1.1 with and without a
// length, and over HTTP/2. Client and server are one process here, so the heap is of both.
func TestStreamsAreNotHeld(t *testing.T) {
	const size, allowed = 64 << 20, 6 << 20
	for _, tt := range []struct {
		name   string
		http2  bool
		length int64
	}{{"HTTP/1.1", false, size}, {"chunked", false, -1}, {"HTTP/2", true, size}} {
		t.Run(tt.name, func(t *testing.T) {
			var peak uint64
			var stored int64
			address := mustServe(t, mustStreamDoor(t, streams{
				put: func(body io.Reader) (err error) { stored, err = io.Copy(io.Discard, body); return err },
				get: func() io.ReadCloser { return &zeros{size: size, peak: &peak} },
			}))
			tr := &http.Transport{Protocols: new(http.Protocols)}
			tr.Protocols.SetHTTP1(!tt.http2)
			tr.Protocols.SetUnencryptedHTTP2(tt.http2)
			t.Cleanup(tr.CloseIdleConnections)
			do := func(method string, body io.Reader, length int64) int64 {
				r, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+"/stored", body)
				if err != nil {
					t.Fatal(err)
				}
				r.ContentLength = length
				for line := range strings.SplitSeq(strings.TrimSpace(authorization), "\r\n") {
					k, v, _ := strings.Cut(line, ": ")
					r.Header.Set(k, v)
				}
				resp, err := tr.RoundTrip(r)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = resp.Body.Close() }()
				n, err := io.Copy(io.Discard, resp.Body)
				if err != nil || resp.StatusCode != 200 {
					t.Fatalf("%s %s: %v", method, resp.Status, err)
				}
				return n
			}
			before := heap()
			do("PUT", &zeros{size: size, peak: &peak}, tt.length)
			if stored != size || peak == 0 || peak > before+allowed {
				t.Errorf("upload of %d bytes, heap from %d to %d", stored, before, peak)
			}
			peak = 0
			if n := do("GET", nil, 0); n != size || peak == 0 || peak > before+allowed {
				t.Errorf("download of %d bytes, heap from %d to %d", n, before, peak)
			}
		})
	}
}

// TestBrokenStreamsReachTheService: a service never takes half a body for a whole one.
func TestBrokenStreamsReachTheService(t *testing.T) {
	got := make(chan error, 1)
	c := mustDial(t, mustServe(t, mustStreamDoor(t, streams{put: func(body io.Reader) error {
		_, err := io.Copy(io.Discard, body)
		got <- err
		return err
	}})))
	c.send(t, "PUT /stored HTTP/1.1\r\nHost: 127.0.0.1\r\n%sContent-Length: 100\r\n\r\nhalf", authorization)
	_ = c.Close()
	if err := <-got; !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the service saw %v", err)
	}
}

// TestManySlowClientsHoldLittle: what a client promises costs nothing, and what it has sent little more than that.
func TestManySlowClientsHoldLittle(t *testing.T) {
	const clients, allowed = 200, 64 << 10 // bytes for each, with the client's own end
	address := mustServe(t, mustDoor(t, nil))
	before := heap()
	conns := make([]rawConn, clients)
	for i := range conns {
		conns[i] = mustDial(t, address)
		switch i % 3 {
		case 0:
			conns[i].send(t, "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Half: %s", strings.Repeat("a", 8<<10))
		case 1:
			conns[i].send(t, "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\nContent-Length: 10000000\r\n\r\nAction=", form)
		default:
			conns[i].send(t, "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n\x1f\x8b\x08\x00\x00\r\n", form)
		}
	}
	// An answer to one more client shows that the server had time for those before it.
	last := mustDial(t, address)
	last.send(t, "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\nContent-Length: %d\r\n\r\n%s", form, len(whoami), whoami)
	if status, body, _ := last.answer(t); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	if after := heap(); after > before+clients*allowed {
		t.Errorf("%d bytes for each of %d slow clients, want at most %d", (after-before)/clients, clients, allowed)
	} else {
		t.Logf("%d bytes for each slow client", (max(after, before)-before)/clients)
	}
}
