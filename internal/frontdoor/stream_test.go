// SPDX-License-Identifier: Apache-2.0

package frontdoor_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gustcloud/gust/internal/access"
	"github.com/gustcloud/gust/internal/access/sigv4"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/obs"
	"github.com/gustcloud/gust/internal/frontdoor"
	"github.com/gustcloud/gust/internal/wire"
	"github.com/gustcloud/gust/internal/wire/eventstream"
)

// ticker is a small service of RPC v2 CBOR, written as tools/apigen generates one: Add answers with numbers, Watch with a
// stream of them.
type (
	addInput  struct{ A, B int32 }
	addOutput struct{ Sum int32 }
	watchIn   struct{ Count int32 }
	watchOut  struct {
		Name  string
		Ticks iter.Seq2[tick, error]
	}
	tick      struct{ Tick *tickEvent }
	tickEvent struct{ N int32 }
	overflow  struct{ Message string }
)

const (
	rInt wire.Ref = iota + 1
	rString
	rAddInput
	rAddOutput
	rWatchIn
	rWatchOut
	rTick
	rTickEvent
	rOverflow
)

func (e *overflow) Error() string                      { return "Overflow: " + e.Message }
func (e *overflow) WireType() (*wire.Schema, wire.Ref) { return &tickerSchema, rOverflow }

// offset is what generated code has unsafe.Offsetof for.
func offset[T any](field string) uintptr {
	f, ok := reflect.TypeFor[T]().FieldByName(field)
	if !ok {
		panic("no field " + field)
	}
	return f.Offset
}

var tickerSchema = wire.Schema{
	ID: "ticker", SigningName: "ticker", EndpointPrefix: "ticker", TargetPrefix: "Ticker", ErrorPrefix: "com.amazonaws.ticker#", JSONVersion: "1.1",
	Protocols: []wire.ProtocolID{wire.ProtocolCBOR, wire.ProtocolJSON}, ValidationCode: "ValidationException",
	Types: []wire.Type{
		{},
		rInt:    {Name: "Integer", Kind: wire.KindInt32},
		rString: {Name: "String", Kind: wire.KindString},
		rAddInput: {Name: "AddInput", Kind: wire.KindStruct, Go: wire.StructOf[addInput]{}, Fields: []wire.Field{
			{Name: "A", Type: rInt, Flags: wire.Required},
			{Name: "B", Off: offset[addInput]("B"), Type: rInt, Flags: wire.Required},
		}},
		rAddOutput: {Name: "AddOutput", Kind: wire.KindStruct, Go: wire.StructOf[addOutput]{}, Fields: []wire.Field{{Name: "Sum", Type: rInt, Flags: wire.Required}}},
		rWatchIn:   {Name: "WatchInput", Kind: wire.KindStruct, Go: wire.StructOf[watchIn]{}, Fields: []wire.Field{{Name: "Count", Type: rInt, Flags: wire.Required}}},
		rWatchOut: {Name: "WatchOutput", Kind: wire.KindStruct, Go: wire.StructOf[watchOut]{}, Fields: []wire.Field{
			{Name: "Name", Type: rString, Flags: wire.Required},
			{Name: "Ticks", Off: offset[watchOut]("Ticks"), Type: rTick},
		}},
		rTick: {Name: "Ticks", Kind: wire.KindEvents, Go: wire.EventsOf[tick]{}, Fields: []wire.Field{
			{Name: "Tick", Type: rTickEvent},
			{Name: "Overflow", Type: rOverflow},
		}},
		rTickEvent: {Name: "TickEvent", Kind: wire.KindStruct, Go: wire.StructOf[tickEvent]{}, Fields: []wire.Field{{Name: "N", Type: rInt, Flags: wire.Required}}},
		rOverflow: {
			Name: "Overflow", Kind: wire.KindStruct, Go: wire.StructOf[overflow]{}, Fields: []wire.Field{{Name: "message", Type: rString}},
			Error: &wire.ErrorInfo{Code: "Overflow", Status: 400, Sender: true, Message: "message"},
		},
	},
	Operations: []wire.Operation{
		{Name: "Add", Method: "POST", URI: "/", Input: rAddInput, Output: rAddOutput},
		{Name: "Watch", Method: "POST", URI: "/", Input: rWatchIn, Output: rWatchOut},
	},
}

// watched is how a stream ended on the server's side.
type watched struct {
	err  chan error
	step chan struct{} // an event is yielded for each
}

func (s watched) invoke(ctx context.Context, op int, in any) (any, error) {
	if op == 0 {
		a := in.(*addInput)
		if a.A == 1<<31-1 {
			return nil, &overflow{Message: "too much"}
		}
		return &addOutput{Sum: a.A + a.B}, nil
	}
	count := in.(*watchIn).Count
	return &watchOut{Name: "t", Ticks: func(yield func(tick, error) bool) {
		for n := int32(0); ; n++ {
			select {
			case <-s.step:
			case <-ctx.Done():
				s.err <- ctx.Err()
				return
			}
			if n == count {
				yield(tick{}, &overflow{Message: "no more"})
				s.err <- nil
				return
			}
			if !yield(tick{Tick: &tickEvent{N: n}}, nil) {
				s.err <- errors.New("told to stop")
				return
			}
		}
	}}, nil
}

