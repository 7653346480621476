// SPDX-License-Identifier: Apache-2.0

package frontdoor_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gustcloud/gust/internal/access"
	"github.com/gustcloud/gust/internal/access/sigv4"
	"github.com/gustcloud/gust/internal/awsapi/lambda"
	"github.com/gustcloud/gust/internal/awsapi/logs"
	"github.com/gustcloud/gust/internal/awsapi/sts"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/ids"
	"github.com/gustcloud/gust/internal/base/obs"
	"github.com/gustcloud/gust/internal/base/reqctx"
	"github.com/gustcloud/gust/internal/frontdoor"
	"github.com/gustcloud/gust/internal/wire"
)

// fakeSTS answers with what the door put into the context, or with what do gives.
type fakeSTS struct {
	sts.API
	do func(ctx context.Context) error
}

func (f fakeSTS) GetCallerIdentity(ctx context.Context, _ *sts.GetCallerIdentityRequest) (*sts.GetCallerIdentityResponse, error) {
	if f.do != nil {
		if err := f.do(ctx); err != nil {
			return nil, err
		}
	}
	r := reqctx.From(ctx)
	return &sts.GetCallerIdentityResponse{Account: new(r.Account), Arn: new(r.PrincipalARN), UserId: new(r.UserID + "/" + r.Region)}, nil
}

type fakeLogs struct{ logs.API }

func (fakeLogs) CreateLogGroup(_ context.Context, in *logs.CreateLogGroupRequest) (*logs.CreateLogGroupOutput, error) {
	if in.LogGroupName == "taken" {
		return nil, fmt.Errorf("create: %w", &logs.ResourceAlreadyExistsException{Message: "The specified log group already exists"})
	}
	return &logs.CreateLogGroupOutput{}, nil
}

type testDoor struct {
	*frontdoor.Door
	caller   *frontdoor.Caller
	sessions *access.Sessions
	log      *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func mustDoor(tb testing.TB, do func(context.Context) error) testDoor {
	tb.Helper()
	out := &lockedBuffer{}
	log, err := obs.NewLogger(out, obs.FormatText, slog.LevelDebug)
	if err != nil {
		tb.Fatal(err)
	}
	sessions, err := access.NewSessions(make([]byte, access.SessionKeySize), ids.System())
	if err != nil {
		tb.Fatal(err)
	}
	services := []wire.Service{sts.Bind(fakeSTS{do: do}), logs.Bind(fakeLogs{}), lambda.Bind(nil)}
	gate := frontdoor.NewGate(frontdoor.AllowAll{}, log, obs.NewMetrics())
	caller := frontdoor.NewCaller(gate, clock.System{}, ids.System().UUID)
	caller.Bind(services)
	return testDoor{Door: frontdoor.New(frontdoor.Deps{
		Services: services, Gate: gate, Guard: frontdoor.Guard{Domains: []string{"gust.test"}, Origins: []string{"https://ok.example"}},
		Authenticator: access.Development{Sessions: sessions}, Clock: clock.System{}, NewID: func() string { return "req-1" }, Log: log,
	}), caller: caller, sessions: sessions, log: out}
}

// signed builds a request to service. Headers are "Name: value".
func signed(tb testing.TB, k sigv4.Keys, service, method, url, body string, headers ...string) *http.Request {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), method, url, strings.NewReader(body))
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	if k.AccessKeyID != "" {
		sigv4.Sign(r, k, "eu-west-1", service, sigv4.SumHex([]byte(body)), time.Now())
	}
	return r
}

const (
	form   = "Content-Type: application/x-www-form-urlencoded"
	whoami = "Action=GetCallerIdentity&Version=2011-06-15"
	base   = "http://127.0.0.1:4566"
)

