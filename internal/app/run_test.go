// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gustcloud/gust/internal/access"
	"github.com/gustcloud/gust/internal/awsapi"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/ids"
)

// logBuffer keeps the log and tells when a line was written.
type logBuffer struct {
	mu    sync.Mutex
	b     bytes.Buffer
	lines chan struct{}
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.lines <- struct{}{}:
	default:
	}
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// waitFor blocks until the log contains text; the test's deadline bounds it.
func (l *logBuffer) waitFor(t *testing.T, text string, ended <-chan struct{}) {
	t.Helper()
	for !strings.Contains(l.String(), text) {
		select {
		case <-l.lines:
		case <-ended:
			t.Fatalf("the server ended without %q in its log:\n%s", text, l.String())
		}
	}
}

type running struct {
	url, address string
	log          *logBuffer
	stop         context.CancelFunc // asks the server to end
	ended        chan struct{}
	err          error // valid once ended is closed
}

// mustRun starts a server and waits until it is ready; the test's end stops it.
func mustRun(t *testing.T, c Config) *running {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.Listen = l.Addr().String()
	_ = l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	s := &running{url: "http://" + c.Listen, address: c.Listen, log: &logBuffer{lines: make(chan struct{}, 1)}, stop: cancel, ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		s.err = run(ctx, c, "v0", s.log, s.log)
	}()
	t.Cleanup(func() {
		cancel()
		<-s.ended
	})
	s.log.waitFor(t, "Ready.\n", s.ended)
	return s
}

func testConfig(t *testing.T) Config {
	t.Helper()
	return Config{Data: t.TempDir(), LogLevel: "info", LogFormat: "text", Driver: "process", IdleTimeout: time.Minute}
}

const whoami = "Action=GetCallerIdentity&Version=2011-06-15"

// whoami asks who the caller is; body is whoami, perhaps slowly.
func (s *running) whoami(t *testing.T, body io.Reader) (status int, answer string, err error) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodPost, s.url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = int64(len(whoami))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

func TestServerServesAndEnds(t *testing.T) {
	c := testConfig(t)
	s := mustRun(t, c)
	status, body, err := s.whoami(t, strings.NewReader(whoami))
	if err != nil || status != 200 || !strings.Contains(body, "arn:aws:iam::000000000000:root") {
		t.Errorf("GetCallerIdentity: %d %s, %v", status, body, err)
	}
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(c.Data, "gust.sock"))
	}}}
	for _, tt := range []struct {
		client *http.Client
		url    string
		status int
	}{
		{http.DefaultClient, s.url + "/_gust/health", 200},
		{http.DefaultClient, s.url + "/_localstack/health", 200},
		{http.DefaultClient, s.url + "/_gust/metrics", 200},
		{http.DefaultClient, s.url + "/debug/pprof/", 501},
		{client, "http://gust/debug/pprof/", 200},
		{client, "http://gust/_gust/health", 200},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, tt.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := tt.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != tt.status {
			t.Errorf("%s: %s, want %d", tt.url, resp.Status, tt.status)
		}
	}
	client.CloseIdleConnections()
	s.stop()
	<-s.ended
	if s.err != nil {
		t.Errorf("run: %v", s.err)
	}
}

// TestServerNamesWhatItLacks: a service of which nothing is implemented, and its operation, are named in the answer.
func TestServerNamesWhatItLacks(t *testing.T) {
	s := mustRun(t, testConfig(t))
	for _, c := range []struct{ name, method, path, service, target, body, want string }{
		{"JSON", "POST", "/", "kms", "TrentService.CreateKey", "{}", "kms: Gust does not implement the operation CreateKey."},
		{"Query", "POST", "/", "sns", "", "Action=CreateTopic&Version=2010-03-31", "sns: Gust does not implement the operation CreateTopic."},
		{"REST", "GET", "/restapis/a1b2c3/stages/prod", "apigateway", "", "", "apigateway: Gust does not implement the operation GetStage."},
		{"REST of a shared signing name", "GET", "/v2/apis/a1b2c3", "apigateway", "", "", "apigatewayv2: Gust does not implement the operation GetApi."},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, s.url+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/"+c.service+
			"/aws4_request, SignedHeaders=host;x-amz-date, Signature="+strings.Repeat("0", 64))
		r.Header.Set("X-Amz-Date", time.Now().UTC().Format("20060102T150405Z"))
		switch {
		case c.target != "":
			r.Header.Set("X-Amz-Target", c.target)
			r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		case c.body != "":
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusNotImplemented || !strings.Contains(string(body), c.want) {
			t.Errorf("%s: %s %s (%v), want 501 with %q", c.name, resp.Status, body, err, c.want)
		}
	}
}

