// SPDX-License-Identifier: Apache-2.0

package frontdoor

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"github.com/gustcloud/gust/internal/access"
	"github.com/gustcloud/gust/internal/awsapi"
	"github.com/gustcloud/gust/internal/base/vhost"
)

// FuzzRoute sends what net/http lets through to the router. Whatever it is, routing ends without a panic; an implemented
// operation comes with its codec; a decision is the same when it is made again; and labels are parts of the path as it was
// sent, in its order, nothing cleaned or unescaped. Seeds are the hand-picked requests and testdata/fuzz.
func FuzzRoute(f *testing.F) {
	_, list := mustPicked(f)
	for _, p := range list {
		h := p.head()
		f.Add(strings.Join(h.Request, "\r\n")+"\r\n\r\n", h.Body)
	}
	tb := newTable(testServices(), awsapi.Known())
	f.Fuzz(func(t *testing.T, head, body string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head)))
		if err != nil {
			return
		}
		host, ok := (*vhost.Table)(nil).Parse(r.Host)
		if !ok {
			return
		}
		sig, _ := access.Parse(r) // find routes a broken signature too, as unsigned
		decide := func() target {
			action := func() (string, string, error) { a, v := actionOf([]byte(body)); return a, v, nil }
			tg, err := tb.find(r, destination(host, r.URL.EscapedPath()), sig, action)
			if err != nil {
				t.Fatal(err)
			}
			if tg.unread {
				a, v, _ := action()
				tb.settle(&tg, a, v)
			}
			return tg
		}
		tg := decide()
		if tg.op >= 0 && (tg.codec == nil || tg.operation != tg.service.Schema.Operations[tg.op].Name) {
			t.Errorf("an operation without its codec or name: %+v", tg)
		}
		if (tg.service != nil) != (tg.codec != nil) {
			t.Errorf("a service without codec or the other way round: %+v", tg)
		}
		if again := decide(); decision(again) != decision(tg) {
			t.Errorf("%q, then %q", decision(tg), decision(again))
		}
		checkLabels(t, r, tg)
	})
}

// checkLabels is the model of what labels are: the path as sent is what stands between them and they themselves.
func checkLabels(t *testing.T, r *http.Request, tg target) {
	t.Helper()
	path, labels := r.URL.EscapedPath(), tg.labels
	if tg.service == nil || len(labels) == 0 {
		return
	}
	if tg.service.Schema.ID == "s3" {
		if byHost := tg.host.Kind == vhost.Bucket || tg.host.Kind == vhost.Endpoint; byHost && !strings.HasPrefix(path, "/"+labels[0]) {
			path = "/" + labels[0] + path
		}
		if want := strings.Join(labels, "/"); path != "/"+want && path != "/"+want+"/" && tg.host.Kind != vhost.Bucket && tg.host.Kind != vhost.Endpoint {
			t.Errorf("labels %q of %q", labels, path)
		}
	}
	if tg.host.Path != "" {
		path = tg.host.Path
	}
	rest := path
	for _, l := range labels {
		i := strings.Index(rest, l)
		if i < 0 || l == "" {
			t.Fatalf("label %q of %q is not in the rest %q of the path", l, labels, rest)
		}
		rest = rest[i+len(l):]
	}
}
