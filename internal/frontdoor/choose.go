// SPDX-License-Identifier: Apache-2.0

package frontdoor

import (
	"regexp"
	"strings"

	"github.com/gustcloud/gust/internal/base/vhost"
	"github.com/gustcloud/gust/internal/wire"
)

// signed finds the service of a request by the service in its credential scope. It sets tg.name too.
func (t *table) signed(h *head, tg *target) {
	tg.name, tg.service = h.sig.Scope.Service, nil
	switch tg.name {
	case "s3", "s3-outposts":
		if isS3Control(h) {
			t.s3Control(tg)
			return
		}
	case "elasticloadbalancing":
		if h.version == classicBalancers {
			tg.name = "elb"
			tg.service = t.byID[tg.name]
			return
		}
	}
	tg.service = t.choose(t.candidates(tg.name), h)
}

// classicBalancers is the version of the API of Classic Load Balancers, which shares its signing name and the names of
// several operations with that of the newer ones.
const classicBalancers = "2012-06-01"

// aliases are signing names that no model has: those of S3's directory buckets and object lambda, and SES's of SDKs before
// 2014. Source: the "signingName" properties in the endpoint rule sets of botocore 1.43.
var aliases = map[string]string{"s3express": "s3", "s3-object-lambda": "s3", "s3-outposts": "s3", "email": "ses"}

// candidates returns the services that sign as name. Clients that were configured by hand sign with the endpoint prefix.
func (t *table) candidates(name string) []*service {
	if list := t.bySigning[name]; list != nil {
		return list
	}
	if list := t.bySigning[aliases[name]]; list != nil {
		return list
	}
	if s := t.byHost[name]; s != nil {
		return []*service{s}
	}
	return nil
}

// choose picks among the services of one signing name. Few share one: what tells them apart is the target prefix, the
// version of the form, the host name, or the path; the first of them is the answer when nothing does.
func (t *table) choose(candidates []*service, h *head) *service {
	if len(candidates) <= 1 {
		if len(candidates) == 0 {
			return nil
		}
		return candidates[0]
	}
	for _, rule := range [...]func(s *service) bool{
		func(s *service) bool { return h.prefix != "" && s.Schema.TargetPrefix == h.prefix },
		func(s *service) bool {
			return h.version != "" && s.Schema.APIVersion == h.version && (h.action == "" || s.Schema.Has(h.action))
		},
		func(s *service) bool { return h.version != "" && s.Schema.APIVersion == h.version },
		func(s *service) bool {
			_, _, ok := s.findREST(h.r.Method, h.path, h.query)
			return ok && h.prefix == "" && h.shape != wire.ProtocolQuery
		},
		func(s *service) bool { return h.host.Kind == vhost.Endpoint && s.Schema.EndpointPrefix == h.host.ID },
		func(s *service) bool { return h.prefix == "" && s.begins(h.path) },
	} {
		for _, s := range candidates {
			if rule(s) {
				return s
			}
		}
	}
	return candidates[0]
}

// versionPath is a path that begins with a date, as those of REST services whose API has a version do.
var versionPath = regexp.MustCompile(`^/\d{4}-\d\d-\d\d/`)

// unsigned finds the service of a request without a signature. Clients send those to the operations that need none (user
// pools, STS's federation), to public buckets, and from the command line.
func (t *table) unsigned(h *head, tg *target, form formAction) error {
	if s := t.endpoint(h.host); s != nil && s.Schema.ID != "s3" {
		err := t.readAction(h, form)
		tg.service = t.choose(t.bySigning[s.Schema.SigningName], h)
		return err
	}
	if isS3Control(h) {
		t.s3Control(tg)
		return nil
	}
	if h.shape == wire.ProtocolQuery && h.host.Kind != vhost.Bucket {
		if err := t.readAction(h, form); err != nil {
			return err
		}
		if t.byAction(h, tg) {
			return nil
		}
	}
	if versionPath.MatchString(h.path) {
		tg.name = "rest"
		tg.service = t.byVersionPath(h)
		return nil
	}
	tg.name = "s3"
	tg.service = t.byID["s3"]
	return nil
}

// readAction reads the form of an unsigned request; its service may depend on it.
func (t *table) readAction(h *head, form formAction) (err error) {
	if h.shape == wire.ProtocolQuery && h.action == "" && isForm(h.r) {
		h.action, h.version, err = form()
	}
	return err
}

// byAction finds the service of an unsigned query call. ok is false for what is none after all.
func (t *table) byAction(h *head, tg *target) (ok bool) {
	tg.name = "query"
	if isQueueURL(h.path) {
		tg.name = "sqs"
		tg.service = t.byID["sqs"]
		return true
	}
	for _, s := range t.all {
		right := h.version == "" || h.version == s.Schema.APIVersion
		if right && s.speaks(wire.ProtocolQuery) && s.Schema.Has(h.action) {
			tg.service = s
			return true
		}
	}
	// A form without a service of its own stays one; "Action" in the query of an object's URL means nothing.
	return isForm(h.r) && h.action != "" || h.path == "/"
}

// byVersionPath finds the service whose paths begin with the date of this one.
func (t *table) byVersionPath(h *head) *service {
	for _, s := range t.all {
		if s.Schema.ID == "s3" { // its paths match everything
			continue
		}
		if _, _, ok := s.findREST(h.r.Method, h.path, h.query); ok {
			return s
		}
	}
	return nil
}

// isQueueURL tells whether a path is that of a queue URL: "/123456789012/name".
func isQueueURL(path string) bool {
	account, name, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if !ok || len(account) != 12 || name == "" || strings.IndexByte(name, '/') >= 0 {
		return false
	}
	return strings.Trim(account, "0123456789") == ""
}

// endpoint returns the service that a host name stands for: "lambda.us-east-1.localhost"; nil for none.
func (t *table) endpoint(n vhost.Name) *service {
	if n.Kind != vhost.Endpoint {
		return nil
	}
	if n.ID == "queue" { // SQS's own name before 2012, which AWS CLI 1 still uses
		return t.byID["sqs"]
	}
	return t.byHost[n.ID]
}
