// SPDX-License-Identifier: Apache-2.0

package runtimeapi

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gustcloud/gust/internal/base/clock"
)

// client speaks raw bytes to a server, so that a test says exactly what is on the wire.
type client struct {
	t  testing.TB
	nc net.Conn
	br *bufio.Reader
}

func mustServer(t testing.TB) (*Server, func() *client) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(clock.System{})
	if err := s.Start(l); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, func() *client {
		nc, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = nc.Close() })
		if err := nc.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		return &client{t: t, nc: nc, br: bufio.NewReader(nc)}
	}
}

func (c *client) send(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c.nc, s); err != nil {
		c.t.Fatal(err)
	}
}

// receive reads one response with net/http's parser.
func (c *client) receive() (status int, head http.Header, body string) {
	c.t.Helper()
	res, err := http.ReadResponse(c.br, nil) //nolint:bodyclose // the body is read to its end below; the connection goes on
	if err != nil {
		c.t.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(b)
}

func post(path, body string, headers ...string) string {
	h := strings.Join(append(headers, ""), "\r\n")
	return "POST /2018-06-01/runtime/" + path + " HTTP/1.1\r\nHost: x\r\n" + h + "Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

const getNext = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n"

// running brings a fresh server to an invocation with the id "id-1".
func running(t testing.TB) (*Server, *client) {
	t.Helper()
	s, dial := mustServer(t)
	c := dial()
	c.send(getNext)
	<-s.Waiting()
	if err := s.Dispatch(&Invocation{RequestID: "id-1", Payload: []byte(`{}`)}); err != nil {
		t.Fatal(err)
	}
	if status, _, _ := c.receive(); status != 200 {
		t.Fatalf("next: %d", status)
	}
	return s, c
}

func TestNextCarriesTheEvent(t *testing.T) {
	s, dial := mustServer(t)
	c := dial()
	c.send(getNext)
	<-s.Waiting()
	if err := s.Dispatch(&Invocation{
		RequestID: "id-1", DeadlineMS: 1700000000123, InvokedARN: "arn:f", TraceID: "Root=1", Payload: []byte(`{"a":1}`),
		ClientContext: "{\n\"x\": 1}",
	}); err != nil {
		t.Fatal(err)
	}
	status, head, body := c.receive()
	if status != 200 || body != `{"a":1}` {
		t.Errorf("%d %s", status, body)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Lambda-Runtime-Aws-Request-Id": "id-1", "Lambda-Runtime-Deadline-Ms": "1700000000123",
		"Lambda-Runtime-Invoked-Function-Arn": "arn:f", "Lambda-Runtime-Trace-Id": "Root=1", "Lambda-Runtime-Client-Context": `{ "x": 1}`,
	} {
		if got := head.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if _, ok := head["Lambda-Runtime-Cognito-Identity"]; ok {
		t.Error("a header without a value was sent")
	}
}

func TestAnswers(t *testing.T) {
	const resp = "invocation/id-1/response"
	ok, bad := `{"status":"OK"}`, func(typ, msg string) string { return `{"errorMessage":"` + msg + `","errorType":"` + typ + `"}` }
	base64Body := base64.StdEncoding.EncodeToString([]byte(`{"errorType":"Late"}`))
	for _, tc := range []struct {
		name    string
		request string
		status  int
		body    string
		outcome *Outcome // nil: none
	}{
		{"response", post(resp, `"x"`), 202, ok, &Outcome{Payload: []byte(`"x"`)}},
		{"empty response", post(resp, ``), 202, ok, &Outcome{Payload: []byte{}}},
		{
			"chunked response", "POST /2018-06-01/runtime/" + resp + " HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
			202, ok, &Outcome{Payload: []byte("abcde")},
		},
		{
			"streamed response that fails in its trailers", "POST /2018-06-01/runtime/" + resp +
				" HTTP/1.1\r\nLambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n" +
				"Lambda-Runtime-Function-Error-Type: Function.Late\r\nLambda-Runtime-Function-Error-Body: " + base64Body + "\r\n\r\n",
			202, ok, &Outcome{Payload: []byte(`{"errorType":"Late"}`), ErrorType: "Function.Late"},
		},
		{"error", post("invocation/id-1/error", `{"e":1}`, "Lambda-Runtime-Function-Error-Type: Runtime.Bad"), 202, ok, &Outcome{Payload: []byte(`{"e":1}`), ErrorType: "Runtime.Bad"}},
		{"error without type", post("invocation/id-1/error", `{}`), 202, ok, &Outcome{Payload: []byte(`{}`), ErrorType: "Runtime.Unknown"}},
		{
			"error with cause", post("invocation/id-1/error", `{"errorMessage":"m","errorType":"t","causes":[1]}`, "Content-Type: application/vnd.aws.lambda.error.cause+json"),
			202, ok, &Outcome{Payload: []byte(`{"errorMessage":"m","errorType":"t"}`), ErrorType: "Runtime.Unknown"},
		},
		{"another id", post("invocation/id-2/response", `{}`), 400, bad("InvalidRequestID", "Invalid request ID"), nil},
		{
			"init error after init", post("init/error", `{}`), 403,
			bad("InvalidStateTransition", "Transition from Running to InitError failed for runtime. Error: State transition is not allowed"), nil,
		},
		{
			"unknown mode", post(resp, `{}`, "Lambda-Runtime-Function-Response-Mode: x"), 400,
			bad("InvalidFunctionResponseMode", "Invalid function response mode"), &Outcome{ErrorType: "Runtime.InvalidResponseModeHeader", Platform: true},
		},
		{"unknown path", "GET /2018-06-01/runtime/other HTTP/1.1\r\n\r\n", 404, "404 page not found", nil},
		{"wrong method", "GET /2018-06-01/runtime/" + resp + " HTTP/1.1\r\n\r\n", 405, "", nil},
		{"ping", "GET /2018-06-01/ping HTTP/1.1\r\n\r\n", 200, "pong", nil},
		{
			"extensions", "POST /2020-01-01/extension/register HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", 501,
			bad("NotImplemented", "Extensions and the Telemetry API are not implemented by this server yet: /2020-01-01/extension/register"), nil,
		},
		{"two lengths", "POST /2018-06-01/runtime/" + resp + " HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", 400, "400 Bad Request", nil},
		{"length and chunked", "POST /2018-06-01/runtime/" + resp + " HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "400 Bad Request", nil},
		{"bare line feed", "GET /2018-06-01/ping HTTP/1.1\n\n", 400, "400 Bad Request", nil},
		{"HTTP/2", "GET /2018-06-01/ping HTTP/2.0\r\n\r\n", 400, "400 Bad Request", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, c := running(t)
			c.send(tc.request)
			status, _, body := c.receive()
			if status != tc.status || strings.TrimSpace(body) != tc.body {
				t.Errorf("got  %d %s\nwant %d %s", status, body, tc.status, tc.body)
			}
			if tc.outcome == nil {
				if len(s.Outcome()) != 0 {
					t.Errorf("an outcome: %+v", <-s.Outcome())
				}
				return
			}
			if o := <-s.Outcome(); !bytes.Equal(o.Payload, tc.outcome.Payload) || o.ErrorType != tc.outcome.ErrorType || o.Platform != tc.outcome.Platform {
				t.Errorf("got %+v (%s), want %+v", o, o.Payload, *tc.outcome)
			}
			c.send(getNext) // the connection goes on, whatever was answered
			<-s.Waiting()
		})
	}
}

func TestResponseOfTheLargestSizePassesAndOneMoreByteDoesNot(t *testing.T) {
	for _, tc := range []struct {
		name   string
		size   int
		chunk  bool
		status int
	}{
		{"largest", MaxPayload, false, 202},
		{"too large", MaxPayload + 1, false, 413},
		{"largest, chunked", MaxPayload, true, 202},
		{"too large, chunked", MaxPayload + 1, true, 413},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, c := running(t)
			body := strings.Repeat("x", tc.size)
			request := post("invocation/id-1/response", body)
			if tc.chunk {
				request = "POST /2018-06-01/runtime/invocation/id-1/response HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" +
					strconv.FormatInt(int64(tc.size), 16) + "\r\n" + body + "\r\n0\r\n\r\n"
			}
			c.send(request)
			status, _, answer := c.receive()
			o := <-s.Outcome()
			if status != tc.status {
				t.Errorf("status %d, want %d", status, tc.status)
			}
			if tc.status == 202 && len(o.Payload) != tc.size {
				t.Errorf("%d bytes arrived", len(o.Payload))
			}
			if tc.status == 413 && (o.ErrorType != "Function.ResponseSizeTooLarge" || strings.TrimSpace(answer) !=
				`{"errorMessage":"Exceeded maximum allowed payload size (6291556 bytes).","errorType":"RequestEntityTooLarge"}`) {
				t.Errorf("outcome %s, answer %s", o.ErrorType, answer)
			}
			c.send(getNext)
			<-s.Waiting()
		})
	}
}

func TestExpectContinue(t *testing.T) {
	s, c := running(t)
	c.send("POST /2018-06-01/runtime/invocation/id-1/response HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
	line, err := c.br.ReadString('\n')
	if err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("%q, %v", line, err)
	}
	if _, err := c.br.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	c.send("{}")
	if status, _, _ := c.receive(); status != 202 {
		t.Errorf("status %d", status)
	}
	<-s.Outcome()
}

func TestTruncatedResponseFailsTheInvocation(t *testing.T) {
	s, c := running(t)
	c.send("POST /2018-06-01/runtime/invocation/id-1/response HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc")
	if tcp, ok := c.nc.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
	if o := <-s.Outcome(); o.ErrorType != "Runtime.TruncatedResponse" {
		t.Errorf("outcome %+v", o)
	}
	if status, _, body := c.receive(); status != 400 || !strings.Contains(body, "TruncatedHTTPRequest") {
		t.Errorf("%d %s", status, body)
	}
}

func TestInitErrorThenNextIsRefused(t *testing.T) {
	s, dial := mustServer(t)
	c := dial()
	c.send(post("init/error", `{"e":1}`, "Lambda-Runtime-Function-Error-Type: Function.Oops"))
	if status, _, _ := c.receive(); status != 202 {
		t.Errorf("status %d", status)
	}
	if o := <-s.InitError(); o.ErrorType != "Function.Oops" || string(o.Payload) != `{"e":1}` {
		t.Errorf("outcome %+v", o)
	}
	c.send(getNext)
	if status, _, body := c.receive(); status != 403 || !strings.Contains(body, "InvalidStateTransition") {
		t.Errorf("%d %s", status, body)
	}
}

func TestNextAgainDuringAnInvocationGivesTheSameEvent(t *testing.T) {
	_, c := running(t)
	c.send(getNext)
	if status, head, _ := c.receive(); status != 200 || head.Get("Lambda-Runtime-Aws-Request-Id") != "id-1" {
		t.Errorf("%d %v", status, head)
	}
}

func TestEventReachesARuntimeThatReconnects(t *testing.T) {
	s, dial := mustServer(t)
	first := dial()
	first.send(getNext)
	<-s.Waiting()
	_ = first.nc.Close()
	<-s.Gone()
	if err := s.Dispatch(&Invocation{RequestID: "id-1"}); err != nil {
		t.Fatal(err)
	}
	second := dial()
	second.send(getNext)
	if status, head, _ := second.receive(); status != 200 || head.Get("Lambda-Runtime-Aws-Request-Id") != "id-1" {
		t.Errorf("%d %v", status, head)
	}
}

func TestDispatchNeedsAWaitingRuntime(t *testing.T) {
	s, _ := mustServer(t)
	if err := s.Dispatch(&Invocation{}); !errors.Is(err, ErrState) {
		t.Errorf("got %v", err)
	}
	s.Close()
	if err := s.Dispatch(&Invocation{}); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestConnectionClose(t *testing.T) {
	_, c := running(t)
	c.send(post("invocation/id-1/response", "{}", "Connection: close"))
	if status, _, _ := c.receive(); status != 202 {
		t.Errorf("status %d", status)
	}
	if _, err := c.br.ReadByte(); err != io.EOF {
		t.Errorf("the connection is still open: %v", err)
	}
}

func TestFilterErrorType(t *testing.T) {
	for in, want := range map[string]string{
		"Runtime.ImportModuleError": "Runtime.ImportModuleError", "Function.Bad": "Function.Bad", "": "Runtime.Unknown",
		"Function.bad": "Function.Unknown", "Function<RuntimeError>": "Runtime.Unknown", "TypeError": "Runtime.Unknown",
		"Runtime.A1": "Runtime.Unknown", "xRuntime.Bad": "Runtime.Unknown",
	} {
		if got := FilterErrorType(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
