// SPDX-License-Identifier: Apache-2.0

package frontdoor

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/gustcloud/gust/internal/access"
	"github.com/gustcloud/gust/internal/awsapi"
	"github.com/gustcloud/gust/internal/base/vhost"
	"github.com/gustcloud/gust/internal/wire"
)

var rewrite = flag.Bool("rewrite", false, "write what the router says into testdata/routes.txt; read the difference before committing it")

const routesFile = "testdata/routes.txt"

// picked is one entry of testdata/routes.txt, whose head says how it is read.
type picked struct {
	line    int
	why     string
	client  string
	request []string
	body    string
	want    string // "" for none yet
}

func mustPicked(t testing.TB) (preamble string, list []picked) {
	t.Helper()
	data, err := os.ReadFile(routesFile)
	if err != nil {
		t.Fatal(err)
	}
	preamble, rest, _ := strings.Cut(string(data), "\n\n")
	line := strings.Count(preamble, "\n") + 3
	for entry := range strings.SplitSeq(strings.TrimRight(rest, "\n"), "\n\n") {
		p := picked{line: line}
		for l := range strings.SplitSeq(entry, "\n") {
			line++
			switch {
			case strings.HasPrefix(l, "# "):
				p.why = l[2:]
			case strings.HasPrefix(l, "client: "):
				p.client = l[len("client: "):]
			case strings.HasPrefix(l, "> "):
				p.body = l[2:]
			case strings.HasPrefix(l, "= "):
				p.want = l[2:]
			case p.request == nil:
				p.request = []string{l + " HTTP/1.1"}
			default:
				p.request = append(p.request, l)
			}
		}
		line++
		list = append(list, p)
	}
	return preamble, list
}

// head writes "Signed: NAME" out.
func (p picked) head() recording {
	r := recording{Body: p.body}
	for _, l := range p.request {
		if name, ok := strings.CutPrefix(l, "Signed: "); ok {
			r.Request = append(r.Request, "X-Amz-Date: 20261125T101500Z",
				"Authorization: AWS4-HMAC-SHA256 Credential=test/20261125/us-east-1/"+name+"/aws4_request, SignedHeaders=host, Signature=00")
			continue
		}
		r.Request = append(r.Request, l)
	}
	return r
}

var kindNames = map[vhost.Kind]string{
	vhost.AccessPoint: "access-point", vhost.ExecuteAPI: "execute-api", vhost.FunctionURL: "function-url",
	vhost.Website: "website", vhost.Distribution: "distribution", vhost.Balancer: "balancer", vhost.Registry: "registry",
	vhost.Issuer: "issuer", vhost.SignIn: "sign-in", vhost.Custom: "custom",
}