func TestDoorAnswersInTheProtocolOfTheRequest(t *testing.T) {
	any := sigv4.Keys{AccessKeyID: "test", SecretAccessKey: "x"}
	target := func(op string) string { return "X-Amz-Target: Logs_20140328." + op }
	tests := []struct {
		name                  string
		keys                  sigv4.Keys
		service, method, path string
		body                  string
		headers               []string
		status                int
		want                  []string // parts of the body
		header                string   // "Name: value" of the answer
	}{
		{
			"query success", any, "sts", "POST", "/", whoami,
			[]string{form},
			200,
			[]string{"<Account>000000000000</Account>", "<Arn>arn:aws:iam::000000000000:root</Arn>", "<UserId>000000000000/eu-west-1</UserId>", "<RequestId>req-1</RequestId>"},
			"X-Amzn-Requestid: req-1",
		},
		{
			"account key",
			sigv4.Keys{AccessKeyID: "123456789012"},
			"sts", "POST", "/", whoami,
			[]string{form},
			200,
			[]string{"<Account>123456789012</Account>"},
			"",
		},
		{"unsigned", sigv4.Keys{}, "", "POST", "/", whoami, []string{form}, 200, []string{"<UserId>000000000000/us-east-1</UserId>"}, ""},
		{
			"query unknown action", any, "sts", "POST", "/", "Action=Fly&Version=2011-06-15",
			[]string{form},
			400,
			[]string{"<Code>InvalidAction</Code>", "Could not find operation Fly for version 2011-06-15"},
			"Content-Type: text/xml",
		},
		{
			"query missing operation", any, "sts", "POST", "/", "Action=GetSessionToken&Version=2011-06-15",
			[]string{form},
			501,
			[]string{"<Code>InvalidAction</Code>", "GetSessionToken"},
			"",
		},
		{"json success", any, "logs", "POST", "/", `{"logGroupName":"g"}`, []string{target("CreateLogGroup")}, 200, nil, "X-Amzn-Requestid: req-1"},
		{
			"json modelled error", any, "logs", "POST", "/", `{"logGroupName":"taken"}`,
			[]string{target("CreateLogGroup")},
			400,
			[]string{"ResourceAlreadyExistsException", "The specified log group already exists"},
			"Content-Type: application/x-amz-json-1.1",
		},
		{
			"json invalid value", any, "logs", "POST", "/", `{"logGroupName":""}`,
			[]string{target("CreateLogGroup")},
			400,
			[]string{"InvalidParameterException", "length greater than or equal to 1"},
			"",
		},
		{"json unknown operation", any, "logs", "POST", "/", "{}", []string{target("Fly")}, 400, []string{"UnknownOperationException"}, ""},
		{"json missing operation", any, "logs", "POST", "/", "{}", []string{target("StartLiveTail")}, 501, []string{"StartLiveTail"}, ""},
		{"json broken body", any, "logs", "POST", "/", "{", []string{target("CreateLogGroup")}, 400, []string{"SerializationException"}, ""},
		{"rest unknown path", any, "lambda", "GET", "/2015-03-31/nothing", "", nil, 404, nil, "X-Amzn-Errortype: UnknownOperationException"},
		{"rest missing operation", any, "lambda", "GET", "/2015-03-31/event-source-mappings", "", nil, 501, []string{"ListEventSourceMappings"}, "X-Amzn-Requestid: req-1"},
		{"s3", any, "s3", "GET", "/b/k", "", nil, 501, []string{"<Error><Code>NotImplemented</Code>", "s3"}, "X-Amz-Request-Id: req-1"},
		{"s3 head", any, "s3", "HEAD", "/b/k", "", nil, 501, nil, "X-Amz-Request-Id: req-1"},
		{"sqs json", any, "sqs", "POST", "/", "{}", []string{"X-Amz-Target: AmazonSQS.ListQueues", "Content-Type: application/x-amz-json-1.0"}, 501, []string{`"__type"`, "sqs", "ListQueues"}, "Content-Type: application/x-amz-json-1.0"},
		{"sqs query", any, "sqs", "POST", "/", "Action=ListQueues&Version=2012-11-05", []string{form}, 501, []string{"<Code>InvalidAction</Code>", "sqs", "ListQueues"}, ""},
		{"cbor", any, "monitoring", "POST", "/service/GraniteServiceVersion20100801/operation/ListMetrics", "", []string{"Smithy-Protocol: rpc-v2-cbor"}, 501, []string{"\xbf\x66__type\x78", "\x67message\x78", "monitoring"}, "Smithy-Protocol: rpc-v2-cbor"},
		{"older cbor", any, "kinesis", "POST", "/", "\xa0", []string{"X-Amz-Target: Kinesis_20131202.ListStreams", "Content-Type: application/x-amz-cbor-1.1"}, 501, []string{"\xbf\x66__type\x78", "kinesis"}, "Content-Type: application/x-amz-cbor-1.1"},
		{"rest of another service", any, "apigateway", "GET", "/restapis", "", nil, 501, []string{"apigateway"}, "X-Amzn-Errortype: UnknownOperationException"},
		{"the operator's paths are not here", sigv4.Keys{}, "", "GET", "/_gust/health", "", nil, 501, []string{"NotImplemented"}, ""},
		{"broken signature", sigv4.Keys{}, "", "POST", "/", whoami, []string{form, "Authorization: AWS4-HMAC-SHA256 Credential=x"}, 400, []string{"<Code>IncompleteSignature</Code>"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			mustDoor(t, nil).ServeHTTP(w, signed(t, tt.keys, tt.service, tt.method, base+tt.path, tt.body, tt.headers...))
			if w.Code != tt.status {
				t.Errorf("status %d, want %d: %s", w.Code, tt.status, w.Body)
			}
			for _, part := range tt.want {
				if !strings.Contains(w.Body.String(), part) {
					t.Errorf("body lacks %q: %q", part, w.Body)
				}
			}
			if tt.method == "HEAD" && w.Body.Len() > 0 {
				t.Errorf("HEAD has a body: %q", w.Body)
			}
			if name, value, ok := strings.Cut(tt.header, ": "); ok && !strings.HasPrefix(headerOf(w, name), value) {
				t.Errorf("%s = %q, want %q; %v", name, headerOf(w, name), value, w.Header())
			}
		})
	}
}

