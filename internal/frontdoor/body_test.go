// SPDX-License-Identifier: Apache-2.0

package frontdoor

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gustcloud/gust/internal/access"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/ids"
	"github.com/gustcloud/gust/internal/base/obs"
)

func mustBudgetedDoor(t *testing.T, limit int64) *Door {
	t.Helper()
	sessions, err := access.NewSessions(make([]byte, access.SessionKeySize), ids.System())
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	d := New(Deps{
		Services: testServices(), Gate: NewGate(AllowAll{}, log, obs.NewMetrics()), Authenticator: access.Development{Sessions: sessions},
		Clock: clock.System{}, NewID: func() string { return "req-1" }, Log: log,
	})
	d.bodies.limit = limit
	return d
}

// reading is a body that tells when it is read and then waits.
type reading struct {
	io.Reader
	began chan struct{}
	goOn  chan struct{}
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if errors.Is(err, io.EOF) && r.began != nil {
		close(r.began)
		r.began = nil
		<-r.goOn
	}
	return n, err
}

// TestBodiesShareOneBudget: bodies of several requests together stay below the limit, in their decompressed size, and give
// back what they took however their requests end.
func TestBodiesShareOneBudget(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	if _, err := z.Write(make([]byte, 8<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	const limit = 3 << 19
	d := mustBudgetedDoor(t, limit)
	post := func(body io.Reader, encoding string) (int, string) {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "http://127.0.0.1/", body)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if encoding != "" {
			r.Header.Set("Content-Encoding", encoding)
		}
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	large := func() io.Reader {
		return strings.NewReader("Action=Fly&Version=2010-05-08&X=" + strings.Repeat("a", 900<<10))
	}
	for _, tt := range []struct {
		name, encoding string
		body           io.Reader
		status         int
	}{
		{"fits", "", large(), 501},
		{"does not fit", "", strings.NewReader("Action=Fly&X=" + strings.Repeat("a", 4<<20)), 503},
		{"bomb", "gzip", &bomb, 503},
		{"broken", "gzip", strings.NewReader("no gzip"), 400},
	} {
		if status, body := post(tt.body, tt.encoding); status != tt.status || tt.status == 503 && !strings.Contains(body, "ServiceUnavailable") {
			t.Errorf("%s: %d %s, want %d", tt.name, status, body, tt.status)
		}
		if used := d.bodies.used.Load(); used != 0 {
			t.Errorf("%s: %d bytes are still taken", tt.name, used)
		}
	}
	first := &reading{large(), make(chan struct{}), make(chan struct{})}
	began, ended := first.began, make(chan int, 1)
	go func() {
		status, _ := post(first, "")
		ended <- status
	}()
	<-began
	if status, _ := post(large(), ""); status != 503 {
		t.Errorf("a second body beside the first: %d, want 503", status)
	}
	if used := d.bodies.used.Load(); used < 900<<10 || used > limit {
		t.Errorf("%d bytes are taken while the first is read", used)
	}
	close(first.goOn)
	if status := <-ended; status != 501 {
		t.Errorf("the first body: %d, want 501", status)
	}
	if status, _ := post(large(), ""); status != 501 {
		t.Errorf("a body after the first: %d, want 501", status)
	}
}