// decision prints a target: "SERVICE OPERATION PROTOCOL LABEL..." or "ingress KIND KEY=VALUE...". A "?" stands after a
// service that the catalogue does not have, and after an operation that its model does not have.
func decision(tg target) string {
	if kind, ok := kindNames[tg.host.Kind]; ok {
		s := "ingress " + kind
		for _, f := range [][2]string{
			{"id", tg.host.ID}, {"region", tg.host.Region}, {"account", tg.host.Account}, {"stage", tg.host.Stage}, {"path", tg.host.Path},
		} {
			if f[1] != "" {
				s += " " + f[0] + "=" + f[1]
			}
		}
		return s
	}
	name, operation, protocol := tg.name, tg.operation, tg.shape
	if tg.service == nil {
		name += "?"
	} else {
		protocol = tg.codec.ID()
		if !tg.service.Schema.Has(operation) && operation != postObject {
			operation += "?"
		}
	}
	if operation == "" {
		operation = "-"
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %s", name, operation, protocol, strings.Join(tg.labels, " ")))
}

// routeOf does what the stages of the door do, signatures aside.
func routeOf(t *testing.T, tb *table, r *http.Request) target {
	t.Helper()
	host, ok := (*vhost.Table)(nil).Parse(r.Host)
	if !ok {
		t.Fatalf("host %s is not ours", r.Host)
	}
	sig, err := access.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	action := func() (string, string, error) {
		var b strings.Builder
		_, err := bufio.NewReader(r.Body).WriteTo(&b)
		a, v := actionOf([]byte(b.String()))
		return a, v, err
	}
	tg, err := tb.find(r, destination(host, r.URL.EscapedPath()), sig, action)
	if err != nil {
		t.Fatal(err)
	}
	if tg.unread {
		a, v, err := action()
		if err != nil {
			t.Fatal(err)
		}
		tb.settle(&tg, a, v)
	}
	return tg
}

// TestRouteHandPickedRequests: each entry of testdata/routes.txt is there for a reason of its own.
func TestRouteHandPickedRequests(t *testing.T) {
	preamble, list := mustPicked(t)
	tb := newTable(testServices(), awsapi.Known())
	seen := map[string]int{}
	for i := range list {
		p := &list[i]
		if p.why == "" || p.client == "" || len(p.request) < 2 {
			t.Fatalf("%s:%d lacks a reason, a client or a request: %+v", routesFile, p.line, *p)
		}
		if at := seen[strings.Join(p.request, "\n")+p.body]; at > 0 {
			t.Errorf("%s:%d is the request of line %d again", routesFile, p.line, at)
		}
		seen[strings.Join(p.request, "\n")+p.body] = p.line
		t.Run(fmt.Sprintf("%d %s", p.line, p.why), func(t *testing.T) {
			got := decision(routeOf(t, tb, p.head().request(t)))
			if *rewrite {
				p.want = got
			}
			answerForPicked(t, *p)
			if got != p.want {
				t.Errorf("%s:%d: %s %s\n got %q\nwant %q", routesFile, p.line, p.client, p.request[0], got, p.want)
			}
		})
	}
	if len(list) < 150 {
		t.Errorf("%d requests, want at least 150", len(list))
	}
	if *rewrite {
		mustWritePicked(t, preamble, list)
	}
}

// answerForPicked sends the request through all stages of a door: whatever it is, the answer comes in some protocol.
func answerForPicked(t *testing.T, p picked) {
	t.Helper()
	d := mustBudgetedDoor(t, maxBodies)
	services := testServices()
	for i := range services {
		services[i].Invoke = func(context.Context, int, any) (any, error) {
			return nil, &wire.FrameworkError{Code: "Reached", Message: "reached", Status: http.StatusTeapot, Sender: true}
		}
	}
	d.table = newTable(services, awsapi.Known())
	w := httptest.NewRecorder()
	d.ServeHTTP(w, p.head().request(t))
	if w.Code < 400 || w.Code == http.StatusInternalServerError || w.Header().Get("Content-Type") == "" {
		t.Errorf("%s:%d: answer %d %v %s", routesFile, p.line, w.Code, w.Header(), w.Body)
	}
}

func mustWritePicked(t *testing.T, preamble string, list []picked) {
	t.Helper()
	var b strings.Builder
	b.WriteString(preamble + "\n")
	for _, p := range list {
		fmt.Fprintf(&b, "\n# %s\nclient: %s\n%s\n", p.why, p.client, strings.TrimSuffix(p.request[0], " HTTP/1.1"))
		for _, l := range p.request[1:] {
			b.WriteString(l + "\n")
		}
		if p.body != "" {
			b.WriteString("> " + p.body + "\n")
		}
		b.WriteString("= " + p.want + "\n")
	}
	if err := os.WriteFile(routesFile, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestRouteOfEveryOperation: the canonical request of every operation of every imported model reaches it. The requests
// are generated, so they say nothing about clients; they say that no operation hides another one.
func TestRouteOfEveryOperation(t *testing.T) {
	tb := newTable(testServices(), awsapi.Known())
	n := 0
	for _, s := range tb.all {
		s.once.Do(s.fill)
		routes := s.missing
		for i := range s.Schema.Operations {
			op := &s.Schema.Operations[i]
			routes = append(routes, wire.Route{Name: op.Name, Method: op.Method, URI: op.URI})
		}
		for _, rt := range routes {
			if s.Schema.ID == "s3" && replaced[rt.Name] {
				continue
			}
			if got := decision(routeOf(t, tb, canonical(t, s, rt))); !strings.HasPrefix(got, s.Schema.ID+" "+rt.Name+" ") {
				t.Errorf("%s %s (%s %s) goes to %q", s.Schema.ID, rt.Name, rt.Method, rt.URI, got)
			}
			n++
		}
	}
	t.Logf("%d operations of %d services", n, len(tb.all))
}

// hidden is what makes a request one of those operations of S3 whose URI another operation has too: parameters, a header.
var hidden = map[string][2]string{
	"UploadPart": {"partNumber=1&uploadId=u"}, "UploadPartCopy": {"partNumber=1&uploadId=u", "X-Amz-Copy-Source: b/k"},
	"CopyObject": {"", "X-Amz-Copy-Source: b/k"}, "ListParts": {"uploadId=u"}, "AbortMultipartUpload": {"uploadId=u"},
	"ListDirectoryBuckets": {"x-id=ListDirectoryBuckets"}, "GetBucketAnalyticsConfiguration": {"id=i"},
	"GetBucketIntelligentTieringConfiguration": {"id=i"}, "GetBucketInventoryConfiguration": {"id=i"},
	"GetBucketMetricsConfiguration": {"id=i"},
}

// replaced are operations of S3 that the model keeps beside their successors, with the same requests.
var replaced = map[string]bool{
	"GetBucketLifecycle": true, "PutBucketLifecycle": true, "GetBucketNotification": true, "PutBucketNotification": true,
}

func canonical(t *testing.T, s *service, rt wire.Route) *http.Request {
	t.Helper()
	p := picked{request: []string{"POST / HTTP/1.1", "Host: 127.0.0.1:4566", "Signed: " + s.Schema.SigningName}}
	switch protocol := s.codecs[0].ID(); family(protocol) {
	case wire.ProtocolJSON:
		p.request = append(p.request, "X-Amz-Target: "+s.Schema.TargetPrefix+"."+rt.Name)
	case wire.ProtocolCBOR:
		p.request[0] = "POST /service/" + s.Schema.TargetPrefix + "/operation/" + rt.Name + " HTTP/1.1"
		p.request = append(p.request, "Smithy-Protocol: rpc-v2-cbor")
	case wire.ProtocolQuery:
		p.request = append(p.request, "Content-Type: application/x-www-form-urlencoded")
		p.body = "Action=" + rt.Name + "&Version=" + s.Schema.APIVersion
	default:
		uri := rt.URI
		for {
			i, j := strings.IndexByte(uri, '{'), strings.IndexByte(uri, '}')
			if i < 0 {
				break
			}
			uri = uri[:i] + "x1" + uri[j+1:]
		}
		if h, ok := hidden[rt.Name]; ok && s.Schema.ID == "s3" {
			sep := map[bool]string{true: "&", false: "?"}[strings.Contains(uri, "?")]
			uri += sep + h[0]
			if h[1] != "" {
				p.request = append(p.request, h[1])
			}
		}
		p.request[0] = rt.Method + " " + uri + " HTTP/1.1"
	}
	return p.head().request(t)
}
