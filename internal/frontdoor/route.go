// SPDX-License-Identifier: Apache-2.0

package frontdoor

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"

	"github.com/gustcloud/gust/internal/access/sigv4"
	"github.com/gustcloud/gust/internal/base/vhost"
	"github.com/gustcloud/gust/internal/wire"
)

// target is where a request goes.
type target struct {
	host      vhost.Name // what the host name or the path stands for; an ingress kind is no API call
	service   *service   // nil: Gust does not have it
	name      string     // of the service for messages and logs: its id, or what the client called it
	shape     wire.ProtocolID
	codec     wire.Protocol // nil when service is nil
	op        int           // index of the operation, -1 when it is missing or unknown
	operation string        // its name; "" when the request names none
	labels    []string      // REST: the URI's labels, still escaped
	unread    bool          // the operation stands in a form that nobody has read yet: see settle
	head      *head         // what find looked at
}

// formAction returns the parameters Action and Version of a form body. Routing calls it only for forms without a
// signature: they are the only requests whose body says where they go.
type formAction func() (action, version string, err error)

// head is what routing looks at, each part read once.
type head struct {
	r               *http.Request
	host            vhost.Name
	sig             *sigv4.Signature // nil for unsigned requests
	path, query     string           // as sent: escaped, never cleaned
	shape           wire.ProtocolID
	prefix          string // of X-Amz-Target, or the service of a smithy path
	operation       string // what those two name
	action, version string // of the query string or the form
}

func newHead(r *http.Request, host vhost.Name, sig *sigv4.Signature) *head {
	h := &head{r: r, host: host, sig: sig, path: r.URL.EscapedPath(), query: r.URL.RawQuery, shape: shapeOf(r)}
	h.prefix, h.operation = named(r, h.shape, h.path)
	if h.shape == wire.ProtocolQuery && h.query != "" {
		h.action, _ = queryParam(h.query, "Action")
		h.version, _ = queryParam(h.query, "Version")
	}
	return h
}

// find routes a request, cheapest evidence first: a host name or path of customers' own traffic, the signature's service,
// X-Amz-Target, a smithy path, the service in the host name, a form's Action, the path; what is left is S3 without a
// signature. host is what destination made of the request.
func (t *table) find(r *http.Request, host vhost.Name, sig *sigv4.Signature, form formAction) (target, error) {
	h := newHead(r, host, sig)
	tg := target{host: host, shape: h.shape, op: -1, operation: h.operation, head: h}
	if t.ingress(h, &tg) {
		return tg, nil
	}
	switch {
	case sig != nil:
		t.signed(h, &tg)
	case h.prefix != "":
		tg.name = h.prefix
		tg.service = t.byTarget[h.prefix]
	default:
		if err := t.unsigned(h, &tg, form); err != nil {
			return tg, err
		}
	}
	if tg.operation == "" {
		tg.operation = h.action
	}
	if tg.service == nil {
		tg.unread = sig != nil && isForm(r) && h.action == ""
		return tg, nil
	}
	tg.name = tg.service.Schema.ID
	tg.codec = tg.service.codec(tg.shape)
	tg.unread = sig != nil && family(tg.codec.ID()) == wire.ProtocolQuery && isForm(r) && h.action == ""
	t.resolve(h, &tg)
	return tg, nil
}

// settle finishes the routing of a signed form with what its body says.
func (t *table) settle(tg *target, action, version string) {
	h := tg.head
	h.action, h.version = action, version
	tg.unread, tg.operation = false, action
	if tg.service == nil {
		return
	}
	t.signed(h, tg)
	tg.codec = nil
	if tg.service != nil {
		tg.name = tg.service.Schema.ID
		tg.codec = tg.service.codec(tg.shape)
		t.resolve(h, tg)
	}
}