// headerOf finds a header whatever its letters' case: AWS's own spelling is not the canonical one.
func headerOf(w *httptest.ResponseRecorder, name string) string {
	for k, v := range w.Header() {
		if strings.EqualFold(k, name) {
			return v[0]
		}
	}
	return ""
}

func TestDoorKnowsTheSessionsOfRoles(t *testing.T) {
	d := mustDoor(t, nil)
	role := access.Role{ARN: "arn:aws:iam::123456789012:role/r", ID: "AROAABCDEFGHIJKLMNOPQ"}
	tests := []struct {
		name    string
		expires time.Time
		service string
		body    string
		headers []string
		status  int
		want    string
	}{
		{"query", time.Now().Add(time.Hour), "sts", whoami, []string{form}, 200, "<Arn>arn:aws:sts::123456789012:assumed-role/r/s</Arn>"},
		{"query, expired", time.Now().Add(-time.Hour), "sts", whoami, []string{form}, 403, "<Code>ExpiredToken</Code>"},
		{"json, expired", time.Now().Add(-time.Hour), "logs", "{}", []string{"X-Amz-Target: Logs_20140328.CreateLogGroup"}, 400, "ExpiredTokenException"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := d.sessions.Issue(role, "s", tt.expires)
			if err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			k := sigv4.Keys{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken}
			d.ServeHTTP(w, signed(t, k, tt.service, "POST", base+"/", tt.body, tt.headers...))
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
				t.Errorf("%d %s, want %d %q", w.Code, w.Body, tt.status, tt.want)
			}
		})
	}
}

