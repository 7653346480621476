// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"encoding/base64"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/gustcloud/gust/test/harness"
)

// waitForLog polls FilterLogEvents until a message contains text: promised within 1 s of the write, given 5.
func waitForLog(t *testing.T, s *harness.Server, function, text string) {
	t.Helper()
	c := s.Logs()
	for deadline := time.Now().Add(5 * time.Second); ; {
		out, err := c.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("/aws/lambda/" + function)})
		if err != nil && harness.ErrorCode(err) != "ResourceNotFoundException" { // the group is made by the first write
			t.Fatal(err)
		}
		if err == nil && slices.ContainsFunc(out.Events, func(e types.FilteredLogEvent) bool {
			return strings.Contains(aws.ToString(e.Message), text)
		}) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%q is not in the log", text)
		}
	}
}

func answer(t *testing.T, out *lambda.InvokeOutput) map[string]any {
	t.Helper()
	got := map[string]any{}
	if err := json.Unmarshal(out.Payload, &got); err != nil {
		t.Fatalf("%v: %s", err, out.Payload)
	}
	return got
}

func tail(t *testing.T, out *lambda.InvokeOutput) string {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPythonFunction(t *testing.T) {
	s := harness.StartAny(t)
	python := harness.Runtime(t, "python")
	s.Create(t, harness.Function{
		Name: "p", Runtime: python, Handler: "app.handler", MemoryMB: 256,
		Zip: harness.Zip(t, map[string]string{"app.py": "def handler(event, context)\n    return 1\n"}),
	})
	if out := s.Invoke(t, "p", map[string]string{}); aws.ToString(out.FunctionError) != "Unhandled" ||
		answer(t, out)["errorType"] != "Runtime.UserCodeSyntaxError" {
		t.Errorf("a syntax error: %s", out.Payload)
	}
	s.Create(t, harness.Function{Name: "q", Runtime: python, Handler: "app.handler", MemoryMB: 256, Zip: harness.Zip(t, map[string]string{"app.py": `
import os
count = 0
def handler(event, context):
    global count
    count += 1
    if event.get("fail"):
        raise ValueError("as asked: " + event["fail"])
    if event.get("exit"):
        os._exit(3)
    print("print", count)
    return {"count": count, "unicode": "h\u00e9llo \u2603", "task": os.environ["LAMBDA_TASK_ROOT"]}
`})})
	first := s.Invoke(t, "q", map[string]string{})
	if got := answer(t, first); got["count"] != 1.0 || got["unicode"] != "h\u00e9llo \u2603" {
		t.Errorf("first: %s", first.Payload)
	}
	checkReport(t, tail(t, first), true)
	second := s.Invoke(t, "q", map[string]string{})
	if got := answer(t, second); got["count"] != 2.0 {
		t.Errorf("globals were not kept: %s", second.Payload)
	}
	checkReport(t, tail(t, second), false)
	failed := s.Invoke(t, "q", map[string]string{"fail": "now"})
	got := answer(t, failed)
	if got["errorType"] != "ValueError" || got["errorMessage"] != "as asked: now" || got["stackTrace"] == nil {
		t.Errorf("an exception: %s", failed.Payload)
	}
	exited := s.Invoke(t, "q", map[string]string{"exit": "3"})
	if got := answer(t, exited); got["errorType"] != "Runtime.ExitError" ||
		!strings.HasSuffix(got["errorMessage"].(string), "Error: Runtime exited with error: exit status 3") {
		t.Errorf("an exit: %s", exited.Payload)
	}
	if got := answer(t, s.Invoke(t, "q", map[string]string{})); got["count"] != 1.0 {
		t.Errorf("not a fresh environment after an exit: %v", got)
	}
	waitForLog(t, s, "q", "print 2")
}

// checkReport holds the lines of a log tail against the form of AWS.
func checkReport(t *testing.T, tail string, cold bool) {
	t.Helper()
	const id = `[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`
	for _, pattern := range []string{
		`(?m)^START RequestId: ` + id + ` Version: \$LATEST$`,
		`(?m)^END RequestId: ` + id + `$`,
		`(?m)^REPORT RequestId: ` + id + "\tDuration: \\d+\\.\\d\\d ms\tBilled Duration: \\d+ ms\tMemory Size: \\d+ MB\tMax Memory Used: \\d+ MB\t?",
	} {
		if !regexp.MustCompile(pattern).MatchString(tail) {
			t.Errorf("no line like %s in:\n%s", pattern, tail)
		}
	}
	if strings.Contains(tail, "Init Duration: ") != cold {
		t.Errorf("Init Duration present: %v, want %v:\n%s", !cold, cold, tail)
	}
}

func TestNodeFunctions(t *testing.T) {
	s := harness.StartAny(t)
	node := harness.Runtime(t, "nodejs")
	cases := []struct {
		name, file, source, wantKey string
		want                        any
	}{
		{"async CommonJS", "index.js", `let n = 0; exports.handler = async (e, c) => { console.log("hi", e.a); return {v: e.a + 1, n: ++n, id: c.awsRequestId.length} }`, "v", 2.0},
		{"callback", "index.js", `exports.handler = (e, c, cb) => setTimeout(() => cb(null, {v: e.a + 2}), 5)`, "v", 3.0},
		{"ES module", "index.mjs", `const base = await Promise.resolve(10); export const handler = async (e) => ({v: base + e.a})`, "v", 11.0},
		{"promise", "index.js", `exports.handler = e => Promise.resolve({v: "p" + e.a})`, "v", "p1"},
		{"exception", "index.js", `exports.handler = async () => { throw new TypeError("broken") }`, "errorMessage", "broken"},
		{"callback error", "index.js", `exports.handler = (e, c, cb) => cb(new Error("no"))`, "errorMessage", "no"},
		{"import error", "index.js", `require("./absent"); exports.handler = async () => 1`, "errorType", "Runtime.ImportModuleError"},
	}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			name := "n" + string(rune('a'+i))
			s.Create(t, harness.Function{
				Name: name, Runtime: node, Handler: "index.handler", MemoryMB: 512, TimeoutS: 10,
				Zip: harness.Zip(t, map[string]string{c.file: c.source}),
			})
			for range 2 {
				out := s.Invoke(t, name, map[string]int{"a": 1})
				if got := answer(t, out); got[c.wantKey] != c.want {
					t.Errorf("%s = %v, want %v: %s\n%s", c.wantKey, got[c.wantKey], c.want, out.Payload, tail(t, out))
				}
			}
		})
	}
}

