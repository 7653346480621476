// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gustcloud/gust/internal/base/reqctx"
	"github.com/gustcloud/gust/internal/invoke"
	"github.com/gustcloud/gust/internal/worker/sandbox"
)

var insidePaths = sandbox.Paths{Task: "/var/task", Runtime: "/var/runtime", Opt: "/opt", Tmp: "/tmp"}

func variables(runtime string, customer map[string]string) Variables {
	return Variables{
		Version: &invoke.Version{
			Scope: reqctx.Scope{Account: "123456789012", Region: "eu-west-1"}, Name: "fn", Version: "7", Runtime: runtime,
			Handler: "app.handler", MemoryMB: 512, LogGroup: "/aws/lambda/fn", Environment: customer,
		},
		LogStream: "2026/11/25/[7]abc", RuntimeAPI: "127.0.0.1:9001", Socket: SocketName, Endpoint: "http://127.0.0.1:4566",
		Credentials: Credentials{"ASIA", "secret", "token"}, Paths: insidePaths,
	}
}

// TestEnviron compares with the environment recorded on AWS (names and values, 2026-02).
func TestEnviron(t *testing.T) {
	got := Environ(variables("python3.12", map[string]string{
		"MINE": "1", "PATH": "/mine", "TZ": "Europe/Berlin", "AWS_REGION": "reserved", "_GUST_X": "ours", "AWS_ENDPOINT_URL": "http://theirs",
	}))
	want := []string{
		"AWS_ACCESS_KEY_ID=ASIA", "AWS_DEFAULT_REGION=eu-west-1", "AWS_ENDPOINT_URL=http://theirs",
		"AWS_EXECUTION_ENV=AWS_Lambda_python3.12", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512", "AWS_LAMBDA_FUNCTION_NAME=fn",
		"AWS_LAMBDA_FUNCTION_VERSION=7", "AWS_LAMBDA_INITIALIZATION_TYPE=on-demand", "AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/fn",
		"AWS_LAMBDA_LOG_STREAM_NAME=2026/11/25/[7]abc", "AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001", "AWS_REGION=eu-west-1",
		"AWS_SECRET_ACCESS_KEY=secret", "AWS_SESSION_TOKEN=token", "LAMBDA_RUNTIME_DIR=/var/runtime", "LAMBDA_TASK_ROOT=/var/task",
		"LANG=en_US.UTF-8",
		"LD_LIBRARY_PATH=/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
		"MINE=1", "PATH=/mine", "PWD=/var/task", "PYTHONPATH=/var/runtime", "SHLVL=0", "TZ=Europe/Berlin", "_GUST_RUNTIME_SOCKET=" + SocketName,
		"_HANDLER=app.handler",
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestEnvironOfOtherRuntimes(t *testing.T) {
	node := Environ(variables("nodejs20.x", nil))
	for _, want := range []string{
		"NODE_PATH=/opt/nodejs/node20/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules",
		"PATH=/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin", "TZ=:UTC", "AWS_ENDPOINT_URL=http://127.0.0.1:4566",
	} {
		if !slices.Contains(node, want) {
			t.Errorf("nodejs20.x lacks %s", want)
		}
	}
	for _, line := range Environ(variables("provided.al2023", nil)) {
		name, _, _ := strings.Cut(line, "=")
		if name == "AWS_EXECUTION_ENV" || name == SocketVariable || name == "_X_AMZN_TRACE_ID" || name == "PYTHONPATH" {
			t.Errorf("provided.al2023 has %s", line)
		}
	}
	v := variables("python3.12", map[string]string{"AWS_XRAY_DAEMON_ADDRESS": "theirs", "AWS_XRAY_CONTEXT_MISSING": "IGNORE_ERROR"})
	v.XRayAddress, v.InitType = "127.0.0.1:2000", "provisioned-concurrency"
	env := Environ(v)
	for _, want := range []string{"AWS_XRAY_DAEMON_ADDRESS=127.0.0.1:2000", "AWS_XRAY_CONTEXT_MISSING=IGNORE_ERROR", "AWS_LAMBDA_INITIALIZATION_TYPE=provisioned-concurrency"} {
		if !slices.Contains(env, want) {
			t.Errorf("no %s in %q", want, env)
		}
	}
}

func TestCommand(t *testing.T) {
	code := layout(t, map[string]string{"bootstrap": "elf", "main": "elf", "sub/x": "elf"})
	empty := t.TempDir()
	python := &Pack{Runtime: "python3.11", Interpreter: "/usr/bin/python3.11", family: familyPython, inside: "/var/lang/bin/python3.11", script: "bootstrap.pyc"}
	node := &Pack{Runtime: "nodejs20.x", Interpreter: "/usr/bin/node", family: familyNode, inside: "/var/lang/bin/node", script: "bootstrap.cjs"}
	custom, goPack := &Pack{Runtime: "provided.al2023"}, &Pack{Runtime: "go1.x"}
	onlyMain := layout(t, map[string]string{"main": "elf"})
	tests := []struct {
		name  string
		pack  *Pack
		start Start
		want  string // argv, or the error's text after "error: "
	}{
		{"python", python, Start{Isolated: true}, "/var/lang/bin/python3.11 -S /var/runtime/bootstrap.pyc"},
		{"python without isolation", python, Start{}, "/usr/bin/python3.11 -S /var/runtime/bootstrap.pyc"},
		{"node", node, Start{Isolated: true}, "/var/lang/bin/node /var/runtime/bootstrap.cjs"},
		{"bootstrap", custom, Start{Isolated: true, Code: code}, "/var/task/bootstrap"},
		{"bootstrap in a layer", custom, Start{Isolated: true, Code: empty, Opt: code}, "/opt/bootstrap"},
		{
			"none", custom,
			Start{Isolated: true, Code: empty, Opt: empty},
			"error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]",
		},
		{"go1.x by handler", goPack, Start{Code: onlyMain, Handler: "main"}, "/var/task/main"},
		{
			"go1.x, handler outside", goPack,
			Start{Code: onlyMain + "/sub", Handler: "../main"},
			"error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.start.Paths = insidePaths
			c, err := tt.pack.Command(tt.start)
			got := strings.Join(c.Args, " ")
			var ee *EntrypointError
			if errors.As(err, &ee) {
				got = "error: " + ee.Message
			}
			if got != tt.want || err == nil && (c.Path != c.Args[0] || c.Dir != "/var/task") {
				t.Errorf("got %q %+v, want %q", got, c, tt.want)
			}
		})
	}
}
