// SPDX-License-Identifier: Apache-2.0

package frontdoor

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/gustcloud/gust/internal/base/vhost"
	"github.com/gustcloud/gust/internal/wire"
)

// destination adds to what the host name says what a path says where clients cannot use names: deployed APIs, the public
// keys of user pools, and the container registry, whose clients know no other path than /v2/. None of these paths can
// begin with the name of a bucket. The other way round, two paths below names of customers' traffic are calls of the AWS
// API: that of the management API of WebSocket APIs and that of object lambdas' answers. escapedPath is the path as sent.
func destination(host vhost.Name, escapedPath string) vhost.Name {
	switch host.Kind {
	case vhost.Plain, vhost.Endpoint:
		host = byPath(host, escapedPath)
	case vhost.AccessPoint:
		if escapedPath == objectLambdaPath {
			host.Kind, host.ID = vhost.Endpoint, "s3"
		}
	default:
	}
	if host.Kind != vhost.ExecuteAPI && !strings.HasPrefix(escapedPath, "/@connections/") {
		return host
	}
	if path, ok := connection(cmp.Or(host.Path, escapedPath)); ok {
		host.Kind, host.ID, host.Path = vhost.Endpoint, "execute-api", path
	}
	return host
}

func byPath(host vhost.Name, escapedPath string) vhost.Name {
	if rest, ok := strings.CutPrefix(escapedPath, "/_aws/execute-api/"); ok { // LocalStack's form, documented there
		id, rest, _ := strings.Cut(rest, "/")
		stage, path, _ := strings.Cut(rest, "/")
		return vhost.Name{Kind: vhost.ExecuteAPI, ID: id, Stage: stage, Path: "/" + path, Region: host.Region, Sub: host.Sub}
	}
	first, rest, _ := strings.Cut(strings.TrimPrefix(escapedPath, "/"), "/")
	switch {
	case first == "restapis": // LocalStack's older form: /restapis/ID/STAGE/_user_request_/PATH
		id, rest, _ := strings.Cut(rest, "/")
		stage, rest, _ := strings.Cut(rest, "/")
		if path, ok := strings.CutPrefix(rest, "_user_request_"); ok && (path == "" || path[0] == '/') {
			return vhost.Name{Kind: vhost.ExecuteAPI, ID: id, Stage: stage, Path: "/" + strings.TrimPrefix(path, "/"), Region: host.Region, Sub: host.Sub}
		}
	case first == "v2" && isRegistryPath(rest):
		return vhost.Name{Kind: vhost.Registry, Region: host.Region, Sub: host.Sub}
	case strings.IndexByte(first, '_') > 0 && (rest == ".well-known/jwks.json" || rest == ".well-known/openid-configuration"):
		region, _, _ := strings.Cut(first, "_") // a pool id is its region, an underscore and nine characters
		return vhost.Name{Kind: vhost.Issuer, ID: first, Region: region, Sub: host.Sub}
	}
	return host
}

// isRegistryPath recognises what follows /v2/ in requests of container tools; the API of API Gateway v2 stands there too.
// Source: Open Container Initiative, Distribution Specification 1.1, "Endpoints"; _catalog and token are Docker's.
func isRegistryPath(rest string) bool {
	if rest == "" || rest == "_catalog" || rest == "token" {
		return true
	}
	for _, word := range [...]string{"/manifests/", "/blobs/", "/tags/list", "/referrers/"} {
		if i := strings.Index(rest, word); i > 0 {
			return true
		}
	}
	return false
}

// connection returns the part of a path that the management API of WebSocket APIs knows: "/@connections/ID", whatever the
// stage before it.
func connection(escapedPath string) (path string, ok bool) {
	for _, word := range [...]string{"/@connections/", "/%40connections/"} {
		if i := strings.Index(escapedPath, word); i >= 0 && strings.IndexByte(strings.TrimPrefix(escapedPath[:i], "/"), '/') < 0 {
			return "/@connections/" + escapedPath[i+len(word):], true
		}
	}
	return "", false
}

// noDoor is the answer to customers' traffic of a kind that nothing here serves yet.
func noDoor(n vhost.Name) error {
	what, _ := n.Kind.Ingress()
	return &wire.FrameworkError{
		Code: "NotImplementedException", Status: http.StatusNotImplemented, Sender: true,
		Message: "Gust does not serve " + what + " yet; this request is for one of them (" + quoteShort(cmp.Or(n.ID, n.Account, "no name")) + ").",
	}
}
