// SPDX-License-Identifier: Apache-2.0

package frontdoor

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/gustcloud/gust/internal/access/sigv4"
	"github.com/gustcloud/gust/internal/wire"
)

// target is where a request goes.
type target struct {
	service   *service // nil: Gust does not have it
	name      string   // of the service for messages and logs: its id, or what the client called it
	shape     wire.ProtocolID
	codec     wire.Protocol // nil when service is nil
	op        int           // index of the operation, -1 when it is missing or unknown
	operation string        // its name; "" when the request names none
	labels    []string      // REST: the URI's labels, still escaped
}

// formAction returns the parameters Action and Version of a form body. Routing calls it only for requests with a form
// content type: it is the only part of routing that reads a body.
type formAction func() (action, version string, err error)

// find routes r, cheapest evidence first: the signature's service, X-Amz-Target, a smithy path, the host name, the path,
// the form's Action; what is left is S3 without a signature. sig is nil for unsigned requests.
func (t *table) find(r *http.Request, sig *sigv4.Signature, form formAction) (target, error) {
	tg := target{shape: shapeOf(r), op: -1}
	prefix, operation := named(r, tg.shape)
	tg.operation = operation
	var version string
	if family(tg.shape) == wire.ProtocolQuery {
		q := r.URL.Query()
		tg.operation, version = q.Get("Action"), q.Get("Version")
		if tg.operation == "" {
			var err error
			if tg.operation, version, err = form(); err != nil {
				return tg, err
			}
		}
	}
	switch {
	case sig != nil:
		tg.name = sig.Scope.Service
		tg.service = t.choose(t.bySigning[tg.name], r, prefix, version)
	case prefix != "":
		tg.name = prefix
		tg.service = t.byTarget[prefix]
	default:
		tg.service = t.unsigned(r, &tg, version)
	}
	if tg.service == nil {
		return tg, nil
	}
	tg.name = tg.service.Schema.ID
	tg.codec = tg.service.codec(tg.shape)
	tg.resolve(r, prefix)
	return tg, nil
}

// shapeOf tells which protocol a request looks like; REST when nothing says otherwise.
func shapeOf(r *http.Request) wire.ProtocolID {
	switch {
	case r.Header.Get("Smithy-Protocol") == "rpc-v2-cbor":
		return wire.ProtocolCBOR
	case r.Header.Get("X-Amz-Target") != "":
		return wire.ProtocolJSON
	case r.Method == http.MethodPost && isForm(r), strings.Contains(r.URL.RawQuery, "Action="):
		return wire.ProtocolQuery
	}
	return wire.ProtocolRESTJSON
}

func isForm(r *http.Request) bool {
	ct, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(ct), "application/x-www-form-urlencoded")
}

// named returns the target prefix and the operation that the header or a smithy path (/service/X/operation/Y) names.
func named(r *http.Request, shape wire.ProtocolID) (prefix, operation string) {
	switch shape {
	case wire.ProtocolJSON:
		t := r.Header.Get("X-Amz-Target")
		if i := strings.LastIndexByte(t, '.'); i >= 0 {
			return t[:i], t[i+1:]
		}
		return "", t
	case wire.ProtocolCBOR:
		p := strings.Split(r.URL.EscapedPath(), "/")
		if n := len(p); n >= 5 && p[n-4] == "service" && p[n-2] == "operation" {
			return p[n-3], p[n-1]
		}
	default: // nothing outside the body names the operation, or the path does
	}
	return "", ""
}

// choose picks among the services of one signing name. Few share one: what tells them apart is the target prefix, the
// path, or the version of the form.
func (t *table) choose(candidates []*service, r *http.Request, prefix, version string) *service {
	if len(candidates) <= 1 {
		if len(candidates) == 0 {
			return nil
		}
		return candidates[0]
	}
	for _, s := range candidates {
		switch {
		case prefix != "" && s.Schema.TargetPrefix == prefix, version != "" && s.Schema.APIVersion == version:
			return s
		case prefix == "" && version == "":
			if _, _, ok := s.findREST(r); ok {
				return s
			}
		}
	}
	return candidates[0]
}

// versionPath is a path that begins with a date, as those of REST services whose API has a version do.
var versionPath = regexp.MustCompile(`^/\d{4}-\d\d-\d\d/`)

// unsigned finds the service of a request without a signature.
func (t *table) unsigned(r *http.Request, tg *target, version string) *service {
	if s := t.hostService(hostname(r.Host)); s != nil {
		return s
	}
	if family(tg.shape) == wire.ProtocolQuery {
		tg.name = "query"
		for _, s := range t.all {
			right := version == "" || version == s.Schema.APIVersion
			if right && s.Schema.Has(tg.operation) && family(s.codec(tg.shape).ID()) == wire.ProtocolQuery {
				return s
			}
		}
		if tg.operation != "" {
			return nil
		}
	}
	for _, s := range t.all {
		if s.known || s.Schema.ID == "s3" { // known ones are not worth their tries here; S3's paths match everything
			continue
		}
		if _, _, ok := s.findREST(r); ok {
			return s
		}
	}
	if versionPath.MatchString(r.URL.Path) {
		tg.name = "rest"
		return nil
	}
	tg.name = "s3"
	return t.byID["s3"]
}

// resolve finds the operation within the service.
func (tg *target) resolve(r *http.Request, prefix string) {
	s := tg.service
	if isREST(tg.codec.ID()) {
		v, labels, ok := s.findREST(r)
		if !ok {
			tg.operation = ""
			return
		}
		tg.op, tg.operation = s.operationAt(v)
		tg.labels = labels
		return
	}
	if tg.codec.ID() == wire.ProtocolJSON && prefix != s.Schema.TargetPrefix || tg.codec.ID() != tg.shape &&
		family(tg.codec.ID()) != family(tg.shape) {
		tg.operation = ""
		return
	}
	tg.op = s.Schema.Operation(tg.operation)
}

// actionOf reads Action and Version out of a form body without decoding the rest.
func actionOf(body []byte) (action, version string) {
	for part := range strings.SplitSeq(string(body), "&") {
		k, v, _ := strings.Cut(part, "=")
		var dst *string
		switch k {
		case "Action":
			dst = &action
		case "Version":
			dst = &version
		default:
			continue
		}
		if plain, err := url.QueryUnescape(v); err == nil {
			*dst = plain
		}
		if action != "" && version != "" {
			break
		}
	}
	return action, version
}
