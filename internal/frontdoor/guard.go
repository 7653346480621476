// SPDX-License-Identifier: Apache-2.0

package frontdoor

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gustcloud/gust/internal/base/vhost"
	"github.com/gustcloud/gust/internal/wire"
)

// Guard refuses what a web page could send through a browser: any page may post to 127.0.0.1, and a name that its owner
// points at 127.0.0.1 makes the page same-origin ("DNS rebinding"). Neither needs a credential in development mode.
type Guard struct {
	Domains []string // names that this server answers to, with all their sub-names, beside those of package vhost
	Origins []string // origins of web pages that may call: "https://app.example.com"

	hosts *vhost.Table // made by New
}

// Check returns a *wire.FrameworkError with status 403 for a request that must not be served. Its codes are Gust's own.
func (g Guard) Check(r *http.Request) error {
	if _, err := g.host(r); err != nil {
		return err
	}
	return g.checkOrigin(r)
}

// admit is Check for the door: it also returns where the request goes as far as its host name and path tell. Customers'
// own traffic is let in from any web page, because what serves it has rules of its own for that.
func (g Guard) admit(r *http.Request) (vhost.Name, error) {
	n, err := g.host(r)
	if err != nil {
		return n, err
	}
	n = destination(n, r.URL.EscapedPath())
	if _, ok := n.Kind.Ingress(); ok {
		return n, nil
	}
	return n, g.checkOrigin(r)
}

// Operator tells whether the operator's paths are meant by a request for one of them: below the name of a bucket, an API or
// the like every path is the customer's. Names below a base domain may be buckets too, but only signed requests mean those.
func (g Guard) Operator(r *http.Request) bool {
	n, err := g.host(r)
	return err != nil || n.Kind == vhost.Plain || n.Kind == vhost.Endpoint && r.Header.Get("Authorization") == ""
}

func (g Guard) host(r *http.Request) (vhost.Name, error) {
	hosts := g.hosts
	if hosts == nil {
		hosts = vhost.New(g.Domains...)
	}
	n, ok := hosts.Parse(r.Host)
	if !ok {
		return n, refused("UnknownHost", "Gust does not answer to the host "+quoteShort(r.Host)+
			". Use an IP address or localhost, or start the server with --domain NAME.")
	}
	return n, nil
}

func (g Guard) checkOrigin(r *http.Request) error {
	if origin := r.Header.Get("Origin"); origin != "" {
		if slices.Contains(g.Origins, origin) {
			return nil
		}
		return refused("OriginNotAllowed", "Web pages of "+quoteShort(origin)+
			" may not call this server. Start it with --allow-origin to let them.")
	}
	// Navigations, images and forms of other sites carry no Origin on GET, but browsers say where they come from.
	if s := r.Header.Get("Sec-Fetch-Site"); s == "cross-site" || s == "same-site" {
		return refused("OriginNotAllowed", "A web page of another site may not call this server.")
	}
	return nil
}

// Allow writes the CORS headers for a web page that Check has let in, and answers its preflight request: done is true
// then. Other requests are left alone.
func (g Guard) Allow(w http.ResponseWriter, r *http.Request) (done bool) {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", origin)
	h.Add("Vary", "Origin")
	h.Set("Access-Control-Expose-Headers", "*, x-amzn-RequestId, x-amzn-ErrorType, ETag")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
	if want := r.Header.Get("Access-Control-Request-Headers"); want != "" {
		h.Set("Access-Control-Allow-Headers", want)
	}
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}

func refused(code, message string) error {
	return &wire.FrameworkError{Code: code, Message: message, Status: http.StatusForbidden, Sender: true}
}

// quoteShort quotes what a client sent, cut to what a message may show.
func quoteShort(s string) string {
	s = cut(s, 100)
	return `"` + strings.Map(func(r rune) rune {
		if r < ' ' || r == '"' || r == '<' || r == '>' || r == 0x7f {
			return '?'
		}
		return r
	}, s) + `"`
}
