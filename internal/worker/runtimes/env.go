// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/gustcloud/gust/internal/invoke"
	"github.com/gustcloud/gust/internal/worker/sandbox"
)

// Variables is what the environment of a function's process is made from.
type Variables struct {
	Version     *invoke.Version
	LogStream   string
	RuntimeAPI  string // host:port as seen from inside
	Socket      string // the Runtime API's unix socket for our bootstraps ("@name" or a path); "" for none
	Endpoint    string // AWS_ENDPOINT_URL: the AWS API door as seen from inside; "" for none
	InitType    string // "" for "on-demand"
	XRayAddress string // host:port; "" for none
	Credentials Credentials
	Paths       sandbox.Paths
}

// Credentials are the execution role's.
type Credentials struct{ AccessKeyID, SecretAccessKey, SessionToken string }

// Environ returns the environment of a function's process, sorted. Later groups win: defaults, customer, unreserved
// platform, credentials, runtime, platform. _X_AMZN_TRACE_ID is not in it: a runtime sets it for each invocation.
//
// Source: "Working with Lambda environment variables", AWS Lambda Developer Guide; the order from AWS's runtime
// interface emulator; values recorded on AWS 2026-02.
func Environ(v Variables) []string {
	sp := specs[v.Version.Runtime]
	env := defaults(sp, v.Paths)
	set := func(name, value string) {
		if value != "" {
			env[name] = value
		}
	}
	set("AWS_ENDPOINT_URL", v.Endpoint)
	for name, value := range v.Version.Environment {
		if !invoke.Reserved(name) && !strings.HasPrefix(name, "_GUST_") {
			env[name] = value
		}
	}
	if v.XRayAddress != "" {
		if env["AWS_XRAY_CONTEXT_MISSING"] == "" {
			env["AWS_XRAY_CONTEXT_MISSING"] = "LOG_ERROR"
		}
		env["AWS_XRAY_DAEMON_ADDRESS"] = v.XRayAddress
	}
	set("AWS_ACCESS_KEY_ID", v.Credentials.AccessKeyID)
	set("AWS_SECRET_ACCESS_KEY", v.Credentials.SecretAccessKey)
	set("AWS_SESSION_TOKEN", v.Credentials.SessionToken)

	env["_HANDLER"] = v.Version.Handler
	env["LAMBDA_TASK_ROOT"] = v.Paths.Task
	env["LAMBDA_RUNTIME_DIR"] = v.Paths.Runtime
	env["AWS_LAMBDA_LOG_GROUP_NAME"] = v.Version.LogGroup
	env["AWS_LAMBDA_LOG_STREAM_NAME"] = v.LogStream
	if sp.family != familyCustom {
		env["AWS_EXECUTION_ENV"] = "AWS_Lambda_" + v.Version.Runtime
		set(SocketVariable, v.Socket)
	}

	env["AWS_REGION"] = v.Version.Region
	env["AWS_DEFAULT_REGION"] = v.Version.Region
	env["AWS_LAMBDA_FUNCTION_NAME"] = v.Version.Name
	env["AWS_LAMBDA_FUNCTION_VERSION"] = v.Version.Version
	env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] = strconv.Itoa(v.Version.MemoryMB)
	env["AWS_LAMBDA_INITIALIZATION_TYPE"] = "on-demand"
	set("AWS_LAMBDA_INITIALIZATION_TYPE", v.InitType)
	env["AWS_LAMBDA_RUNTIME_API"] = v.RuntimeAPI

	out := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		out = append(out, name+"="+env[name])
	}
	return out
}

// defaults are the variables that a customer may replace.
func defaults(sp spec, p sandbox.Paths) map[string]string {
	env := map[string]string{
		"PATH":            "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:" + path.Join(p.Opt, "bin"),
		"LD_LIBRARY_PATH": libraryPath(p),
		"LANG":            "en_US.UTF-8",
		"TZ":              ":UTC",
		"PWD":             p.Task,
		"SHLVL":           "0",
	}
	switch sp.family {
	case familyPython:
		env["PYTHONPATH"] = p.Runtime
	case familyNode:
		env["NODE_PATH"] = strings.Join([]string{
			path.Join(p.Opt, "nodejs/node"+sp.version+"/node_modules"), path.Join(p.Opt, "nodejs/node_modules"),
			path.Join(p.Runtime, "node_modules"),
		}, ":")
	default:
	}
	return env
}

func libraryPath(p sandbox.Paths) string {
	return strings.Join([]string{
		"/var/lang/lib", "/lib64", "/usr/lib64", p.Runtime, path.Join(p.Runtime, "lib"), p.Task, path.Join(p.Task, "lib"),
		path.Join(p.Opt, "lib"),
	}, ":")
}
