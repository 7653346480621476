// SPDX-License-Identifier: Apache-2.0

package vhost_test

import (
	"fmt"
	"testing"

	"github.com/gustcloud/gust/internal/base/vhost"
)

// describe prints a Name as "kind id region account".
func describe(n vhost.Name) string {
	kinds := map[vhost.Kind]string{
		vhost.Plain: "plain", vhost.Endpoint: "endpoint", vhost.Bucket: "bucket", vhost.AccessPoint: "access-point",
		vhost.ExecuteAPI: "execute-api", vhost.FunctionURL: "function-url", vhost.Website: "website",
		vhost.Distribution: "distribution", vhost.Balancer: "balancer", vhost.Registry: "registry",
		vhost.Issuer: "issuer", vhost.SignIn: "sign-in", vhost.Custom: "custom",
	}
	return fmt.Sprintf("%s %s %s %s", kinds[n.Kind], n.ID, n.Region, n.Account)
}

func TestParseReadsTheNamesOfAWS(t *testing.T) {
	t.Parallel()
	table := vhost.New("gust.example.com", "Deep.gust.example.com", "gust")
	for host, want := range map[string]string{
		"127.0.0.1:4566": "plain   ", "[::1]:4566": "plain   ", "::1": "plain   ", "10.1.2.3": "plain   ",
		"localhost": "plain   ", "LOCALHOST:4566": "plain   ", "localhost.": "plain   ", "aws.localhost:4566": "plain   ",
		"aws.gust.internal": "plain   ", "sync-aws.localhost:4566": "plain   ", "stream-aws.gust.internal": "plain   ",
		"gust:4566": "plain   ", "gust.example.com": "plain   ", "deep.gust.example.com": "plain   ",
		"localhost.localstack.cloud:4566": "plain   ", "amazonaws.com": "plain   ", "cloudfront.net": "plain   ",
		"sync-localhost:4566": "plain   ", "stream-127.0.0.1:4566": "plain   ", "data-gust:4566": "plain   ",
		// endpoints
		"sqs.us-east-1.localhost":                         "endpoint sqs us-east-1 ",
		"sts.amazonaws.com":                               "endpoint sts  ",
		"sts-fips.us-east-1.amazonaws.com":                "endpoint sts us-east-1 ",
		"streams.dynamodb.eu-west-1.amazonaws.com":        "endpoint streams.dynamodb eu-west-1 ",
		"api.ecr.us-east-1.amazonaws.com":                 "endpoint api.ecr us-east-1 ",
		"sync-states.us-east-1.amazonaws.com":             "endpoint states us-east-1 ",
		"stream-logs.us-east-1.amazonaws.com":             "endpoint logs us-east-1 ",
		"data-servicediscovery.eu-west-1.localhost":       "endpoint servicediscovery eu-west-1 ",
		"lambda.us-gov-west-1.amazonaws.com":              "endpoint lambda us-gov-west-1 ",
		"monitoring.cn-north-1.amazonaws.com.cn":          "endpoint monitoring cn-north-1 ",
		"logs.eusc-de-east-1.api.aws":                     "endpoint logs eusc-de-east-1 ",
		"us-west-2.queue.amazonaws.com":                   "endpoint queue us-west-2 ",
		"queue.amazonaws.com":                             "endpoint queue  ",
		"cloudfront.amazonaws.com":                        "endpoint cloudfront  ",
		"execute-api.us-east-1.localhost":                 "endpoint execute-api us-east-1 ",
		"123456789012.ddb.us-east-1.amazonaws.com":        "endpoint dynamodb us-east-1 123456789012",
		"123456789012.data-kinesis.us-east-1.api.aws":     "endpoint kinesis us-east-1 123456789012",
		"123456789012.s3-control.us-east-1.amazonaws.com": "endpoint s3-control us-east-1 123456789012",
		"s3.us-east-1.localhost":                          "endpoint s3 us-east-1 ",
		"s3.dualstack.us-east-1.amazonaws.com":            "endpoint s3 us-east-1 ",
		"s3-us-west-2.amazonaws.com":                      "endpoint s3 us-west-2 ",
		"s3-accelerate.amazonaws.com":                     "endpoint s3  ",
		"s3express-control.us-east-1.amazonaws.com":       "endpoint s3 us-east-1 ",
		"my-bucket.localhost:4566":                        "endpoint my-bucket  ",
		"my-bucket.aws.localhost:4566":                    "endpoint my-bucket  ",
		"a.b.gust.example.com":                            "endpoint a.b  ",
		// buckets
		"b.s3.localhost:4566":                                          "bucket b  ",
		"b.s3.us-east-1.amazonaws.com":                                 "bucket b us-east-1 ",
		"b.s3.dualstack.us-east-1.amazonaws.com":                       "bucket b us-east-1 ",
		"b.s3-accelerate.dualstack.amazonaws.com":                      "bucket b  ",
		"b.s3-us-west-2.amazonaws.com":                                 "bucket b us-west-2 ",
		"my.dotted.bucket.s3.us-east-1.localhost":                      "bucket my.dotted.bucket us-east-1 ",
		"s3.s3.localhost":                                              "bucket s3  ",
		"us-east-1.s3.localhost":                                       "bucket us-east-1  ",
		"b.s3.localhost.localstack.cloud:4566":                         "bucket b  ",
		"b--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com": "bucket b--use1-az4--x-s3 us-east-1 ",
		"ap-123456789012.s3-accesspoint.us-east-1.amazonaws.com":       "access-point ap-123456789012 us-east-1 ",
		"mrap.accesspoint.s3-global.amazonaws.com":                     "access-point mrap.accesspoint  ",
		// customers' traffic
		"b.s3-website-us-east-1.amazonaws.com":                 "website b us-east-1 ",
		"www.example.com.s3-website.eu-central-1.localhost":    "website www.example.com eu-central-1 ",
		"b.s3-website.localhost":                               "website b  ",
		"abc123.execute-api.us-east-1.localhost:4566":          "execute-api abc123 us-east-1 ",
		"abc123.execute-api.localhost.localstack.cloud:4566":   "execute-api abc123  ",
		"abc123-vpce-0a1b.execute-api.us-east-1.amazonaws.com": "execute-api abc123 us-east-1 ",
		"xyz.lambda-url.us-east-1.on.aws":                      "function-url xyz us-east-1 ",
		"xyz.lambda-url.us-east-1.localhost":                   "function-url xyz us-east-1 ",
		"d111111abcdef8.cloudfront.net":                        "distribution d111111abcdef8  ",
		"d111111abcdef8.cloudfront.localhost":                  "distribution d111111abcdef8  ",
		"web-1234567890.us-east-1.elb.amazonaws.com":           "balancer web-1234567890 us-east-1 ",
		"net-0123456789abcdef.elb.us-east-1.amazonaws.com":     "balancer net-0123456789abcdef us-east-1 ",
		"123456789012.dkr.ecr.us-east-1.amazonaws.com":         "registry  us-east-1 123456789012",
		"123456789012.dkr-ecr.us-east-1.on.aws":                "registry  us-east-1 123456789012",
		"my-app.auth.us-east-1.amazoncognito.com":              "sign-in my-app us-east-1 ",
	} {
		n, ok := table.Parse(host)
		if got := describe(n); got != want || !ok {
			t.Errorf("%s is %q (%v), want %q", host, got, ok, want)
		}
	}
}

