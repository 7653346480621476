// SPDX-License-Identifier: Apache-2.0

package frontdoor

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/gustcloud/gust/internal/access"
	"github.com/gustcloud/gust/internal/awsapi/iam"
	"github.com/gustcloud/gust/internal/awsapi/lambda"
	"github.com/gustcloud/gust/internal/awsapi/logs"
	"github.com/gustcloud/gust/internal/awsapi/sts"
	"github.com/gustcloud/gust/internal/base/vhost"
	"github.com/gustcloud/gust/internal/wire"
)

func testServices() []wire.Service {
	return []wire.Service{sts.Bind(nil), iam.Bind(nil), lambda.Bind(nil), logs.Bind(nil)}
}

// recording is a request as a client sent it, recorded in testdata/heads.json.
type recording struct {
	Client  string
	Request []string
	Body    string
}

func mustHeads(t *testing.T) []recording {
	t.Helper()
	data, err := os.ReadFile("testdata/heads.json")
	if err != nil {
		t.Fatal(err)
	}
	var f struct{ Heads []recording }
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatal(err)
	}
	return f.Heads
}

// request reads the head as net/http's server does.
func (h recording) request(t *testing.T) *http.Request {
	t.Helper()
	raw := fmt.Sprintf("%s\r\nContent-Length: %d\r\n\r\n%s", strings.Join(h.Request, "\r\n"), len(h.Body), h.Body)
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// routed describes where r goes: "service operation protocol", the operation with "!" when it is not implemented, the
// service with "?" when Gust does not have it.
func routed(t *testing.T, tb *table, r *http.Request) (string, []string) {
	t.Helper()
	sig, err := access.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	action := func() (string, string, error) {
		b, err := io.ReadAll(r.Body)
		a, v := actionOf(b)
		return a, v, err
	}
	host, _ := (*vhost.Table)(nil).Parse(r.Host)
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
	service, operation, protocol := tg.name, tg.operation, tg.shape
	if tg.service == nil {
		service += "?"
	} else {
		protocol = tg.codec.ID()
		if tg.op < 0 {
			operation += "!"
		}
	}
	return service + " " + operation + " " + string(protocol), tg.labels
}

// TestRouteRequestsOfRealClients: one line for each head of testdata/heads.json, in its order.
func TestRouteRequestsOfRealClients(t *testing.T) {
	const functionARN = "arn%3Aaws%3Alambda%3Aeu-west-1%3A000000000000%3Afunction%3Af"
	want := []struct {
		to     string
		labels string
	}{
		{"sts GetCallerIdentity query", ""},
		{"iam GetRole query", ""},
		{"lambda ListFunctions rest-json", ""},
		{"lambda Invoke rest-json", functionARN + "%3Alive"},
		{"lambda ListTags rest-json", functionARN},
		{"logs DescribeLogGroups json", ""},
		{"sqs? ListQueues query", ""},
		{"s3?  rest-json", ""},
		{"s3?  rest-json", ""},
		{"s3?  rest-json", ""},
		{"dynamodb? ListTables json", ""},
		{"ec2? DescribeInstances query", ""},
		{"monitoring? ListMetrics query", ""},
		{"events? ListRules json", ""},
		{"states? ListStateMachines json", ""},
		{"kinesis? ListStreams json", ""},
		{"apigateway?  rest-json", ""},
		{"apigateway?  rest-json", ""},
		{"sns? ListTopics query", ""},
		{"ssm? DescribeParameters json", ""},
		{"cognito-idp? ListUserPools json", ""},
		{"sts GetCallerIdentity query", ""},
		{"iam ListRoles query", ""},
		{"lambda ListFunctions rest-json", ""},
		{"lambda Invoke rest-json", "f"},
		{"lambda GetFunctionConfiguration rest-json", "f"},
		{"lambda UpdateFunctionCode rest-json", "f"},
		{"lambda GetFunctionConcurrency rest-json", "f"},
		{"lambda CreateAlias! rest-json", "f"},
		{"lambda TagResource rest-json", functionARN},
		{"logs FilterLogEvents json", ""},
		{"sqs? SendMessage json", ""},
		{"monitoring? ListMetrics json", ""},
		{"dynamodb? ListTables json", ""},
		{"s3?  rest-json", ""},
		{"sts AssumeRoleWithWebIdentity! query", ""}, // unsigned: by the form's Action and Version
		{"monitoring? ListMetrics json", ""},
		{"lambda Invoke rest-json", "f"},
		{"lambda GetFunction rest-json", functionARN + "%3A1"},
		{"sts GetCallerIdentity query", ""},
		{"s3?  rest-json", ""},
		{"s3?  rest-json", ""},
		{"sts GetCallerIdentity query", ""},
		{"iam GetRole query", ""},
		{"lambda Invoke rest-json", functionARN},
		{"lambda ListFunctions rest-json", ""},
		{"lambda DeleteFunction rest-json", "f"},
		{"lambda InvokeWithResponseStream! rest-json", "f"},
	}
	heads := mustHeads(t)
	if len(heads) != len(want) {
		t.Fatalf("%d heads, %d wanted routes", len(heads), len(want))
	}
	tb := newTable(testServices(), nil)
	for i, h := range heads {
		t.Run(fmt.Sprintf("%d %s %s", i, h.Client, h.Request[0]), func(t *testing.T) {
			got, labels := routed(t, tb, h.request(t))
			if got != want[i].to || strings.Join(labels, " ") != want[i].labels {
				t.Errorf("routed to %q %v, want %q [%s]", got, labels, want[i].to, want[i].labels)
			}
		})
	}
}

func TestRouteOtherRequests(t *testing.T) {
	const auth = "Authorization: AWS4-HMAC-SHA256 Credential=test/20261125/eu-west-1/%s/aws4_request, SignedHeaders=host, Signature=00"
	const date = "X-Amz-Date: 20261125T101500Z"
	signed := func(service string) string { return fmt.Sprintf(auth, service) }
	tests := []struct {
		name    string
		request []string
		body    string
		want    string
	}{
		{"query action in the URL", []string{"GET /?Action=GetCallerIdentity&Version=2011-06-15 HTTP/1.1", "Host: h", signed("sts"), date}, "", "sts GetCallerIdentity query"},
		{"presigned", []string{"GET /?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20261125%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Date=20261125T101500Z&X-Amz-SignedHeaders=host&X-Amz-Signature=00 HTTP/1.1", "Host: h"}, "", "sts GetCallerIdentity query"},
		{"unsigned target", []string{"POST / HTTP/1.1", "Host: h", "X-Amz-Target: Logs_20140328.GetLogEvents"}, "{}", "logs GetLogEvents json"},
		{"unsigned target of nobody", []string{"POST / HTTP/1.1", "Host: h", "X-Amz-Target: Foo_1.Bar"}, "{}", "Foo_1? Bar json"},
		{"unsigned path", []string{"GET /2015-03-31/functions HTTP/1.1", "Host: h"}, "", "lambda ListFunctions rest-json"},
		{"unsigned action", []string{"POST / HTTP/1.1", "Host: h", "Content-Type: application/x-www-form-urlencoded"}, "Version=2010-05-08&Action=List%52oles", "iam ListRoles query"},
		{"unsigned action of nobody", []string{"POST / HTTP/1.1", "Host: h", "Content-Type: application/x-www-form-urlencoded"}, "Action=Fly&Version=2010-05-08", "query? Fly query"},
		{"unsigned, else S3", []string{"GET /bucket/key HTTP/1.1", "Host: h"}, "", "s3?  rest-json"},
		{"unsigned, by host name", []string{"POST / HTTP/1.1", "Host: logs.aws.localhost:4566", "X-Amz-Target: X.GetLogEvents"}, "{}", "X? GetLogEvents json"},
		{"unsigned path by host name", []string{"GET /nowhere HTTP/1.1", "Host: lambda.localhost:4566"}, "", "lambda ! rest-json"},
		{"target of another service", []string{"POST / HTTP/1.1", "Host: h", "X-Amz-Target: AmazonSQS.GetLogEvents", signed("logs"), date}, "{}", "logs ! json"},
		{"unknown operation", []string{"POST / HTTP/1.1", "Host: h", "X-Amz-Target: Logs_20140328.Fly", signed("logs"), date}, "{}", "logs Fly! json"},
		{"missing operation", []string{"POST / HTTP/1.1", "Host: h", "X-Amz-Target: Logs_20140328.StartLiveTail", signed("logs"), date}, "{}", "logs StartLiveTail! json"},
		{"no action", []string{"POST / HTTP/1.1", "Host: h", "Content-Type: application/x-www-form-urlencoded", signed("sts"), date}, "", "sts ! query"},
		{"form content type on a REST service", []string{"POST /2015-03-31/functions/f/invocations HTTP/1.1", "Host: h", "Content-Type: application/x-www-form-urlencoded", signed("lambda"), date}, `{"a":1}`, "lambda Invoke rest-json"},
		{"unknown path", []string{"GET /2015-03-31/nothing HTTP/1.1", "Host: h", signed("lambda"), date}, "", "lambda ! rest-json"},
		{"wrong method", []string{"PATCH /2015-03-31/functions HTTP/1.1", "Host: h", signed("lambda"), date}, "", "lambda ! rest-json"},
		{"empty label", []string{"POST /2015-03-31/functions//invocations HTTP/1.1", "Host: h", signed("lambda"), date}, "", "lambda ! rest-json"},
		{"dots are not cleaned", []string{"POST /2015-03-31/functions/f/../g/invocations HTTP/1.1", "Host: h", signed("lambda"), date}, "", "lambda ! rest-json"},
		{"smithy CBOR with the service's namespace", []string{"POST /v1/service/com.amazonaws.cloudwatch.GraniteServiceVersion20100801/operation/ListMetrics HTTP/1.1", "Host: h", "Smithy-Protocol: rpc-v2-cbor"}, "", "GraniteServiceVersion20100801? ListMetrics smithy-rpc-v2-cbor"},
		{"smithy CBOR", []string{"POST /service/GraniteServiceVersion20100801/operation/ListMetrics HTTP/1.1", "Host: h", "Smithy-Protocol: rpc-v2-cbor", signed("monitoring"), date}, "", "monitoring? ListMetrics smithy-rpc-v2-cbor"},
		{"JSON for a query service", []string{"POST / HTTP/1.1", "Host: h", "X-Amz-Target: A.GetCallerIdentity", signed("sts"), date}, "{}", "sts ! query"},
	}
	tb := newTable(testServices(), nil)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, _ := routed(t, tb, recording{Request: tt.request, Body: tt.body}.request(t)); got != tt.want {
				t.Errorf("routed to %q, want %q", got, tt.want)
			}
		})
	}
}