func TestListenerGuardsEveryPath(t *testing.T) {
	s := mustRun(t, testConfig(t))
	tests := []struct {
		name, path, host, origin string
		status                   int
	}{
		{"operator", "/_gust/health", "localhost", "", 200},
		{"operator, unknown host", "/_gust/health", "evil.example", "", 403},
		{"operator, a web page", "/_gust/metrics", "", "https://evil.example", 403},
		{"API, inside a sandbox", "/?" + whoami, "aws.gust.internal", "", 200},
		{"API, host prefix inside a sandbox", "/?" + whoami, "sync-aws.gust.internal:4566", "", 200},
		{"API, unknown host", "/?" + whoami, "evil.example", "", 403},
		{"API, a web page", "/?" + whoami, "", "null", 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+tt.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Host = tt.host
			if tt.origin != "" {
				req.Header.Set("Origin", tt.origin)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != tt.status {
				t.Errorf("%s, want %d", resp.Status, tt.status)
			}
		})
	}
}

func TestServerLetsRunningRequestsEnd(t *testing.T) {
	s := mustRun(t, testConfig(t))
	body, rest := io.Pipe()
	type answer struct {
		status int
		err    error
	}
	answered := make(chan answer, 1)
	go func() {
		status, _, err := s.whoami(t, body)
		answered <- answer{status, err}
	}()
	if _, err := rest.Write([]byte(whoami[:5])); err != nil { // the server may not have it yet, but the connection is made
		t.Fatal(err)
	}
	s.waitForRequest(t)
	s.stop()
	s.log.waitFor(t, "msg=stopping", s.ended)
	if _, err := rest.Write([]byte(whoami[5:])); err != nil {
		t.Fatal(err)
	}
	_ = rest.Close()
	if a := <-answered; a.err != nil || a.status != 200 {
		t.Errorf("the running request: %d, %v", a.status, a.err)
	}
	<-s.ended
	if s.err != nil {
		t.Errorf("run: %v", s.err)
	}
	if _, _, err := s.whoami(t, strings.NewReader(whoami)); err == nil {
		t.Error("a request after the end was answered")
	}
}

// waitForRequest returns when the server has read the head of a request that was sent before: requests of one address
// are accepted in their order, so an answered later one shows it.
func (s *running) waitForRequest(t *testing.T) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/_gust/health", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
}

func TestServerRefusesToStart(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(t *testing.T, c *Config)
		want    string
		hint    string
	}{
		{"data directory in use", func(t *testing.T, c *Config) {
			t.Helper()
			d, err := openData(*c)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = d.close() })
		}, fmt.Sprintf("is in use by another server (process %d)", os.Getpid()), "--data DIR"},
		{"port in use", func(t *testing.T, c *Config) {
			t.Helper()
			l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = l.Close() })
			c.Listen = l.Addr().String()
		}, "is in use by another program", "--listen"},
		{"damaged data", func(t *testing.T, c *Config) {
			t.Helper()
			mustHaveRun(t, *c)
			damage(t, filepath.Join(c.Data, "kv"), "MANIFEST-", []byte("this is no manifest"))
		}, "damaged", "backup"},
		{"newer format", func(t *testing.T, c *Config) {
			t.Helper()
			mustHaveRun(t, *c)
			damage(t, filepath.Join(c.Data, "kv"), "GUST-FORMAT", []byte("gust store, format 99\n"))
		}, "on-disk format", "Use that version"},
		{"data is a file", func(t *testing.T, c *Config) {
			t.Helper()
			c.Data = filepath.Join(c.Data, "file")
			if err := os.WriteFile(c.Data, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "make the data directory", "--data DIR"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := testConfig(t)
			c.Listen = "127.0.0.1:0"
			tt.prepare(t, &c)
			log := &logBuffer{lines: make(chan struct{}, 1)}
			err := run(t.Context(), c, "v0", log, log)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("run: %v, want %q", err, tt.want)
			}
			var s *setupError
			if !errors.As(err, &s) || !strings.Contains(s.Hint(), tt.hint) {
				t.Errorf("hint of %v, want %q", err, tt.hint)
			}
			if strings.Contains(log.String(), "Ready.") {
				t.Errorf("was ready:\n%s", log)
			}
		})
	}
}

