// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/gustcloud/gust/internal/admin"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/obs"
)

func deps(draining bool) admin.Deps {
	return admin.Deps{
		Version: "1.2.3", Services: []string{"sts", "lambda"}, Draining: func() bool { return draining },
		Metrics: obs.NewMetrics(), Log: slog.New(slog.DiscardHandler), Clock: clock.System{},
	}
}

func get(t *testing.T, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return w
}

func TestHealthNamesVersionAndServices(t *testing.T) {
	tests := []struct {
		path     string
		draining bool
		status   int
		state    string
	}{
		{"/_gust/health", false, 200, "running"},
		{"/_localstack/health", false, 200, "running"},
		{"/_gust/health", true, 503, "draining"},
	}
	for _, tt := range tests {
		w := get(t, admin.Handler(deps(tt.draining)), tt.path)
		var body struct {
			Version  string
			Services map[string]string
		}
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			t.Fatal(err)
		}
		if w.Code != tt.status || body.Version != "1.2.3" || body.Services["lambda"] != tt.state || len(body.Services) != 2 {
			t.Errorf("%s (draining %v): %d %s", tt.path, tt.draining, w.Code, w.Body)
		}
	}
}

func TestMetricsAreText(t *testing.T) {
	w := get(t, admin.Handler(deps(false)), "/_gust/metrics")
	if w.Code != 200 || !strings.Contains(w.Body.String(), "\ngo_goroutines ") {
		t.Errorf("metrics: %d %.200s", w.Code, w.Body)
	}
}

func TestProfilesOnlyOnTheSocket(t *testing.T) {
	const path = "/debug/pprof/cmdline"
	if w := get(t, admin.Handler(deps(false)), path); w.Code != 404 || admin.Owns(path) {
		t.Errorf("API listener answers %s with %d", path, w.Code)
	}
	if w := get(t, admin.SocketHandler(deps(false)), path); w.Code != 200 {
		t.Errorf("socket answers %s with %d", path, w.Code)
	}
	if w := get(t, admin.SocketHandler(deps(false)), "/_gust/health"); w.Code != 200 {
		t.Errorf("socket answers health with %d", w.Code)
	}
}

// stalled is a client that takes nothing until it is let go.
type stalled struct {
	*httptest.ResponseRecorder
	writing, release chan struct{}
}

func (s stalled) Write([]byte) (int, error) {
	s.writing <- struct{}{}
	<-s.release
	return 0, errors.New("gone")
}

// TestMetricsWaitForNoClient: many clients that do not take their metrics keep nobody else from them, and fill no log.
func TestMetricsWaitForNoClient(t *testing.T) {
	var log strings.Builder
	d := deps(false)
	d.Log = slog.New(slog.NewTextHandler(&log, nil))
	h := admin.Handler(d)
	writing, release := make(chan struct{}), make(chan struct{})
	var stuck sync.WaitGroup
	for range 20 {
		stuck.Go(func() {
			c := stalled{httptest.NewRecorder(), writing, release}
			h.ServeHTTP(c, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/_gust/metrics", nil))
		})
	}
	for range 20 {
		<-writing
	}
	if w := get(t, h, "/_gust/metrics"); w.Code != 200 || !strings.Contains(w.Body.String(), "\ngo_goroutines ") {
		t.Errorf("metrics: %d %.200s", w.Code, w.Body)
	}
	close(release)
	stuck.Wait()
	if log.Len() > 0 {
		t.Errorf("the log says %.300s", log.String())
	}
}
