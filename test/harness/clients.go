// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/gustcloud/gust/internal/base/hosttest"
)

// Account is the account of all clients of this package: a 12-digit access key names its account.
const Account = "123456789012"

// Keys are what a client signs with.
type Keys struct{ ID, Secret, Token string }

// With returns the same server for a client with other keys.
func (s *Server) With(k Keys) *Server {
	other := *s
	other.Keys = k
	return &other
}

// StartEnforced is StartAny with --auth enforce; its clients sign with the root credentials that the server printed.
func StartEnforced(tb testing.TB, flags ...string) *Server {
	tb.Helper()
	s := StartAny(tb, append([]string{"--auth=enforce"}, flags...)...)
	s.Keys = s.RootKeys()
	return s
}

// RootKeys are the root credentials that the server printed last.
func (s *Server) RootKeys() Keys {
	s.tb.Helper()
	var k Keys
	for line := range strings.Lines(s.Log()) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch name {
		case "AWS_ACCESS_KEY_ID":
			k.ID = value
		case "AWS_SECRET_ACCESS_KEY":
			k.Secret = value
		}
	}
	if k.ID == "" || k.Secret == "" {
		s.tb.Fatal("the server printed no root credentials")
	}
	return k
}

// Region is the region of all clients.
const Region = "eu-central-1"

// Role is a role ARN for functions; development mode takes any well-formed one.
const Role = "arn:aws:iam::" + Account + ":role/function"

// Config is what aws-sdk-go-v2 clients need to reach the server. Failed calls are not repeated: a test sees the first answer.
func (s *Server) Config() aws.Config {
	return aws.Config{
		Region:           Region,
		BaseEndpoint:     aws.String(s.Endpoint),
		Credentials:      credentials.NewStaticCredentialsProvider(s.Keys.ID, s.Keys.Secret, s.Keys.Token),
		RetryMaxAttempts: 1,
		// One for all clients of the process: an SDK client closes the connections of its own when it is collected.
		HTTPClient: http.DefaultClient,
	}
}

// Lambda returns a client of aws-sdk-go-v2.
func (s *Server) Lambda() *lambda.Client { return lambda.NewFromConfig(s.Config()) }

// IAM returns a client of aws-sdk-go-v2.
func (s *Server) IAM() *iam.Client { return iam.NewFromConfig(s.Config()) }

// STS returns a client of aws-sdk-go-v2.
func (s *Server) STS() *sts.Client { return sts.NewFromConfig(s.Config()) }

// Logs returns a client of aws-sdk-go-v2.
func (s *Server) Logs() *cloudwatchlogs.Client { return cloudwatchlogs.NewFromConfig(s.Config()) }

// ErrorCode returns the AWS error code of err, or "".
func ErrorCode(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// AWS runs Debian's AWS CLI, unmodified, against the server and returns what it printed and its exit status.
func (s *Server) AWS(tb testing.TB, args ...string) (stdout, stderr string, exit int) {
	tb.Helper()
	const cli = "/usr/bin/aws"
	if _, err := os.Stat(cli); err != nil {
		hosttest.Skip(tb, "needs "+cli+" (Debian's awscli)")
	}
	return s.client(tb, "", append([]string{cli, "--endpoint-url", s.Endpoint}, args...)...)
}

// Python runs a script under Debian's python3 with boto3; AWS_ENDPOINT_URL names the server.
func (s *Server) Python(tb testing.TB, script string) (stdout, stderr string, exit int) {
	tb.Helper()
	const python = "/usr/bin/python3"
	//nolint:gosec // the interpreter's path is a constant
	if err := exec.Command(python, "-c", "import boto3").Run(); err != nil {
		hosttest.Skip(tb, "needs boto3 of "+python+" (Debian's python3-boto3)")
	}
	return s.client(tb, "", python, "-c", script)
}

// JavaScript runs a CommonJS script under Node.js with the AWS SDK for JavaScript of test/js; AWS_ENDPOINT_URL names the
// server.
func (s *Server) JavaScript(tb testing.TB, script string) (stdout, stderr string, exit int) {
	tb.Helper()
	node := hosttest.Tool(tb, "node")
	dir := filepath.Join(Root(tb), "test", "js")
	cmd := exec.CommandContext(tb.Context(), node, "-e", `if (process.versions.node.split(".")[0] < 18) process.exit(1); require("@aws-sdk/client-sts")`)
	cmd.Dir = dir
	if err := cmd.Run(); err != nil {
		hosttest.Skip(tb, "needs Node.js 18 or later and the packages of test/js (npm ci)")
	}
	return s.client(tb, dir, node, "-e", script)
}

// client runs a program in dir, in an environment of nothing but the credentials.
func (s *Server) client(tb testing.TB, dir string, args ...string) (stdout, stderr string, exit int) {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), args[0], args[1:]...) //nolint:gosec // the test's own arguments
	cmd.Env = []string{
		"PATH=/usr/bin:/bin", "HOME=" + tb.TempDir(), "LANG=C.UTF-8", "AWS_PAGER=",
		"AWS_ACCESS_KEY_ID=" + s.Keys.ID, "AWS_SECRET_ACCESS_KEY=" + s.Keys.Secret, "AWS_DEFAULT_REGION=" + Region, "AWS_REGION=" + Region,
		"AWS_ENDPOINT_URL=" + s.Endpoint, "AWS_MAX_ATTEMPTS=1", "ENDPOINT=" + s.Endpoint,
	}
	if s.Keys.Token != "" {
		cmd.Env = append(cmd.Env, "AWS_SESSION_TOKEN="+s.Keys.Token)
	}
	cmd.Dir = dir
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var status *exec.ExitError
	if err != nil && !errors.As(err, &status) {
		tb.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}