// mustHaveRun leaves a data directory as a server that ended in order does.
func mustHaveRun(t *testing.T, c Config) {
	t.Helper()
	s := mustRun(t, c)
	s.stop()
	<-s.ended
	if s.err != nil {
		t.Fatal(s.err)
	}
}

// damage overwrites the files of dir whose names begin with prefix.
func damage(t *testing.T, dir, prefix string, content []byte) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasPrefix(e.Name(), prefix) {
			return err
		}
		n++
		return os.WriteFile(path, content, 0o600)
	})
	if err != nil || n == 0 {
		t.Fatalf("damaged %d files: %v", n, err)
	}
}

func TestSessionsSurviveARestart(t *testing.T) {
	c := testConfig(t)
	role := access.Role{ARN: "arn:aws:iam::123456789012:role/r", ID: "AROAABCDEFGHIJKLMNOPQ"}
	var creds access.Credentials
	for i := range 2 {
		d, err := openData(c)
		if err != nil {
			t.Fatal(err)
		}
		st, err := openStore(t.Context(), Config{}, d, clock.NewService(clock.System{}), testLog(t))
		if err != nil {
			t.Fatal(err)
		}
		sessions, err := openSessions(t.Context(), st, ids.System())
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			creds, err = sessions.Issue(role, "s", time.Now().Add(time.Hour))
		} else {
			_, err = sessions.Resolve(creds.AccessKeyID, creds.SessionToken, time.Now())
		}
		if err != nil {
			t.Errorf("start %d: %v", i+1, err)
		}
		if err := errors.Join(st.Close(), d.close()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEphemeralServerLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	c := testConfig(t)
	c.Ephemeral = true
	mustHaveRun(t, c)
	for _, dir := range []string{c.Data, os.TempDir()} {
		left, err := os.ReadDir(dir)
		if err != nil || len(left) > 0 {
			t.Errorf("%s holds %v, %v", dir, left, err)
		}
	}
}

// TestRegistryIsComplete: no service was made with a dependency left out.
func TestRegistryIsComplete(t *testing.T) {
	s := &server{log: testLog(t)}
	c := testConfig(t)
	c.Listen = "127.0.0.1:0"
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.open(t.Context(), c, "v0"); err != nil {
		t.Fatal(err)
	}
	implemented := map[string]int{} // operations by service, as `gust services` shows them
	for _, x := range awsapi.Services() {
		if x.Implemented > 0 {
			implemented[x.ID] = x.Implemented
		}
	}
	for _, r := range s.registry {
		if r.Name == "" || r.Run == nil {
			t.Errorf("entry %+v is not complete", r)
		}
		if r.API.Schema == nil {
			continue
		}
		if r.Name != r.API.Name() {
			t.Errorf("entry %s has the API of %s", r.Name, r.API.Name())
		}
		if n := len(r.API.Schema.Prepare().Operations); n != implemented[r.Name] {
			t.Errorf("%s has %d operations, the catalogue says %d", r.Name, n, implemented[r.Name])
		}
		delete(implemented, r.Name)
		deps := reflect.ValueOf(r.API.Impl).Elem().FieldByName("Deps")
		for i := range deps.NumField() {
			if deps.Field(i).IsZero() && deps.Field(i).Kind() != reflect.Struct {
				t.Errorf("%s: Deps.%s is not set in services.go", r.Name, deps.Type().Field(i).Name)
			}
		}
	}
	for name := range implemented {
		t.Errorf("ops.txt has operations of %s, which is not registered", name)
	}
}

func testLog(t *testing.T) *slog.Logger {
	t.Helper()
	return slog.New(slog.DiscardHandler)
}
