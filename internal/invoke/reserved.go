// SPDX-License-Identifier: Apache-2.0

package invoke

// reserved are the variables that the platform sets and a function's configuration may not.
// Source: "Defined runtime environment variables", AWS Lambda Developer Guide, read 2026-11.
var reserved = map[string]bool{
	"_HANDLER":                        true,
	"_X_AMZN_TRACE_ID":                true,
	"AWS_ACCESS_KEY":                  true,
	"AWS_ACCESS_KEY_ID":               true,
	"AWS_DEFAULT_REGION":              true,
	"AWS_EXECUTION_ENV":               true,
	"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": true,
	"AWS_LAMBDA_FUNCTION_NAME":        true,
	"AWS_LAMBDA_FUNCTION_VERSION":     true,
	"AWS_LAMBDA_INITIALIZATION_TYPE":  true,
	"AWS_LAMBDA_LOG_GROUP_NAME":       true,
	"AWS_LAMBDA_LOG_STREAM_NAME":      true,
	"AWS_LAMBDA_RUNTIME_API":          true,
	"AWS_REGION":                      true,
	"AWS_SECRET_ACCESS_KEY":           true,
	"AWS_SESSION_TOKEN":               true,
	"LAMBDA_RUNTIME_DIR":              true,
	"LAMBDA_TASK_ROOT":                true,
}

// Reserved tells whether a function's configuration may not set the environment variable.
func Reserved(name string) bool { return reserved[name] }