func TestTrie(t *testing.T) {
	tr := &trie{}
	for i, r := range [][2]string{
		{"GET", "/"},
		{"GET", "/{Bucket}"},
		{"GET", "/{Bucket}?list-type=2"},
		{"GET", "/{Bucket}/{Key+}"},
		{"GET", "/{Bucket}/{Key+}?uploadId"},
		{"GET", "/apis/{Id}/stages"},
		{"GET", "/apis/fixed/{Rest+}"},
		{"POST", "/apis/{Id}/"},
		{"PUT", "/{Bucket}/{Key+}?x-id=PutObject"},
		{"GET", "/mrap/{Name+}/policy"},
		{"GET", "/mrap/{Name+}/policy?full"},
	} {
		tr.add(r[0], r[1], i)
	}
	tests := []struct {
		method, path, query string
		want                int // -1: none
		labels              string
	}{
		{"GET", "/", "", 0, ""},
		{"GET", "/b", "", 1, "b"},
		{"GET", "/b/", "", 1, "b"},
		{"GET", "/b", "list-type=2&prefix=a", 2, "b"},
		{"GET", "/b", "list-type=3", 1, "b"},
		{"GET", "/b/k", "", 3, "b k"},
		{"GET", "/b/a/", "", 3, "b a/"},
		{"GET", "/b//a//../c%2F", "", 3, "b /a//../c%2F"},
		{"GET", "/b/k", "uploadId=u", 4, "b k"},
		{"GET", "/apis/x/stages", "", 5, "x"},
		{"GET", "/apis/fixed/stages", "", 6, "stages"},
		{"GET", "/apis/fixed", "", 3, "apis fixed"},
		{"POST", "/apis/x", "", 7, "x"},
		{"POST", "/apis/x/y", "", -1, ""},
		{"PUT", "/", "", -1, ""},
		{"PUT", "/b/k", "", 8, "b k"},
		{"PUT", "/b/k", "x-id=Other", 8, "b k"},
		{"GET", "/mrap/a/b/policy", "", 9, "a/b"},
		{"GET", "/mrap/a/policy", "full", 10, "a"},
		{"GET", "/mrap//policy", "", 3, "mrap /policy"},
		{"GET", "/b", "list%2Dtype=%32", 2, "b"},
		{"GET", "/b", "list-type=%zz&list-type=2", 2, "b"},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path+"?"+tt.query, func(t *testing.T) {
			got, labels, ok := tr.find(tt.method, tt.path, tt.query)
			if !ok {
				got = -1
			}
			if got != tt.want || strings.Join(labels, " ") != tt.labels {
				t.Errorf("find = %d %q, want %d %q", got, labels, tt.want, tt.labels)
			}
		})
	}
}
