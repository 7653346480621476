// SPDX-License-Identifier: Apache-2.0

package frontdoor_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gustcloud/gust/internal/access/sigv4"
	"github.com/gustcloud/gust/internal/base/vhost"
	"github.com/gustcloud/gust/internal/frontdoor"
)

func TestDoorSaysWhichDoorIsMissing(t *testing.T) {
	tests := []struct {
		name, method, url string
		headers           []string
		status            int
		want              string
	}{
		{"function URL", "POST", "http://xyz.lambda-url.us-east-1.localhost:4566/", nil, 501, `function URLs yet; this request is for one of them ("xyz")`},
		{"from a web page", "GET", "http://xyz.lambda-url.us-east-1.localhost:4566/", []string{"Origin: https://evil.example"}, 501, "function URLs"},
		{"preflight is the function's business", "OPTIONS", "http://xyz.lambda-url.us-east-1.localhost:4566/", []string{"Origin: https://ok.example", "Access-Control-Request-Method: POST"}, 501, "function URLs"},
		{"deployed API by path", "GET", base + "/_aws/execute-api/abc/prod/pets", nil, 501, `deployed APIs of API Gateway yet; this request is for one of them ("abc")`},
		{"deployed API by signature", "GET", base + "/pets", []string{"X-Amz-Date: 20261125T101500Z", "Authorization: AWS4-HMAC-SHA256 Credential=t/20261125/us-east-1/execute-api/aws4_request, SignedHeaders=host, Signature=00"}, 501, "deployed APIs of API Gateway yet"},
		{"registry", "GET", base + "/v2/", nil, 501, "the container registry"},
		{"custom name", "GET", "http://shop.example/", []string{"Origin: https://evil.example"}, 501, `custom domain names yet; this request is for one of them ("shop.example")`},
		{"management API is the AWS API", "POST", "http://abc.execute-api.us-east-1.localhost:4566/prod/@connections/x", []string{"Origin: https://evil.example"}, 403, "Web pages of"},
		{"unknown name", "GET", "http://other.example/", nil, 403, "does not answer to the host"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := mustDoor(t, nil).Deps
			d.CustomNames = func(host string) (vhost.Name, bool) {
				return vhost.Name{Kind: vhost.Custom, ID: host}, host == "shop.example"
			}
			w := httptest.NewRecorder()
			frontdoor.New(d).ServeHTTP(w, signed(t, sigv4.Keys{}, "", tt.method, tt.url, "", tt.headers...))
			if w.Code != tt.status || !strings.Contains(w.Body.String(), strings.ReplaceAll(tt.want, `"`, `\"`)) {
				t.Errorf("%d %s, want %d %q", w.Code, w.Body, tt.status, tt.want)
			}
			if got := w.Header().Get("Access-Control-Allow-Origin"); got != "" {
				t.Errorf("allows origin %q", got)
			}
		})
	}
}

// TestGuardOfTheOperatorsPathsKnowsNoExceptions: what may call a function URL from a web page may not call the operator's
// paths below the same name.
func TestGuardOfTheOperatorsPathsKnowsNoExceptions(t *testing.T) {
	d := mustDoor(t, nil)
	r := signed(t, sigv4.Keys{}, "", "GET", "http://xyz.lambda-url.us-east-1.localhost:4566/_gust/health", "", "Origin: https://evil.example")
	if err := d.Guard.Check(r); err == nil {
		t.Error("a web page may call the operator's paths")
	}
}

func TestOperatorsPathsAreNotThoseOfCustomers(t *testing.T) {
	d := mustDoor(t, nil)
	key := sigv4.Keys{AccessKeyID: "test", SecretAccessKey: "x"}
	for _, c := range []struct {
		host string
		keys sigv4.Keys
		want bool
	}{
		{"127.0.0.1:4566", sigv4.Keys{}, true},
		{"127.0.0.1:4566", key, true},
		{"lambda.us-east-1.localhost", sigv4.Keys{}, true}, // in the links of GetFunction
		{"bucket.localhost", key, false},
		{"bucket.s3.localhost", sigv4.Keys{}, false},
		{"xyz.lambda-url.us-east-1.localhost", sigv4.Keys{}, false},
		{"evil.example", sigv4.Keys{}, true}, // so that Check refuses it
	} {
		r := signed(t, c.keys, "s3", "GET", "http://"+c.host+"/_gust/health", "")
		if got := d.Guard.Operator(r); got != c.want {
			t.Errorf("%s %s: %v", c.host, c.keys.AccessKeyID, got)
		}
	}
}

func TestDoorAnswersForS3ControlInXML(t *testing.T) {
	w := httptest.NewRecorder()
	mustDoor(t, nil).ServeHTTP(w, signed(t, sigv4.Keys{AccessKeyID: "test"}, "s3", "GET", "http://123456789012.localhost:4566/v20180820/jobs", ""))
	if w.Code != 501 || !strings.Contains(w.Body.String(), "<Code>") || !strings.Contains(w.Body.String(), "s3control") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
