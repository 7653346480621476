// SPDX-License-Identifier: Apache-2.0

// Package conformance drives the server with unmodified clients: Debian's AWS CLI, aws-sdk-go-v2 and boto3.
package conformance

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gustcloud/gust/test/harness"
)

// cli runs the AWS CLI, which must succeed, and returns its JSON output.
func cli(t *testing.T, s *harness.Server, args ...string) map[string]any {
	t.Helper()
	stdout, stderr, exit := s.AWS(t, args...)
	if exit != 0 {
		t.Fatalf("aws %s: exit %d: %s", strings.Join(args, " "), exit, stderr)
	}
	out := map[string]any{}
	if strings.TrimSpace(stdout) != "" {
		if err := json.Unmarshal([]byte(stdout), &out); err != nil {
			t.Fatalf("aws %s: %v: %s", strings.Join(args, " "), err, stdout)
		}
	}
	return out
}

func file(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const pythonHandler = `
import json, os
count = 0
def handler(event, context):
    global count
    count += 1
    print("handling", event.get("name"))
    return {"hello": event.get("name"), "count": count, "function": context.function_name,
            "memory": context.memory_limit_in_mb, "request": context.aws_request_id,
            "remaining": context.get_remaining_time_in_millis() > 0}
`

func TestAWSCLIRunsAFunctionFromZipToLogs(t *testing.T) {
	s := harness.StartAny(t)
	python := harness.Runtime(t, "python")
	if id := cli(t, s, "sts", "get-caller-identity"); id["Account"] != harness.Account {
		t.Errorf("get-caller-identity: %v", id)
	}
	cli(t, s, "iam", "create-role", "--role-name", "function", "--assume-role-policy-document",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)
	cli(t, s, "iam", "attach-role-policy", "--role-name", "function", "--policy-arn",
		"arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")
	if p := cli(t, s, "iam", "list-attached-role-policies", "--role-name", "function"); len(p["AttachedPolicies"].([]any)) != 1 {
		t.Errorf("list-attached-role-policies: %v", p)
	}
	zip := file(t, "f.zip", harness.Zip(t, map[string]string{"app.py": pythonHandler}))
	made := cli(t, s, "lambda", "create-function", "--function-name", "hello", "--runtime", python,
		"--handler", "app.handler", "--role", harness.Role, "--zip-file", "fileb://"+zip, "--tags", "team=blue")
	if made["State"] != "Pending" || made["Version"] != "$LATEST" || made["MemorySize"] != 128.0 || made["Timeout"] != 3.0 {
		t.Errorf("create-function: %v", made)
	}
	cli(t, s, "lambda", "wait", "function-active-v2", "--function-name", "hello")
	out := filepath.Join(t.TempDir(), "out.json")
	called := cli(t, s, "lambda", "invoke", "--function-name", "hello", "--cli-binary-format", "raw-in-base64-out",
		"--payload", `{"name":"world"}`, "--log-type", "Tail", out)
	answer, err := os.ReadFile(out) //nolint:gosec // the test's own file
	if err != nil {
		t.Fatal(err)
	}
	if called["StatusCode"] != 200.0 || !strings.Contains(string(answer), `"hello": "world"`) {
		t.Errorf("invoke: %v %s", called, answer)
	}
	groups := cli(t, s, "logs", "describe-log-groups", "--log-group-name-prefix", "/aws/lambda/hello")
	if n := len(groups["logGroups"].([]any)); n != 1 {
		t.Fatalf("describe-log-groups: %v", groups)
	}
	waitForLog(t, s, "hello", "handling world")
	cli(t, s, "lambda", "update-function-configuration", "--function-name", "hello", "--memory-size", "256")
	cli(t, s, "lambda", "wait", "function-updated-v2", "--function-name", "hello")
	if got := cli(t, s, "lambda", "get-function", "--function-name", "hello"); got["Tags"].(map[string]any)["team"] != "blue" ||
		got["Configuration"].(map[string]any)["MemorySize"] != 256.0 {
		t.Errorf("get-function: %v", got)
	}
	cli(t, s, "lambda", "delete-function", "--function-name", "hello")
	_, stderr, exit := s.AWS(t, "lambda", "get-function", "--function-name", "hello")
	if exit == 0 || !strings.Contains(stderr, "(ResourceNotFoundException)") ||
		!strings.Contains(stderr, "Function not found: arn:aws:lambda:"+harness.Region+":"+harness.Account+":function:hello") {
		t.Errorf("get-function of a deleted function: exit %d, %s", exit, stderr)
	}
}

func TestBoto3RunsAFunction(t *testing.T) {
	s := harness.StartAny(t)
	python := harness.Runtime(t, "python")
	zip := file(t, "f.zip", harness.Zip(t, map[string]string{"app.py": pythonHandler}))
	stdout, stderr, exit := s.Python(t, `
import boto3, json, os
c = lambda name: boto3.client(name, endpoint_url=os.environ["ENDPOINT"])
assert c("sts").get_caller_identity()["Account"] == "`+harness.Account+`"
f = c("lambda")
f.create_function(FunctionName="b", Runtime="`+python+`", Role="`+harness.Role+`", Handler="app.handler",
    Code={"ZipFile": open("`+zip+`", "rb").read()})
f.get_waiter("function_active_v2").wait(FunctionName="b")
r = f.invoke(FunctionName="b", Payload=json.dumps({"name": "boto"}))
print(r["Payload"].read().decode())
assert [x["FunctionName"] for x in f.list_functions()["Functions"]] == ["b"]
try:
    f.invoke(FunctionName="absent")
except f.exceptions.ResourceNotFoundException as e:
    print(e.response["Error"]["Message"])
role = c("sts").assume_role(RoleArn="`+harness.Role+`", RoleSessionName="me")
k = role["Credentials"]
me = boto3.client("sts", endpoint_url=os.environ["ENDPOINT"], aws_access_key_id=k["AccessKeyId"],
    aws_secret_access_key=k["SecretAccessKey"], aws_session_token=k["SessionToken"]).get_caller_identity()
print(me["Arn"])
`)
	if exit != 0 {
		t.Fatalf("exit %d: %s", exit, stderr)
	}
	for _, want := range []string{
		`"hello": "boto"`,
		"Function not found: arn:aws:lambda:" + harness.Region + ":" + harness.Account + ":function:absent",
		"arn:aws:sts::" + harness.Account + ":assumed-role/function/me",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("output lacks %s:\n%s", want, stdout)
		}
	}
}
