// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/gustcloud/gust/internal/access"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/ids"
	"github.com/gustcloud/gust/internal/base/obs"
	"github.com/gustcloud/gust/internal/frontdoor"
	"github.com/gustcloud/gust/internal/wire"

	"github.com/gustcloud/gust/test/harness"
)

// door is a whole front door before fakes. It remembers the last call: what a client really speaks is part of the test.
type door struct {
	*harness.Server
	mu      sync.Mutex
	called  string // "form SendMessage", "AmazonSQS.SendMessage", "/service/X/operation/Y"
	headers http.Header
}

func mustServe(t *testing.T, services ...wire.Service) *door {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	sessions, err := access.NewSessions(make([]byte, access.SessionKeySize), ids.System())
	if err != nil {
		t.Fatal(err)
	}
	inner := frontdoor.New(frontdoor.Deps{
		Services: services, Log: log, Clock: clock.System{}, NewID: ids.System().UUID, Authenticator: access.Development{Sessions: sessions},
		Gate: frontdoor.NewGate(frontdoor.AllowAll{}, log, obs.NewMetrics()),
	})
	d := &door{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		inner.ServeHTTP(w, r)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.called, d.headers = called(r, body), http.Header{}
		for k, v := range w.Header() { // the door writes some names in AWS's spelling
			d.headers[http.CanonicalHeaderKey(k)] = v
		}
	}))
	t.Cleanup(srv.Close)
	d.Server = &harness.Server{Endpoint: srv.URL, Keys: harness.Keys{ID: "test", Secret: "secret"}}
	return d
}

func called(r *http.Request, body []byte) string {
	switch target := r.Header.Get("X-Amz-Target"); {
	case r.Header.Get("Smithy-Protocol") != "":
		return r.URL.Path
	case target != "":
		return target
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return err.Error()
	}
	return "form " + form.Get("Action")
}

// target is what the last call named; answer the headers of its answer.
func (d *door) target() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.called
}

func (d *door) answer() http.Header {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.headers
}

func (d *door) config() aws.Config {
	return aws.Config{
		Region: harness.Region, BaseEndpoint: aws.String(d.Endpoint), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("test", "secret", ""),
	}
}
