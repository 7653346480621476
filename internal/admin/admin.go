// SPDX-License-Identifier: Apache-2.0

// Package admin is the operator's door: health and metrics under /_gust/ on the API listener, the packages of functions to
// who has a link to them, the clock of a server for tests, and profiling on the server's unix socket only. It serves no AWS API and does not decide who may reach it: internal/app puts the guard of
// internal/frontdoor before the first and file permissions before the second.
package admin

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/gustcloud/gust/internal/access"
	"github.com/gustcloud/gust/internal/base/clock"
	"github.com/gustcloud/gust/internal/base/obs"
	"github.com/gustcloud/gust/internal/store/blob"
)

// Deps is what the door shows.
type Deps struct {
	Version  string
	Services []string    // names of the registered services
	Draining func() bool // the server takes no new work
	Metrics  *obs.Metrics
	Log      *slog.Logger
	Links    *access.Sessions // judges the links to packages
	Blobs    blob.Blobs       // holds the packages
	Clock    clock.Clock
	// Time and Move are there on a server for tests only: whoever reaches the listener may move service time. Move takes it
	// forwards by advance and lets it run at speed from there; 0 is the speed that it has.
	Time *clock.Service
	Move func(ctx context.Context, advance time.Duration, speed float64) error
	// Backup copies the server's data to a directory that does not exist; used by the unix socket only.
	Backup func(ctx context.Context, dir string) error
}

// Owns tells whether an URL path belongs to this door on the API listener.
func Owns(path string) bool {
	return strings.HasPrefix(path, "/_gust/") || path == "/_localstack/health"
}

// Handler serves the paths that Owns names.
func Handler(d Deps) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_gust/health", d.health)
	mux.HandleFunc("GET /_localstack/health", d.health)
	mux.HandleFunc("GET /_gust/code/{account}/{digest}", d.code)
	mux.Handle("GET /_gust/metrics", d.metrics())
	if d.Move != nil {
		mux.HandleFunc("GET /_gust/clock", d.showClock)
		mux.HandleFunc("POST /_gust/clock", d.moveClock)
	}
	return mux
}

// SocketHandler serves the operator's unix socket: what Handler serves, backups, and profiles under /debug/pprof/.
func SocketHandler(d Deps) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", Handler(d))
	mux.HandleFunc("POST /_gust/backup", d.backup)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// health is the answer of both health paths: tools that wait for LocalStack read "services" and "version".
type health struct {
	Status   string            `json:"status"` // "running", "draining" (with HTTP status 503)
	Version  string            `json:"version"`
	Edition  string            `json:"edition"`  // "gust": where LocalStack names its own
	Services map[string]string `json:"services"` // name to "running"
}

func (d Deps) health(w http.ResponseWriter, r *http.Request) {
	h := health{Status: "running", Version: d.Version, Edition: "gust", Services: map[string]string{}}
	status := http.StatusOK
	if d.Draining() {
		h.Status, status = "draining", http.StatusServiceUnavailable
	}
	for _, s := range d.Services {
		h.Services[s] = h.Status
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(h); err != nil {
		d.Log.DebugContext(r.Context(), "health answer not sent", "error", err)
	}
}
