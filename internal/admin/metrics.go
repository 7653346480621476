// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"bytes"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// gatherers is how many answers with metrics are made at a time: each takes ten times its size.
const gatherers = 2

// metrics makes each answer in memory before it sends it: nobody has to sign a request for it, and a client that takes its
// time, or is gone, must not keep what it was made of, nor fill the log.
func (d Deps) metrics() http.Handler {
	whole := promhttp.HandlerFor(d.Metrics.Gatherer(), promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(d.Log.Handler(), slog.LevelError),
	})
	turn := make(chan struct{}, gatherers)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := answer{header: w.Header(), status: http.StatusOK}
		render := func() {
			turn <- struct{}{} // soon free: nobody who has it waits for a client
			defer func() { <-turn }()
			whole.ServeHTTP(&a, r)
		}
		render()
		w.WriteHeader(a.status)
		_, _ = w.Write(a.body.Bytes()) // a client that went away needs no answer
	})
}

// answer is an http.ResponseWriter that holds what is written.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) { a.status = status }

func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }
