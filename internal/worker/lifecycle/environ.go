// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"net"
	"slices"
	"strconv"
	"strings"
)

// environment returns the variables of the runtime process, sorted.
//
// Order of precedence, lowest first: defaults of the platform and the runtime pack (AWS calls them unreserved: PATH,
// LANG, TZ, LD_LIBRARY_PATH, ...), the customer's variables, credentials, the platform's reserved ones.
// Source: "Working with Lambda environment variables", AWS Lambda Developer Guide, read 2026-11.
func (e *Environment) environment(p *Place, stream string, cred Credentials) []string {
	v, paths := e.cfg.Version, p.Sandbox.Paths()
	vars := map[string]string{
		"PATH":                     "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:" + paths.Opt + "/bin",
		"LD_LIBRARY_PATH":          libraryPath(paths.Task, paths.Runtime, paths.Opt),
		"LANG":                     "en_US.UTF-8",
		"TZ":                       ":UTC",
		"SHLVL":                    "0",
		"PWD":                      paths.Task,
		"AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
	}
	if paths.Tmp != "/tmp" { // a driver without its own root
		vars["TMPDIR"] = paths.Tmp
	}
	if p.API != nil {
		vars["AWS_ENDPOINT_URL"] = "http://" + p.API.Addr().String()
	}
	for _, nv := range e.cfg.Launch.Env {
		if name, value, ok := strings.Cut(nv, "="); ok {
			vars[name] = value
		}
	}
	for name, value := range v.Environment {
		vars[name] = value
	}
	if cred.AccessKeyID != "" {
		vars["AWS_ACCESS_KEY_ID"] = cred.AccessKeyID
		vars["AWS_SECRET_ACCESS_KEY"] = cred.SecretAccessKey
		vars["AWS_SESSION_TOKEN"] = cred.SessionToken
	}
	for name, value := range map[string]string{
		"_HANDLER":                        v.Handler,
		"AWS_REGION":                      v.Region,
		"AWS_DEFAULT_REGION":              v.Region,
		"AWS_LAMBDA_FUNCTION_NAME":        v.Name,
		"AWS_LAMBDA_FUNCTION_VERSION":     v.Version,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(v.MemoryMB),
		"AWS_LAMBDA_INITIALIZATION_TYPE":  e.cfg.InitType,
		"AWS_LAMBDA_LOG_GROUP_NAME":       v.LogGroup,
		"AWS_LAMBDA_LOG_STREAM_NAME":      stream,
		"AWS_LAMBDA_RUNTIME_API":          e.runtimeAddress(p).String(),
		"LAMBDA_TASK_ROOT":                paths.Task,
		"LAMBDA_RUNTIME_DIR":              paths.Runtime,
	} {
		vars[name] = value
	}
	if !strings.HasPrefix(v.Runtime, "provided") {
		vars["AWS_EXECUTION_ENV"] = "AWS_Lambda_" + v.Runtime
	}
	out := make([]string, 0, len(vars))
	for name, value := range vars {
		out = append(out, name+"="+value)
	}
	slices.Sort(out)
	return out
}

func (e *Environment) runtimeAddress(p *Place) net.Addr {
	if e.cfg.Launch.Socket && p.Socket != nil {
		return p.Socket.Addr()
	}
	return p.Runtime.Addr()
}

func libraryPath(task, runtime, opt string) string {
	return strings.Join([]string{
		"/var/lang/lib", "/lib64", "/usr/lib64", runtime, runtime + "/lib", task, task + "/lib", opt + "/lib",
	}, ":")
}