func TestParseRefusesNamesOfOthers(t *testing.T) {
	t.Parallel()
	table := vhost.New("gust.example.com")
	for _, host := range []string{
		"", ":4566", "evil.example", "example.com", "evilgust.example.com", "sync-gust.example.com", "sync-evil.example", "xsync-localhost", "xlocalhost", "localhost.evil.example",
		"1.2.3.4.evil.example", "notamazonaws.com", "amazonaws.com.evil.example", "x.cloudfront.net.evil.example",
		"127.0.0.1.nip.io", "1.2.3", "a/b.localhost", "a%2fb.s3.localhost", "a b.localhost", "a\x00.localhost",
	} {
		if n, ok := table.Parse(host); ok {
			t.Errorf("%q is %+v, want it refused", host, n)
		}
	}
}

func TestParseAsksForCustomNamesFirst(t *testing.T) {
	t.Parallel()
	table := vhost.New("example.com")
	table.Custom = func(host string) (vhost.Name, bool) {
		if host != "api.example.com" && host != "shop.example" {
			return vhost.Name{}, false
		}
		return vhost.Name{Kind: vhost.Custom, ID: host}, true
	}
	for host, want := range map[string]string{
		"API.example.com:443": "custom api.example.com  ", "shop.example": "custom shop.example  ",
		"other.example.com": "endpoint other  ",
	} {
		if n, ok := table.Parse(host); !ok || describe(n) != want {
			t.Errorf("%s is %q (%v), want %q", host, describe(n), ok, want)
		}
	}
	if n, ok := (*vhost.Table)(nil).Parse("b.s3.localhost"); !ok || n.Kind != vhost.Bucket {
		t.Errorf("a nil table reads %+v, %v", n, ok)
	}
}

func TestIngressNamesTheDoorOfCustomersTraffic(t *testing.T) {
	t.Parallel()
	for _, k := range []vhost.Kind{vhost.Plain, vhost.Endpoint, vhost.Bucket, 200} {
		if d, ok := k.Ingress(); ok {
			t.Errorf("kind %d is served by %q, want the API", k, d)
		}
	}
	for k := vhost.AccessPoint; k <= vhost.Custom; k++ {
		if d, ok := k.Ingress(); !ok || d == "" {
			t.Errorf("kind %d has no door", k)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, h := range []string{"b.s3.us-east-1.localhost:4566", "[::1]:80", "..localhost", "s3-.localhost", "-.elb.localhost", "a.aws.localhost", ".cloudfront.net"} {
		f.Add(h)
	}
	table := vhost.New("gust.example.com")
	f.Fuzz(func(t *testing.T, host string) {
		n, ok := table.Parse(host)
		if !ok && n != (vhost.Name{}) {
			t.Errorf("%q is refused and %+v", host, n)
		}
		if again, _ := table.Parse(host + "."); ok && vhost.Hostname(host+".") == vhost.Hostname(host) && again != n {
			t.Errorf("%q is %+v with a final dot and %+v without", host, again, n)
		}
	})
}
