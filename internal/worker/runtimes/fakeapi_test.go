// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// invocation is one event that the fake gives, outcome what came back.
type invocation struct {
	payload string
	headers map[string]string
}

type outcome struct {
	path    string // below /2018-06-01/runtime/
	header  http.Header
	payload string
}

// fakeAPI is the Runtime API of one process: it gives its events in order, then holds the connection.
type fakeAPI struct {
	events   chan invocation
	outcomes chan outcome
	idle     chan struct{} // a token when next finds no event
	server   *http.Server
}

func newFakeAPI(t *testing.T, l net.Listener, events ...invocation) *fakeAPI {
	t.Helper()
	f := &fakeAPI{events: make(chan invocation, 64), outcomes: make(chan outcome, 64), idle: make(chan struct{}, 64)}
	for _, e := range events {
		f.events <- e
	}
	f.server = &http.Server{Handler: f}
	go func() { _ = f.server.Serve(l) }() // ends with Close
	t.Cleanup(func() { _ = f.server.Close() })
	return f
}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/2018-06-01/runtime/")
	if r.Method == http.MethodPost {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		f.outcomes <- outcome{path, r.Header, string(body)}
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"status":"OK"}`)
		return
	}
	var e invocation
	select {
	case e = <-f.events:
	default:
		f.idle <- struct{}{}
		select {
		case e = <-f.events:
		case <-r.Context().Done():
			return
		}
	}
	h := w.Header()
	h.Set("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
	h.Set("Lambda-Runtime-Deadline-Ms", "99999999999999")
	h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:fn")
	for k, v := range e.headers {
		h.Set(k, v)
	}
	h.Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, e.payload)
}
