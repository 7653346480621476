// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"strings"
	"testing"
)

// TestNodeBootstrap runs our bootstrap with every Node.js of this host. What is expected is what AWS's runtime
// interface client for Node.js answers (its sources and tests, read 2026-11).
func TestNodeBootstrap(t *testing.T) {
	runBootstrapCases(t, familyNode, nodeCases)
}

func js(lines ...string) map[string]string {
	return map[string]string{"app.js": strings.Join(lines, "\n") + "\n"}
}

const nodeTime = `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`

var nodeCases = []bootstrapCase{
	{
		name: "async", handler: "app.handler", files: js("exports.handler = async (event) => event;"), noLog: true,
		events: []string{`{"a":[1,2.5,null,true,"ü"]}`, `"text"`, `null`},
		want:   []string{`response {"a":\[1,2.5,null,true,"ü"\]}`, `response "text"`, `response null`},
	},
	{
		name: "short socket name", handler: "app.handler", short: true, files: js("exports.handler = async (event) => event;"),
		events: []string{`{"a":1}`}, want: []string{`response {"a":1}`},
	},
	{
		name: "by TCP", handler: "app.handler", byTCP: true, files: js("exports.handler = async (event) => event;"),
		events: []string{`{"a":1}`}, want: []string{`response {"a":1}`},
	},
	{
		name: "large payloads", handler: "app.handler", events: []string{`"` + strings.Repeat("x", 1<<20) + `"`},
		files: js("exports.handler = async (event) => ({n: event.length, s: 'y'.repeat(3000000)});"),
		want:  []string{`response {"n":1048576,"s":"y{1000}y+"}`},
	},
	{
		name: "undefined", handler: "app.handler", files: js("exports.handler = async () => {};"), want: []string{`response null`},
	},
	{
		name: "promise", handler: "app.handler",
		files: js("exports.handler = () => new Promise((ok) => setTimeout(ok, 5, 'later'));"), want: []string{`response "later"`},
	},
	{
		name: "callback", handler: "app.handler", maximum: "22", events: []string{`{}`, `{}`},
		files: js("exports.handler = (event, context, callback) => { callback(null, 'called'); };"),
		want:  []string{`response "called"`, `response "called"`},
	},
	{
		name: "callback waits for the empty event loop", handler: "app.handler", maximum: "22",
		files: js("exports.handler = (event, context, callback) => {",
			"  setTimeout(() => console.log('after the callback'), 50); callback(null, 1); };"),
		want: []string{`response 1`}, log: []string{nodeTime + "\t" + requestIDPattern + "\tINFO\tafter the callback"},
	},
	{
		name: "callback that does not wait", handler: "app.handler", maximum: "22", noLog: true,
		files: js("exports.handler = (event, context, callback) => { context.callbackWaitsForEmptyEventLoop = false;",
			"  setTimeout(() => console.log('too late'), 60000); callback(null, 1); };"),
		want: []string{`response 1`},
	},
	{
		name: "callback error", handler: "app.handler", maximum: "22",
		files: js("exports.handler = (event, context, callback) => callback(new TypeError('no'));"),
		want:  []string{`error {"errorType":"TypeError","errorMessage":"no","trace":\["TypeError: no",.*`}, types: []string{"TypeError"},
	},
	{
		name: "callback never called", handler: "app.handler", maximum: "22",
		files: js("exports.handler = (event, context, callback) => {};"), want: []string{`response null`},
	},
	{
		name: "callback handlers since 24", handler: "app.handler", minimum: "24", exit: 129,
		files: js("exports.handler = (event, context, callback) => callback(null, 1);"),
		want:  []string{`init/error {"errorType":"Runtime.CallbackHandlerDeprecated",.*`},
	},
	{
		name: "promise that never settles", handler: "app.handler", events: []string{`{}`, `1`},
		files: js("exports.handler = async (event) => event === 1 ? 1 : new Promise(() => {});"),
		want:  []string{`error {"errorType":"Runtime.NodeJsExit",.*`, `response 1`},
	},
	{
		name: "context", handler: "app.handler",
		files: js("exports.handler = async (e, c) => { if (!(c.getRemainingTimeInMillis() > 1000)) throw new Error('time');",
			"  return [c.functionName, c.functionVersion, c.invokedFunctionArn, c.memoryLimitInMB, c.awsRequestId,",
			"    c.logGroupName, c.logStreamName, c.clientContext.custom.k, c.identity.cognitoIdentityId]; };"),
		headers: map[string]string{
			"Lambda-Runtime-Client-Context":   `{"custom":{"k":"v"}}`,
			"Lambda-Runtime-Cognito-Identity": `{"cognitoIdentityId":"id","cognitoIdentityPoolId":"pool"}`,
		},
		want: []string{`response \["fn","\$LATEST","arn:aws:lambda:us-east-1:123456789012:function:fn","128","` + requestIDPattern +
			`","/aws/lambda/fn","2026/11/25/\[\$LATEST\]abc","v","id"\]`},
	},
	{
		name: "context.succeed", handler: "app.handler",
		files: js("exports.handler = (e, context) => { context.succeed({ok: true}); };"), want: []string{`response {"ok":true}`},
	},
	{
		name: "environment", handler: "app.handler", env: map[string]string{"MINE": "x"},
		headers: map[string]string{"Lambda-Runtime-Trace-Id": "Root=1-2-3"},
		files: js("exports.handler = async () => [process.env.MINE, process.env._X_AMZN_TRACE_ID, process.env._HANDLER,",
			"  Object.keys(process.env).filter((k) => k.startsWith('_GUST'))];"),
		want: []string{`response \["x","Root=1-2-3","app.handler",\[\]\]`},
	},
	{
		name: "module file", handler: "app.handler",
		files: map[string]string{
			"app.mjs": "import { two } from './other.mjs';\nexport const handler = async () => two;\n", "other.mjs": "export const two = 2;\n",
		},
		want: []string{`response 2`},
	},
	{
		name: "module package", handler: "src/app.handler",
		files: map[string]string{
			"package.json": `{"type":"module"}`, "src/app.js": "const x = await Promise.resolve(3);\nexport async function handler() { return x; }\n",
		},
		want: []string{`response 3`},
	},
	{
		name: "cjs file in a module package", handler: "app.handler",
		files: map[string]string{"package.json": `{"type":"module"}`, "app.cjs": "exports.handler = async () => 4;\n"},
		want:  []string{`response 4`},
	},
	{
		name: "nested handler", handler: "lib/app.api.get",
		files: map[string]string{"lib/app.js": "exports.api = { get: async () => 'nested' };\n"}, want: []string{`response "nested"`},
	},
	{
		name: "dependency", handler: "app.handler",
		files: map[string]string{
			"app.js": "const d = require('dep');\nexports.handler = async () => d;\n", "node_modules/dep/index.js": "module.exports = 'dep';\n",
		},
		want: []string{`response "dep"`},
	},
	{
		name: "console", handler: "app.handler", maximum: "99",
		files: js("console.log('at init');", "exports.handler = async () => { console.info('two\\nlines', {a: 1}); console.error('e %d', 7);",
			"  console.warn('w'); console.debug('d'); process.stdout.write('raw\\n'); console.log(); return 1; };"),
		want: []string{`response 1`},
		log: []string{
			nodeTime + "\tundefined\tINFO\tat init", nodeTime + "\t" + requestIDPattern + "\tINFO\ttwo\rlines { a: 1 }",
			nodeTime + "\t" + requestIDPattern + "\tERROR\te 7", nodeTime + "\t" + requestIDPattern + "\tWARN\tw",
			nodeTime + "\t" + requestIDPattern + "\tDEBUG\td", "raw",
		},
	},
	{
		name: "exception", handler: "app.handler", events: []string{`{}`, `2`},
		files: js("exports.handler = async (event) => { if (event === 2) return 2; const e = new RangeError('bad'); e.extra = 1; throw e; };"),
		want:  []string{`error {"errorType":"RangeError","errorMessage":"bad","trace":\["RangeError: bad","    at .*app.js:1:.*"\]}`, `response 2`},
		types: []string{"RangeError", ""},
		log: []string{nodeTime + "\t" + requestIDPattern + "\tERROR\tInvoke Error \t" +
			`{"errorType":"RangeError","errorMessage":"bad","extra":1,"stack":\["RangeError: bad",.*\]}`},
	},
	{
		name: "exception that is no error", handler: "app.handler", files: js("exports.handler = async () => { throw 'text'; };"),
		want: []string{`error {"errorType":"string","errorMessage":"text","trace":\[\]}`},
	},
	{
		name: "synchronous exception", handler: "app.handler", files: js("exports.handler = () => { throw new Error('sync'); };"),
		want: []string{`error {"errorType":"Error","errorMessage":"sync",.*`},
	},
	{
		name: "circular response", handler: "app.handler", files: js("exports.handler = async () => { const a = {}; a.a = a; return a; };"),
		want: []string{`error {"errorType":"Error","errorMessage":"Unable to stringify response body",.*`},
	},
	{
		name: "unhandled rejection", handler: "app.handler", exit: 128,
		files: js("exports.handler = () => { Promise.reject(new Error('lost')); return new Promise((ok) => setTimeout(ok, 1000)); };"),
		want:  []string{`error {"errorType":"Runtime.UnhandledPromiseRejection","errorMessage":"Error: lost","trace":\["Runtime.UnhandledPromiseRejection: Error: lost",.*`},
		types: []string{"Runtime.UnhandledPromiseRejection"},
		log:   []string{".*\tERROR\tUnhandled Promise Rejection \t.*"},
	},
	{
		name: "uncaught exception", handler: "app.handler", exit: 129,
		files: js("exports.handler = () => new Promise(() => setTimeout(() => { throw new Error('late'); }, 1));"),
		want:  []string{`error {"errorType":"Error","errorMessage":"late",.*`}, log: []string{".*\tERROR\tUncaught Exception \t.*"},
	},
	{
		name: "no module", handler: "app.handler", files: map[string]string{"other.js": ""}, exit: 129,
		want: []string{`init/error {"errorType":"Runtime.ImportModuleError","errorMessage":"Error: Cannot find module 'app'\\nRequire stack:\\n- .*/index.mjs",` +
			`"trace":\["Runtime.ImportModuleError: Error: Cannot find module 'app'","Require stack:","- .*/index.mjs",.*`},
		types: []string{"Runtime.ImportModuleError"},
		log:   []string{nodeTime + "\tundefined\tERROR\tUncaught Exception \t.*"},
	},
	{
		name: "missing dependency", handler: "app.handler", files: js("require('no-such-thing');"), exit: 129,
		want: []string{`init/error {"errorType":"Runtime.ImportModuleError","errorMessage":"Error: Cannot find module 'no-such-thing'\\nRequire stack:.*`},
	},
	{
		name: "no handler", handler: "app.nothing", files: js("exports.x = 1;"), exit: 129,
		want: []string{`init/error {"errorType":"Runtime.HandlerNotFound","errorMessage":"app.nothing is undefined or not exported",.*`},
	},
	{
		name: "handler is no function", handler: "app.x", files: js("exports.x = 1;"), exit: 129,
		want: []string{`init/error {"errorType":"Runtime.HandlerNotFound","errorMessage":"app.x is not a function",.*`},
	},
	{
		name: "malformed handler", handler: "app", files: js(""), exit: 129,
		want: []string{`init/error {"errorType":"Runtime.MalformedHandlerName","errorMessage":"Bad handler",.*`},
	},
	{
		name: "syntax error", handler: "app.handler", files: js("exports.handler = ;"), exit: 129,
		want: []string{`init/error {"errorType":"Runtime.UserCodeSyntaxError","errorMessage":"SyntaxError: Unexpected token ';'",.*`},
	},
	{
		name: "exception at import", handler: "app.handler", files: js("throw new TypeError('early');"), exit: 129,
		want: []string{`init/error {"errorType":"TypeError","errorMessage":"early",.*`},
	},
	{name: "exit at import", handler: "app.handler", files: js("process.exit(5);"), exit: 5, noLog: true},
}
