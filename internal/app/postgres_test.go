// SPDX-License-Identifier: Apache-2.0

package app

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gustcloud/gust/internal/base/hosttest"
	"github.com/gustcloud/gust/internal/store/engine/postgres/pgtest"
)

// bootstrap is a custom runtime that answers each event with itself.
const bootstrap = `#!/usr/bin/env python3
import os, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(api + "next") as r:
        id, event = r.headers["Lambda-Runtime-Aws-Request-Id"], r.read()
    urllib.request.urlopen(api + id + "/response", data=b'{"event":' + event + b"}").close()
`

// call makes one Lambda API call.
func (s *running) call(t *testing.T, method, path string, body any) (status int, answer string) {
	t.Helper()
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+"/2015-03-31/functions"+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lambda/aws4_request, "+
		"SignedHeaders=host;x-amz-date, Signature="+strings.Repeat("0", 64))
	r.Header.Set("X-Amz-Date", time.Now().UTC().Format("20060102T150405Z"))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// TestFunctionOnPostgres: the product as it is on PostgreSQL. A function survives the server; changes fail while the
// database is away, and work when it is back.
func TestFunctionOnPostgres(t *testing.T) {
	hosttest.Tool(t, "python3")
	database := pgtest.Start(t, pgtest.Options{})
	c := testConfig(t)
	c.Store = database.URL()
	s := mustRun(t, c)

	var code bytes.Buffer
	z := zip.NewWriter(&code)
	h := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate}
	h.SetMode(0o755)
	w, err := z.CreateHeader(h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, bootstrap); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	status, answer := s.call(t, "POST", "", map[string]any{
		"FunctionName": "echo", "Runtime": "provided.al2023", "Handler": "x", "Role": "arn:aws:iam::000000000000:role/r",
		"Timeout": 20, "Code": map[string]any{"ZipFile": code.Bytes()},
	})
	if status != http.StatusCreated {
		t.Fatalf("CreateFunction: %d %s", status, answer)
	}
	invoke := func(s *running, when string) {
		t.Helper()
		status, answer := s.call(t, "POST", "/echo/invocations", when)
		for status == http.StatusConflict && strings.Contains(answer, "Pending") {
			status, answer = s.call(t, "POST", "/echo/invocations", when)
		}
		if status != 200 || answer != `{"event":"`+when+`"}` {
			t.Errorf("invoke %s: %d %s", when, status, answer)
		}
	}
	invoke(s, "at first")
	if n := database.Exec("SELECT count(*) FROM s1.gust_kv"); n == "0" {
		t.Error("nothing is in the database")
	}

	database.Stop(syscall.SIGINT)
	if status, answer := s.call(t, "PUT", "/echo/configuration", map[string]any{"Timeout": 21}); status < 500 {
		t.Errorf("UpdateFunctionConfiguration without a database: %d %s", status, answer)
	}
	database.Restart()
	invoke(s, "when it is back")
	if status, answer := s.call(t, "PUT", "/echo/configuration", map[string]any{"Timeout": 22}); status != 200 {
		t.Errorf("UpdateFunctionConfiguration when it is back: %d %s", status, answer)
	}

	s.stop()
	<-s.ended
	if s.err != nil {
		t.Errorf("run: %v", s.err)
	}
	again := mustRun(t, c)
	if status, answer := again.call(t, "GET", "/echo", nil); status != 200 || !strings.Contains(answer, `"Timeout":22`) {
		t.Errorf("GetFunction after a restart: %d %s", status, answer)
	}
	invoke(again, "after a restart")
}

func TestServerSaysWhatIsWrongWithTheDatabase(t *testing.T) {
	database := pgtest.Start(t, pgtest.Options{})
	c := testConfig(t)
	c.Store, c.Listen = database.URL(), "127.0.0.1:0"
	database.Stop(syscall.SIGINT)
	log := &logBuffer{lines: make(chan struct{}, 1)}
	err := run(t.Context(), c, "v0", log, log)
	var hinted interface{ Hint() string }
	if !errors.As(err, &hinted) || !strings.Contains(err.Error(), "the database cannot be reached") ||
		!strings.Contains(hinted.Hint(), "--store") {
		t.Errorf("run: %v", err)
	}
}