func TestDoorRefusesBrowsersAndUnknownHosts(t *testing.T) {
	tests := []struct {
		name, url string
		headers   []string
		status    int
		want      string
	}{
		{"loopback address", "http://127.0.0.1:4566/", nil, 200, ""},
		{"IPv6", "http://[::1]:4566/", nil, 200, ""},
		{"localhost", "http://localhost/", nil, 200, ""},
		{"below localhost", "http://sync-aws.LocalHost:4566/", nil, 200, ""},
		{"configured domain", "http://gust.test/", nil, 200, ""},
		{"below the configured domain", "http://sts.gust.test./", nil, 200, ""},
		{"unknown host", "http://evil.example:4566/", nil, 403, "UnknownHost"},
		{"unknown host that ends alike", "http://evilgust.test/", nil, 403, "UnknownHost"},
		{"origin", "http://127.0.0.1:4566/", []string{"Origin: https://evil.example"}, 403, "OriginNotAllowed"},
		{"opaque origin", "http://127.0.0.1:4566/", []string{"Origin: null"}, 403, "OriginNotAllowed"},
		{"own origin is no console", "http://127.0.0.1:4566/", []string{"Origin: http://127.0.0.1:4566"}, 403, "OriginNotAllowed"},
		{"allowed origin", "http://127.0.0.1:4566/", []string{"Origin: https://ok.example"}, 200, ""},
		{"allowed origin, unknown host", "http://evil.example/", []string{"Origin: https://ok.example"}, 403, "UnknownHost"},
		{"cross-site navigation", "http://127.0.0.1:4566/", []string{"Sec-Fetch-Site: cross-site"}, 403, "OriginNotAllowed"},
		{"typed address", "http://127.0.0.1:4566/", []string{"Sec-Fetch-Site: none"}, 200, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			called := false
			w := httptest.NewRecorder()
			mustDoor(t, func(context.Context) error { called = true; return nil }).
				ServeHTTP(w, signed(t, sigv4.Keys{}, "", "POST", tt.url, whoami, append(tt.headers, form)...))
			if w.Code != tt.status || called != (tt.status == 200) || !strings.Contains(w.Body.String(), tt.want) {
				t.Errorf("%d %s (service called: %v), want %d %q", w.Code, w.Body, called, tt.status, tt.want)
			}
		})
	}
}

func TestDoorAnswersPreflightOfAllowedOrigins(t *testing.T) {
	for origin, status := range map[string]int{"https://ok.example": 204, "https://evil.example": 403} {
		w := httptest.NewRecorder()
		mustDoor(t, nil).ServeHTTP(w, signed(t, sigv4.Keys{}, "", "OPTIONS", base+"/", "", "Origin: "+origin,
			"Access-Control-Request-Method: POST", "Access-Control-Request-Headers: x-amz-target"))
		if w.Code != status {
			t.Errorf("%s: %d, want %d", origin, w.Code, status)
		}
		if got := w.Header().Get("Access-Control-Allow-Origin"); (got == origin) != (status == 204) {
			t.Errorf("%s: allowed origin %q", origin, got)
		}
	}
}

func TestDoorHidesWhatWentWrongInside(t *testing.T) {
	tests := []struct {
		name   string
		do     func(context.Context) error
		logged string
	}{
		{"error", func(context.Context) error { return errors.New("disk on fire") }, "disk on fire"},
		{"panic", func(context.Context) error { panic("index out of range") }, "index out of range"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := mustDoor(t, tt.do)
			w := httptest.NewRecorder()
			d.ServeHTTP(w, signed(t, sigv4.Keys{}, "", "POST", base+"/", whoami, form))
			if w.Code != 500 || !strings.Contains(w.Body.String(), "<Code>InternalFailure</Code>") || strings.Contains(w.Body.String(), tt.logged) {
				t.Errorf("answer %d %s", w.Code, w.Body)
			}
			if log := d.log.String(); !strings.Contains(log, tt.logged) || !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "request_id=req-1") {
				t.Errorf("log %q", log)
			}
		})
	}
}

func TestDoorLimitsBodies(t *testing.T) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	fmt.Fprint(z, `{"logGroupName":"g"}`)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	var bomb bytes.Buffer
	z = gzip.NewWriter(&bomb)
	fmt.Fprintf(z, `{"logGroupName":"%s"}`, strings.Repeat("g", wire.DefaultMaxBody))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, body string
		headers    []string
		status     int
	}{
		{"gzip", zipped.String(), []string{"Content-Encoding: gzip"}, 200},
		{"gzip that unpacks to too much", bomb.String(), []string{"Content-Encoding: gzip"}, 413},
		{"not gzip", "{}", []string{"Content-Encoding: gzip"}, 400},
		{"too large", strings.Repeat(" ", wire.DefaultMaxBody+1), nil, 413},
		{"too large form", strings.Repeat("a", wire.DefaultMaxBody+1), []string{form, "X-Amz-Target: "}, 413},
	}
	services := map[string]string{"too large form": "sts"}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			headers := append([]string{"X-Amz-Target: Logs_20140328.CreateLogGroup"}, tt.headers...)
			mustDoor(t, nil).ServeHTTP(w, signed(t, sigv4.Keys{AccessKeyID: "test"}, cmp.Or(services[tt.name], "logs"), "POST", base+"/", tt.body, headers...))
			if w.Code != tt.status {
				t.Errorf("status %d, want %d: %.300s", w.Code, tt.status, w.Body)
			}
		})
	}
}