func TestFunctionSeesTheEnvironmentOfAWS(t *testing.T) {
	s := harness.StartAny(t)
	s.CreateProbe(t, harness.Function{Name: "env", MemoryMB: 256, Environment: map[string]string{"MINE": "x=y"}})
	out := s.Invoke(t, "env", map[string]string{"do": "env"})
	var got struct{ Env map[string]string }
	if err := json.Unmarshal(out.Payload, &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"MINE": "x=y", "AWS_REGION": harness.Region, "AWS_DEFAULT_REGION": harness.Region, "AWS_LAMBDA_FUNCTION_NAME": "env",
		"AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256", "_HANDLER": "bootstrap",
		"AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/env", "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "TZ": ":UTC",
	} {
		if got.Env[name] != want {
			t.Errorf("%s = %q, want %q", name, got.Env[name], want)
		}
	}
	if !strings.HasPrefix(got.Env["AWS_ACCESS_KEY_ID"], "ASIA") || got.Env["AWS_SESSION_TOKEN"] == "" {
		t.Errorf("no credentials of the role: %v", got.Env)
	}
	for name := range got.Env {
		if name == "HOME" || name == "SSL_CERT_FILE" || strings.HasPrefix(name, "GUST_") {
			t.Errorf("%s of the host's environment is seen", name)
		}
	}
}

func TestSDKInsideAFunctionReachesGust(t *testing.T) {
	s := harness.StartAny(t)
	python := harness.Runtime(t, "python")
	// The signature is not verified in development mode; the token alone resolves the role. No SDK is needed to see it.
	s.Create(t, harness.Function{Name: "inside", Runtime: python, Handler: "app.handler", MemoryMB: 512, TimeoutS: 20,
		Zip: harness.Zip(t, map[string]string{"app.py": `
import os, urllib.request
def handler(event, context):
    key, token = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SESSION_TOKEN"]
    req = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"], data=b"Action=GetCallerIdentity&Version=2011-06-15", headers={
        "Content-Type": "application/x-www-form-urlencoded", "X-Amz-Security-Token": token, "X-Amz-Date": "20260101T000000Z",
        "Authorization": "AWS4-HMAC-SHA256 Credential=%s/20260101/us-east-1/sts/aws4_request, SignedHeaders=host;x-amz-date, Signature=00" % key})
    return urllib.request.urlopen(req).read().decode()
`})})
	out := s.Invoke(t, "inside", map[string]string{})
	if want := "assumed-role/function/inside"; !strings.Contains(string(out.Payload), want) {
		t.Errorf("the function's identity lacks %s: %s\n%s", want, out.Payload, tail(t, out))
	}
}