// ingress tells whether the host name or the path have said everything: customers' traffic, and the management API of
// WebSocket APIs, which shares names, paths and signing name with the APIs themselves.
func (t *table) ingress(h *head, tg *target) bool {
	management := tg.host.Kind == vhost.Endpoint && tg.host.ID == "execute-api" && tg.host.Path != ""
	if !management && h.sig != nil && h.sig.Scope.Service == "execute-api" && (tg.host.Kind == vhost.Plain || tg.host.Kind == vhost.Endpoint) {
		if tg.host.Path, management = connection(h.path); !management {
			tg.host.Kind, tg.host.ID = vhost.ExecuteAPI, ""
		}
	}
	if management {
		h.path = tg.host.Path
		tg.name = "apigatewaymanagementapi"
		if tg.service = t.byID[tg.name]; tg.service != nil {
			tg.codec = tg.service.codec(tg.shape)
			t.resolve(h, tg)
		}
		return true
	}
	if what, ok := tg.host.Kind.Ingress(); ok {
		tg.name, tg.shape, tg.operation = what, wire.ProtocolRESTJSON, ""
		return true
	}
	return false
}

// shapeOf tells which protocol a request looks like; REST when nothing says otherwise.
func shapeOf(r *http.Request) wire.ProtocolID {
	switch {
	case strings.EqualFold(r.Header.Get("Smithy-Protocol"), "rpc-v2-cbor"):
		return wire.ProtocolCBOR
	case r.Header.Get("X-Amz-Target") != "":
		return wire.ProtocolJSON
	case r.Method == http.MethodPost && isForm(r):
		return wire.ProtocolQuery
	}
	if strings.Contains(r.URL.RawQuery, "Action") {
		if _, ok := queryParam(r.URL.RawQuery, "Action"); ok {
			return wire.ProtocolQuery
		}
	}
	return wire.ProtocolRESTJSON
}

func isForm(r *http.Request) bool {
	ct, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(ct), "application/x-www-form-urlencoded")
}

// named returns the target prefix and the operation that the header or a smithy path (/service/X/operation/Y) names.
func named(r *http.Request, shape wire.ProtocolID, path string) (prefix, operation string) {
	switch shape {
	case wire.ProtocolJSON:
		t := r.Header.Get("X-Amz-Target")
		if i := strings.LastIndexByte(t, '.'); i >= 0 {
			return t[:i], t[i+1:]
		}
		return "", t
	case wire.ProtocolCBOR:
		if i := strings.LastIndex(path, "/service/"); i >= 0 { // what comes before is the endpoint's own path
			service, rest, _ := strings.Cut(path[i+len("/service/"):], "/")
			if op, ok := strings.CutPrefix(rest, "operation/"); ok && strings.IndexByte(op, '/') < 0 {
				return service[strings.LastIndexByte(service, '.')+1:], op // com.example.Service is Service
			}
		}
	default: // nothing outside the body names the operation, or the path does
	}
	return "", ""
}

// resolve finds the operation within the service.
func (t *table) resolve(h *head, tg *target) {
	s := tg.service
	if isREST(tg.codec.ID()) {
		t.resolveREST(h, tg)
		return
	}
	if tg.codec.ID() == wire.ProtocolJSON && h.prefix != s.Schema.TargetPrefix ||
		family(tg.codec.ID()) != family(tg.shape) {
		tg.operation = ""
		return
	}
	tg.op = s.Schema.Operation(tg.operation)
}

func (t *table) resolveREST(h *head, tg *target) {
	s := tg.service
	path := h.path
	if s.Schema.ID == "s3" {
		if bucket := t.bucketOf(h); bucket != "" {
			path = "/" + bucket + path
		}
	}
	v, labels, ok := s.findREST(h.r.Method, path, h.query)
	tg.op, tg.operation, tg.labels = -1, "", labels
	if ok {
		tg.op, tg.operation = s.operationAt(v)
	}
	if s.Schema.ID != "s3" {
		return
	}
	if name := s3Operation(tg.operation, path, h); name != tg.operation {
		tg.op, tg.operation = s.Schema.Operation(name), name
		if name == postObject {
			tg.labels = []string{trimSlashes(path)}
		}
	}
}

// actionOf reads Action and Version out of a form body without decoding the rest.
func actionOf(body []byte) (action, version string) {
	for part := range bytes.SplitSeq(body, []byte{'&'}) {
		k, v, _ := bytes.Cut(part, []byte{'='})
		var dst *string
		switch string(k) {
		case "Action":
			dst = &action
		case "Version":
			dst = &version
		default:
			continue
		}
		if plain, err := url.QueryUnescape(string(v)); err == nil {
			*dst = plain
		}
		if action != "" && version != "" {
			break
		}
	}
	return action, version
}