// brokenBody is a body whose connection breaks.
type brokenBody struct{ left io.Reader }

func (b brokenBody) Read(p []byte) (int, error) {
	n, err := b.left.Read(p)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func TestDoorBlamesTheClientForABrokenBody(t *testing.T) {
	for _, headers := range [][]string{{form}, {"X-Amz-Target: Logs_20140328.CreateLogGroup"}} {
		d := mustDoor(t, nil)
		r := signed(t, sigv4.Keys{}, "", "POST", base+"/", "", headers...)
		r.Body, r.ContentLength = io.NopCloser(brokenBody{strings.NewReader(`{"logGroupName`)}), 1000
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		if w.Code != 400 || !strings.Contains(w.Body.String(), "IncompleteBody") || strings.Contains(d.log.String(), "level=ERROR") {
			t.Errorf("%v: %d %s\n%s", headers, w.Code, w.Body, d.log)
		}
	}
}

func TestCallerGoesThroughTheGate(t *testing.T) {
	d := mustDoor(t, func(ctx context.Context) error {
		if reqctx.From(ctx).ID == "" {
			return errors.New("no request id")
		}
		return nil
	})
	ctx := reqctx.With(t.Context(), reqctx.Request{Scope: reqctx.Scope{Account: "123456789012"}, PrincipalARN: "arn:x"})
	out, err := sts.Client{Caller: d.caller}.GetCallerIdentity(ctx, &sts.GetCallerIdentityRequest{})
	if err != nil || *out.Account != "123456789012" || *out.Arn != "arn:x" {
		t.Errorf("GetCallerIdentity = %+v, %v", out, err)
	}
	var exists *logs.ResourceAlreadyExistsException
	_, err = logs.Client{Caller: d.caller}.CreateLogGroup(ctx, &logs.CreateLogGroupRequest{LogGroupName: "taken"})
	if !errors.As(err, &exists) {
		t.Errorf("CreateLogGroup: %v", err)
	}
	if log := d.log.String(); !strings.Contains(log, "in_process=true") || !strings.Contains(log, "operation=CreateLogGroup status=400") {
		t.Errorf("log %q", log)
	}
	if _, err := d.caller.Call(ctx, "nobody", "Fly", nil); err == nil {
		t.Error("a call to nobody succeeded")
	}
}

func TestServerSpeaksHTTP1AndHTTP2(t *testing.T) {
	d := mustDoor(t, nil)
	s := httptest.NewUnstartedServer(d)
	s.Config = frontdoor.NewServer(d, slog.New(slog.DiscardHandler))
	s.Start()
	t.Cleanup(s.Close)
	for _, http2 := range []bool{false, true} {
		tr := &http.Transport{Protocols: new(http.Protocols)}
		tr.Protocols.SetHTTP1(!http2)
		tr.Protocols.SetUnencryptedHTTP2(http2)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, strings.NewReader(whoami))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := (&http.Client{Transport: tr}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if want := map[bool]int{false: 1, true: 2}[http2]; resp.StatusCode != 200 || resp.ProtoMajor != want {
			t.Errorf("HTTP/%d: %s over %s", want, resp.Status, resp.Proto)
		}
		tr.CloseIdleConnections()
	}
}

func BenchmarkGetCallerIdentity(b *testing.B) {
	d := mustDoor(b, nil)
	r := signed(b, sigv4.Keys{AccessKeyID: "test"}, "sts", "POST", base+"/", whoami, form)
	body := strings.NewReader(whoami)
	b.ReportAllocs()
	for b.Loop() {
		body.Reset(whoami)
		r.Body = io.NopCloser(body)
		d.ServeHTTP(httptest.NewRecorder(), r)
	}
}
