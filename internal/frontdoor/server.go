// SPDX-License-Identifier: Apache-2.0

package frontdoor

import (
	"log/slog"
	"net/http"
	"time"
)

// NewServer configures an HTTP server for API traffic: HTTP/1.1 and HTTP/2 without TLS on one listener, a limit for the
// head of a request but none for its answer, which may be a long poll or a stream. The caller serves and shuts it down.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		Protocols:         new(http.Protocols),
	}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	return s
}