// mustTicker serves the ticker through a whole door.
func mustTicker(t *testing.T) (*httptest.Server, watched, *lockedBuffer) {
	t.Helper()
	out := &lockedBuffer{}
	log, err := obs.NewLogger(out, obs.FormatText, slog.LevelDebug)
	if err != nil {
		t.Fatal(err)
	}
	s := watched{err: make(chan error, 1), step: make(chan struct{}, 10)}
	door := frontdoor.New(frontdoor.Deps{
		Services: []wire.Service{{Schema: &tickerSchema, Invoke: s.invoke}}, Log: log, Clock: clock.System{}, NewID: func() string { return "req-1" },
		Gate: frontdoor.NewGate(frontdoor.AllowAll{}, log, obs.NewMetrics()), Authenticator: access.Development{},
	})
	srv := httptest.NewServer(door)
	t.Cleanup(srv.Close)
	return srv, s, out
}

// call sends a request of RPC v2 CBOR, signed as SDKs do it.
func call(t *testing.T, srv *httptest.Server, operation, body string, headers ...string) *http.Response {
	t.Helper()
	headers = append([]string{"Smithy-Protocol: rpc-v2-cbor", "Content-Type: application/cbor", "Accept: application/cbor"}, headers...)
	r := signed(t, sigv4.Keys{AccessKeyID: "test", SecretAccessKey: "x"}, "ticker", http.MethodPost, srv.URL+"/service/Ticker/operation/"+operation, body, headers...)
	r.RequestURI = ""
	resp, err := srv.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func TestDoorSpeaksCBOR(t *testing.T) {
	srv, _, _ := mustTicker(t)
	tests := []struct {
		name, operation, body string
		headers               []string
		status                int
		want                  string
	}{
		{"answer", "Add", "\xa2\x61A\x02\x61B\x03", nil, 200, "\xbf\x63Sum\x05\xff"},
		{"modelled error", "Add", "\xa2\x61A\x1a\x7f\xff\xff\xff\x61B\x03", nil, 400, "\xbf\x66__type\x78\x1dcom.amazonaws.ticker#Overflow\x67message\x68too much\xff"},
		{"validation", "Add", "\xa1\x61A\x02", nil, 400, "Value null at 'b'"},
		{"broken body", "Add", "\xa2\x61A", nil, 400, "SerializationException"},
		{"other content type", "Add", "{}", []string{"Content-Type: application/json"}, 415, "UnsupportedMediaTypeException"},
		{"unknown operation", "Fly", "\xa0", nil, 400, "UnknownOperationException"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp := call(t, srv, tt.operation, tt.body, tt.headers...)
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != tt.status || !strings.Contains(string(body), tt.want) {
				t.Errorf("%d %q, %v", resp.StatusCode, body, err)
			}
			h := resp.Header
			if h.Get("Smithy-Protocol") != "rpc-v2-cbor" || h.Get("Content-Type") != "application/cbor" || h.Get("X-Amzn-Errortype") != "" || h.Get("X-Amzn-Requestid") != "req-1" {
				t.Errorf("headers %v", h)
			}
		})
	}
}

// nextEvent reads a message and returns what it is called and its payload.
func nextEvent(t *testing.T, in *eventstream.Reader) (name, payload string) {
	t.Helper()
	m, err := in.Next()
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range []string{":event-type", ":exception-type", ":error-code"} {
		if v, ok := m.Get(h); ok {
			return v.Text, string(m.Payload)
		}
	}
	return "", ""
}

func TestDoorStreamsEvents(t *testing.T) {
	srv, s, log := mustTicker(t)
	s.step <- struct{}{}
	resp := call(t, srv, "Watch", "\xa1\x65Count\x02")
	defer resp.Body.Close()
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/vnd.amazon.eventstream" {
		t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	in := eventstream.NewReader(resp.Body)
	for _, want := range [][2]string{{"initial-response", "\xbf\x64Name\x61t\xff"}, {"Tick", "\xbf\x61N\x00\xff"}, {"Tick", "\xbf\x61N\x01\xff"}, {"Overflow", "\xbf\x67message\x67no more\xff"}} {
		if name, payload := nextEvent(t, in); name != want[0] || payload != want[1] {
			t.Fatalf("got %s %q, want %q", name, payload, want)
		}
		s.step <- struct{}{}
	}
	if _, err := in.Next(); !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the answer does not end properly: %v", err)
	}
	if err := <-s.err; err != nil {
		t.Error(err)
	}
	srv.Close() // waits for the handler, and with it for its line
	if !strings.Contains(log.String(), "Overflow: no more") {
		t.Errorf("the audit lacks the error: %s", log)
	}
}

func TestDoorAnswersAnEarlyErrorOfAStreamAsUsual(t *testing.T) {
	srv, s, _ := mustTicker(t)
	s.step <- struct{}{}
	resp := call(t, srv, "Watch", "\xa1\x65Count\x00")
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 400 || !bytes.Contains(body, []byte("#Overflow")) || resp.Header.Get("Content-Type") != "application/cbor" {
		t.Errorf("%d %q %v, %v", resp.StatusCode, body, resp.Header, err)
	}
}

func TestDoorStopsTheStreamOfAClientThatIsGone(t *testing.T) {
	srv, s, _ := mustTicker(t)
	s.step <- struct{}{}
	resp := call(t, srv, "Watch", "\xa1\x65Count\x18\x64")
	defer resp.Body.Close()
	nextEvent(t, eventstream.NewReader(resp.Body))
	_ = resp.Body.Close() // while the service waits for its next event
	select {
	case err := <-s.err:
		if err == nil {
			t.Error("the stream went on to its end")
		}
	case <-time.After(10 * time.Second):
		t.Error("the stream still waits")
	}
}
