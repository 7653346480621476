// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"strings"
	"testing"
)

const requestIDPattern = `8476a536-e9f4-11e8-9739-2dfe598c3fcd`

// TestPythonBootstrap runs our bootstrap with every Python of this host. What is expected is what AWS's runtime
// interface client for Python answers (its sources and tests, read 2026-11).
func TestPythonBootstrap(t *testing.T) {
	runBootstrapCases(t, familyPython, pythonCases)
}

func py(lines ...string) map[string]string {
	return map[string]string{"app.py": strings.Join(lines, "\n") + "\n"}
}

var pythonCases = []bootstrapCase{
	{
		name: "echo", handler: "app.handler", files: py("def handler(event, context):", "    return event"),
		events: []string{`{"a": [1, 2.5, null, true, "x"]}`, `"text"`, ` [1] `, `null`}, noLog: true,
		want: []string{`response {"a": \[1, 2.5, null, true, "x"\]}`, `response "text"`, `response \[1\]`, `response null`},
	},
	{
		name: "short socket name", handler: "app.handler", short: true, files: py("def handler(event, context):", "    return event"),
		events: []string{`{"a":1}`}, want: []string{`response {"a": 1}`},
	},
	{
		name: "by TCP", handler: "app.handler", byTCP: true, files: py("def handler(event, context):", "    return event"),
		events: []string{`{"a":1}`}, want: []string{`response {"a": 1}`},
	},
	{
		name: "large payloads", handler: "app.handler", events: []string{`"` + strings.Repeat("x", 1<<20) + `"`},
		files: py("def handler(event, context):", "    return {'n': len(event), 's': 'y' * 3000000}"),
		want:  []string{`response {"n": 1048576, "s": "y{1000}y+"}`},
	},
	{
		name: "context", handler: "app.handler",
		files: py("def handler(event, c):",
			"    assert c.get_remaining_time_in_millis() > 1000",
			"    assert c.client_context.custom['k'] == 'v' and c.client_context.client.app_title == 't'",
			"    assert c.identity.cognito_identity_id == 'id'",
			"    return [c.function_name, c.function_version, c.invoked_function_arn, c.memory_limit_in_mb,",
			"            c.aws_request_id, c.log_group_name, c.log_stream_name]"),
		headers: map[string]string{
			"Lambda-Runtime-Client-Context":   `{"custom":{"k":"v"},"env":{},"client":{"app_title":"t"}}`,
			"Lambda-Runtime-Cognito-Identity": `{"cognitoIdentityId":"id","cognitoIdentityPoolId":"pool"}`,
		},
		want: []string{`response \["fn", "\$LATEST", "arn:aws:lambda:us-east-1:123456789012:function:fn", "128", "` +
			requestIDPattern + `", "/aws/lambda/fn", "2026/11/25/\[\$LATEST\]abc"\]`},
	},
	{
		name: "context without client and identity", handler: "app.handler",
		files: py("def handler(event, c):", "    return [c.client_context, c.identity.cognito_identity_id]"),
		want:  []string{`response \[null, null\]`},
	},
	{
		name: "handler in a directory", handler: "src/deep/app.handler",
		files: map[string]string{"src/deep/app.py": "def handler(e, c):\n    return __name__\n"},
		want:  []string{`response "src.deep.app"`},
	},
	{
		name: "environment", handler: "app.handler", env: map[string]string{"MINE": "ü", "PATH": "/mine"},
		headers: map[string]string{"Lambda-Runtime-Trace-Id": "Root=1-2-3"},
		files: py("import os", "def handler(e, c):", "    assert not any(k.startswith('_GUST') for k in os.environ)",
			"    return [os.environ[k] for k in ('MINE', 'PATH', '_X_AMZN_TRACE_ID', '_HANDLER', 'AWS_REGION')]"),
		want: []string{`response \["(ü|\\u00fc)", "/mine", "Root=1-2-3", "app.handler", "us-east-1"\]`},
	},
	{
		name: "environment imported late", handler: "app.handler", headers: map[string]string{"Lambda-Runtime-Trace-Id": "Root=9"},
		files: py("def handler(e, c):", "    import os, subprocess",
			"    return [os.environ['_X_AMZN_TRACE_ID'], subprocess.check_output(['/usr/bin/env']).decode().count('Root=9')]"),
		want: []string{`response \["Root=9", 1\]`},
	},
	{
		name: "module search path", handler: "app.handler",
		files: py("import sys", "def handler(e, c):", "    return [sys.path[0].split('/')[-1] != '', sys.path[1:3]]"),
		want:  []string{`response \[true, \["/opt/python/lib/python3.\d+/site-packages", "/opt/python"\]\]`},
	},
	{
		name: "decimal, bytes, tuple", handler: "app.handler",
		files: py("from decimal import Decimal", "def handler(e, c):",
			"    return {'d': Decimal('1.10'), 'e': [Decimal('3')], 'b': b'x', 't': (1,)}"),
		want: []string{`response {"d": 1.10, "e": \[3\], "b": "x", "t": \[1\]}`},
	},
	{
		name: "bytes as the whole response", handler: "app.handler",
		files: py("def handler(e, c):", "    return b'raw'"), want: []string{`response raw`},
	},
	{
		name: "characters before 3.12", handler: "app.handler", maximum: "3.11",
		files: py("def handler(e, c):", "    return 'ü€'"), want: []string{`response "\\u00fc\\u20ac"`},
	},
	{
		name: "characters since 3.12", handler: "app.handler", minimum: "3.12",
		files: py("def handler(e, c):", "    return 'ü€'"), want: []string{`response "ü€"`},
	},
	{
		name: "unserializable", handler: "app.handler", files: py("def handler(e, c):", "    return {'x': object()}"),
		want: []string{`error {"errorMessage": "Unable to marshal response: Object of type object is not JSON serializable", ` +
			`"errorType": "Runtime.MarshalError", "requestId": "` + requestIDPattern + `", "stackTrace": \[\]}`},
		types: []string{"Unhandled"},
	},
	{
		name: "exception", handler: "app.handler", events: []string{`{}`, `{"n":1}`},
		files: py("def deep():", "    raise KeyError('x')", "def handler(event, context):",
			"    if 'n' in event: return event['n']", "    deep()"),
		want: []string{
			`error {"errorMessage": "'x'", "errorType": "KeyError", "requestId": "` + requestIDPattern + `", "stackTrace": ` +
				`\["  File \\"/.*/app.py\\", line 5, in handler\\n    deep\(\)\\n", "  File \\"/.*/app.py\\", line 2, in deep\\n    raise KeyError\('x'\)\\n"\]}`,
			`response 1`,
		},
		types: []string{"Unhandled", ""},
		log: []string{"\\[ERROR\\] KeyError: 'x'\rTraceback \\(most recent call last\\):\r\u00a0\u00a0File \"/.*/app.py\", line 5, in handler\r" +
			"\u00a0\u00a0\u00a0\u00a0deep\\(\\)\r.*"},
	},
	{
		name: "print", handler: "app.handler",
		files: py("import sys", "print('at init')", "def handler(e, c):", "    print('one', 2)", "    print('no end', end='')",
			"    print('err', file=sys.stderr)", "    return 1"),
		want: []string{`response 1`}, log: []string{`at init`, `one 2`, `no end`}, errors: "err\n",
	},
	{
		name: "logging", handler: "app.handler",
		files: py("import logging", "logging.warning('at init')", "log = logging.getLogger()", "log.setLevel('INFO')",
			"def handler(e, c):", "    log.info('two\\nlines')", "    logging.getLogger('x').debug('no')",
			"    try: 1/0", "    except Exception: log.exception('oops')", "    return len(log.handlers)"),
		want: []string{`response 1`},
		log: []string{
			`\[WARNING\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t\tat init`,
			`\[INFO\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t` + requestIDPattern + "\ttwo\rlines",
			`\[ERROR\]\t.*Z\t` + requestIDPattern + "\toops\rTraceback \\(most recent call last\\):\r.*ZeroDivisionError: division by zero",
		},
	},
	{
		name: "no module", handler: "app.handler", files: map[string]string{"other.py": ""}, exit: 1,
		want: []string{`init/error {"errorMessage": "Unable to import module 'app': No module named 'app'", ` +
			`"errorType": "Runtime.ImportModuleError", "requestId": "", "stackTrace": \[\]}`},
		types: []string{"Runtime.ImportModuleError"},
		log:   []string{"\\[ERROR\\] Runtime.ImportModuleError: Unable to import module 'app': No module named 'app'\rTraceback \\(most recent call last\\):"},
	},
	{
		name: "missing dependency", handler: "app.handler", files: py("import no_such_thing"), exit: 1,
		want: []string{`init/error {"errorMessage": "Unable to import module 'app': No module named 'no_such_thing'", .*`},
	},
	{
		name: "no handler", handler: "app.nothing", files: py("x = 1"), exit: 1,
		want:  []string{`init/error {"errorMessage": "Handler 'nothing' missing on module 'app'", "errorType": "Runtime.HandlerNotFound", .*`},
		types: []string{"Runtime.HandlerNotFound"},
	},
	{
		name: "malformed handler", handler: "app", files: py("x = 1"), exit: 1,
		want: []string{`init/error {"errorMessage": "Bad handler 'app': not enough values to unpack \(expected 2, got 1\)", ` +
			`"errorType": "Runtime.MalformedHandlerName", .*`},
	},
	{
		name: "built-in module", handler: "sys.handler", files: py("x = 1"), exit: 1,
		want: []string{`init/error {"errorMessage": "Cannot use built-in module sys as a handler module", ` +
			`"errorType": "Runtime.BuiltInModuleConflict", .*`},
	},
	{
		name: "syntax error", handler: "app.handler", files: py("def handler(:", "    pass"), exit: 1,
		want: []string{`init/error {"errorMessage": "Syntax error in module 'app': .* \(app.py, line 1\)", ` +
			`"errorType": "Runtime.UserCodeSyntaxError", "requestId": "", "stackTrace": \["  File \\"/.*/app.py\\" Line 1\\n    def handler\(:\\n"\]}`},
	},
	{
		name: "exception at import", handler: "app.handler", files: py("", "raise ValueError('bad')"), exit: 1,
		want: []string{`init/error {"errorMessage": "bad", "errorType": "ValueError", "requestId": "", "stackTrace": ` +
			`\[.*"  File \\"/.*/app.py\\", line 2, in <module>\\n    raise ValueError\('bad'\)\\n"\]}`},
		types: []string{"ValueError"},
	},
	{name: "exit at import", handler: "app.handler", files: py("import sys", "sys.exit(7)"), exit: 7, noLog: true},
	{name: "exit in the handler", handler: "app.handler", files: py("def handler(e, c):", "    exit(3)"), exit: 3, noLog: true},
	{
		name: "standard library", handler: "app.handler",
		files: py("import ssl, sqlite3, zlib, ctypes, decimal, hashlib, datetime, asyncio, json, zoneinfo, lzma, bz2",
			"async def main():", "    return 5", "def handler(e, c):",
			"    return [asyncio.run(main()), sqlite3.connect(':memory:').execute('select 6').fetchone()[0], json.dumps(e)]"),
		want: []string{`response \[5, 6, "{}"\]`},
	},
	{
		name: "client context that is not JSON", handler: "app.handler", files: py("def handler(e, c):", "    return 1"),
		headers: map[string]string{"Lambda-Runtime-Client-Context": "{"},
		want:    []string{`error {"errorMessage": "Unable to parse Client Context JSON: .*", "errorType": "Runtime.LambdaContextUnmarshalError", .*`},
	},
	{
		name: "event that is not JSON", handler: "app.handler", events: []string{`{"a" 1}`},
		files: py("def handler(e, c):", "    return 1"),
		want: []string{`error {"errorMessage": "Unable to unmarshal input: Expecting ':' delimiter: line 1 column 6 \(char 5\)", ` +
			`"errorType": "Runtime.UnmarshalError", .*`},
	},
}
