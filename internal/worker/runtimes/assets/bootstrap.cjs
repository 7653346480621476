// SPDX-License-Identifier: Apache-2.0
//
// The process of a managed Node.js function: loads the handler, then asks the Runtime API for events and answers them.
// It speaks HTTP/1.1 by hand over one connection, because loading the http module costs as much as half of a start.
// Behaviour, texts and formats are those of AWS's runtime interface client; where they are not:
// internal/worker/runtimes/README.md.
'use strict';

const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { format, types } = require('node:util');

const BASE = '/2018-06-01/runtime/';
const major = Number(process.versions.node.split('.')[0]);
const address = process.env.AWS_LAMBDA_RUNTIME_API || '127.0.0.1:9001';
// libuv before Node.js 20 cannot name abstract sockets.
let socketName = major >= 20 ? process.env._GUST_RUNTIME_SOCKET || '' : '';
delete process.env._GUST_RUNTIME_SOCKET;
const taskRoot = process.env.LAMBDA_TASK_ROOT || '/var/task';
const runtimeDir = process.env.LAMBDA_RUNTIME_DIR || '/var/runtime';

// --- errors ---

class RuntimeError extends Error {}
const runtimeErrors = {};
for (const kind of ['ImportModuleError', 'HandlerNotFound', 'MalformedHandlerName', 'UserCodeSyntaxError',
  'UnhandledPromiseRejection', 'NodeJsExit', 'CallbackHandlerDeprecated', 'MalformedStreamingHandler']) {
  const type = class extends RuntimeError {};
  type.prototype.name = 'Runtime.' + kind;
  runtimeErrors[kind] = type;
}

function looksLikeError(e) {
  return types.isNativeError(e) ||
    Boolean(e && typeof e.name === 'string' && typeof e.message === 'string' && typeof e.stack === 'string');
}

// errorDocument is what the Runtime API gets.
function errorDocument(e) {
  try {
    if (looksLikeError(e)) return { errorType: e.name, errorMessage: e.message, trace: e.stack.split('\n') };
    return { errorType: typeof e, errorMessage: e.toString(), trace: [] };
  } catch {
    return {
      errorType: 'handled',
      errorMessage: 'callback called with Error argument, but there was a problem while retrieving one or more of ' +
        'its message, name, and stack',
    };
  }
}

// errorText is what the log gets: the document and every property of the error's own.
function errorText(e) {
  const withProperties = (_, v) => {
    if (!(v instanceof Error)) return v;
    const out = { errorType: v.name, errorMessage: v.message, code: v.code, ...v };
    if (typeof v.stack === 'string') out.stack = v.stack.split('\n');
    return out;
  };
  try {
    return '\t' + JSON.stringify(e, withProperties);
  } catch {
    return '\t' + JSON.stringify(errorDocument(e));
  }
}

function logError(message, e) {
  console.error(message, errorText(e instanceof Error ? e : new Error(e)));
}

// --- logs ---

let requestId; // of the current invocation: lines before the first one say undefined, as on AWS

function writeOut(text) {
  let data = Buffer.from(text);
  while (data.length > 0) {
    try {
      data = data.subarray(fs.writeSync(1, data));
    } catch (e) {
      if (e.code !== 'EAGAIN') return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1); // the pipe is full and does not block
    }
  }
}

function patchConsole() {
  const levels = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
  const least = Math.max(0, levels.indexOf((process.env.AWS_LAMBDA_LOG_LEVEL || '').toUpperCase()));
  levels.forEach((level, i) => {
    console[level.toLowerCase()] = i < least && level !== 'FATAL' ? () => {} : (...args) => {
      // A line feed would end the log event, so inner ones become carriage returns, as on AWS.
      const line = `${new Date().toISOString()}\t${requestId}\t${level}\t${format(...args)}`;
      writeOut(line.replaceAll('\n', '\r') + '\n');
    };
  });
  console.log = console.info;
}

// --- Runtime API ---

let socket = null;
let received = Buffer.alloc(0);
let waiting = null; // {resolve, reject} of the request that has no answer yet

function connect() {
  const cut = address.lastIndexOf(':');
  socket = socketName
    ? net.connect({ path: socketName.startsWith('@') ? '\0' + socketName.slice(1) : socketName })
    : net.connect({ host: address.slice(0, cut), port: Number(address.slice(cut + 1)), noDelay: true });
  received = Buffer.alloc(0);
  const mine = socket;
  const lost = (e) => {
    if (socket !== mine) return;
    socket = null;
    const w = waiting;
    waiting = null;
    if (w) w.reject(e);
  };
  socket.on('data', (chunk) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    take();
  });
  socket.on('error', lost);
  socket.on('close', () => lost(new Error('Runtime API closed the connection')));
}

let head = null; // of the answer that is being read

function take() {
  if (!waiting) return;
  if (!head) {
    const end = received.indexOf('\r\n\r\n');
    if (end < 0) return;
    const lines = received.toString('utf8', 0, end).split('\r\n');
    head = { status: Number(lines[0].split(' ')[1]), headers: {}, start: end + 4, parts: [] };
    for (let i = 1; i < lines.length; i++) {
      const colon = lines[i].indexOf(':');
      head.headers[lines[i].slice(0, colon).toLowerCase()] = lines[i].slice(colon + 1).trim();
    }
    received = received.subarray(head.start);
  }
  const body = head.headers['transfer-encoding'] === 'chunked' ? takeChunks() : takeLength();
  if (body === null) return;
  const answer = { status: head.status, headers: head.headers, body };
  const w = waiting;
  head = null;
  waiting = null;
  socket.unref(); // only what the function does keeps the event loop alive while its handler runs
  if (answer.headers.connection === 'close') {
    socket.destroy();
    socket = null;
  }
  w.resolve(answer);
}

function takeLength() {
  const size = Number(head.headers['content-length'] || 0);
  if (received.length < size) return null;
  const body = received.subarray(0, size);
  received = received.subarray(size);
  return body;
}

function takeChunks() {
  for (;;) {
    const end = received.indexOf('\r\n');
    if (end < 0) return null;
    const size = parseInt(received.toString('latin1', 0, end), 16);
    if (received.length < end + 2 + size + 2) return null;
    head.parts.push(received.subarray(end + 2, end + 2 + size));
    received = received.subarray(end + 2 + size + 2);
    if (size === 0) return Buffer.concat(head.parts);
  }
}

// tryConnect falls back to TCP once: Node.js 20 does not find abstract sockets with names shorter than 108 bytes.
async function tryConnect() {
  connect();
  if (!socketName) return;
  const first = socket;
  await new Promise((resolve) => {
    first.once('connect', resolve);
    first.once('error', resolve);
  });
  if (socket === first) return;
  socketName = '';
  connect();
}

async function request(method, target, body, headers = '') {
  if (!socket) await tryConnect();
  return new Promise((resolve, reject) => {
    socket.ref();
    waiting = { resolve, reject };
    let text = `${method} ${BASE}${target} HTTP/1.1\r\nHost: ${address}\r\n${headers}`;
    if (body === undefined) {
      socket.write(text + '\r\n');
      return;
    }
    text += `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`;
    socket.write(text + body);
  });
}

function postError(target, e) {
  const doc = errorDocument(e);
  const type = String(doc.errorType).replace(/[^\x21-\x7e]/g, '_');
  return request('POST', target, JSON.stringify(doc), `Lambda-Runtime-Function-Error-Type: ${type}\r\n`);
}

// --- loading the function ---

function isModulePackage(folder) {
  for (; !folder.endsWith('/node_modules'); folder = path.dirname(folder)) {
    const file = path.join(folder, 'package.json');
    if (fs.existsSync(file)) {
      try {
        return JSON.parse(fs.readFileSync(file, 'utf8')).type === 'module';
      } catch (e) {
        console.warn(`${file} cannot be read, it will be ignored for ES module detection purposes.`, e);
        return false;
      }
    }
    if (folder === '/') return false;
  }
  return false;
}

async function loadModule(root, name) {
  const file = path.resolve(taskRoot, root, name);
  const importFile = (f) => import(require('node:url').pathToFileURL(f).href);
  if (fs.existsSync(file) && fs.statSync(file).isFile()) return require(file);
  const esm = isModulePackage(path.dirname(file));
  if (fs.existsSync(file + '.js')) return esm ? importFile(file + '.js') : require(file + '.js');
  if (fs.existsSync(file + '.mjs')) return importFile(file + '.mjs');
  if (fs.existsSync(file + '.cjs')) return require(file + '.cjs');
  const { createRequire } = require('node:module');
  const fromTask = createRequire(path.join(runtimeDir, 'index.mjs'));
  return require(fromTask.resolve(name, { paths: [taskRoot, path.resolve(taskRoot, root)] }));
}

async function loadHandler(handler) {
  if (handler.includes('..')) {
    throw new runtimeErrors.MalformedHandlerName(`'${handler}' is not a valid handler name. Use absolute paths when ` +
      'specifying root directories in handler names.');
  }
  const base = path.basename(handler);
  const match = base.match(/^([^.]*)\.(.*)$/);
  if (!match) throw new runtimeErrors.MalformedHandlerName('Bad handler');
  let loaded;
  try {
    loaded = await loadModule(handler.slice(0, handler.indexOf(base)), match[1]);
  } catch (e) {
    if (e instanceof SyntaxError) throw new runtimeErrors.UserCodeSyntaxError(e);
    if (e && e.code === 'MODULE_NOT_FOUND') throw new runtimeErrors.ImportModuleError(e);
    throw e;
  }
  let found = match[2].split('.').reduce((o, key) => o && o[key], loaded);
  if (found === undefined && loaded && loaded.default) {
    found = match[2].split('.').reduce((o, key) => o && o[key], loaded.default);
  }
  if (!found) throw new runtimeErrors.HandlerNotFound(`${handler} is undefined or not exported`);
  if (typeof found !== 'function') throw new runtimeErrors.HandlerNotFound(`${handler} is not a function`);
  if (major >= 24 && found.length > 2) {
    throw new runtimeErrors.CallbackHandlerDeprecated( // AWS refuses it too; its wording is unverified
      'Callback-based function handlers are not supported from Node.js 24 on: use an async handler.');
  }
  return found;
}

// --- invocations ---

let onEmptyLoop = null; // what the end of the function's pending work does
let errorTarget = 'init/error';

// end reports an error that nothing caught, and ends the process. Between two invocations there is nobody to tell.
function end(e, code) {
  if (waiting) process.exit(code);
  postError(errorTarget, e).finally(() => process.exit(code));
}

function parseHeader(headers, name, label) {
  const text = headers[name];
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (e) {
    throw new Error(`Cannot parse ${label} as json: ${e}`);
  }
}

function makeContext(headers) {
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parseHeader(headers, 'lambda-runtime-client-context', 'ClientContext'),
    identity: parseHeader(headers, 'lambda-runtime-cognito-identity', 'CognitoIdentity'),
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    tenantId: headers['lambda-runtime-aws-tenant-id'],
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

function serialize(result) {
  try {
    return JSON.stringify(result === undefined ? null : result) ?? 'null';
  } catch {
    throw new Error('Unable to stringify response body');
  }
}

// invoke runs the handler once and settles when its outcome is known and may be sent.
function invoke(handler, event, headers) {
  return new Promise((resolve) => {
    let finished = false;
    const finish = (err, result) => {
      if (finished) return;
      finished = true;
      onEmptyLoop = null;
      if (err !== undefined && err !== null) {
        resolve({ error: err });
        return;
      }
      try {
        resolve({ body: serialize(result) });
      } catch (e) {
        resolve({ error: e });
      }
    };
    onEmptyLoop = () => {
      if (handler.constructor.name !== 'AsyncFunction') return finish(null, null);
      return finish(new runtimeErrors.NodeJsExit('The Lambda runtime client detected an unexpected Node.js exit code. ' +
        'This is most commonly caused by a Promise that was never settled. For more information, see ' +
        'https://nodejs.org/docs/latest/api/process.html#exit-codes'));
    };
    try {
      const context = makeContext(headers);
      let called = false;
      const callback = (err, result) => {
        if (called || finished) return;
        called = true;
        if ((err !== undefined && err !== null) || !context.callbackWaitsForEmptyEventLoop) finish(err, result);
        else onEmptyLoop = () => finish(null, result);
      };
      context.done = finish;
      context.succeed = (result) => finish(null, result);
      context.fail = (err) => finish(err === undefined || err === null ? 'handled' : err);
      const returned = handler(JSON.parse(event), context, callback);
      if (returned && typeof returned.then === 'function') returned.then(context.succeed, context.fail);
    } catch (e) {
      finish(e);
    }
  });
}

async function serve(handler) {
  for (;;) {
    const next = await request('GET', 'invocation/next');
    if (next.status !== 200) throw new Error(`Runtime API answered next with status ${next.status}`);
    const { headers } = next;
    const id = headers['lambda-runtime-aws-request-id'];
    requestId = id;
    errorTarget = `invocation/${id}/error`;
    if (headers['lambda-runtime-trace-id']) process.env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id'];
    else delete process.env._X_AMZN_TRACE_ID;
    const outcome = await invoke(handler, next.body.toString(), headers);
    if ('error' in outcome) {
      logError('Invoke Error', outcome.error);
      await postError(errorTarget, outcome.error);
    } else {
      await request('POST', `invocation/${id}/response`, outcome.body);
    }
  }
}

function main() {
  patchConsole();
  process.on('beforeExit', () => {
    const f = onEmptyLoop;
    onEmptyLoop = null;
    if (f) f();
  });
  process.on('uncaughtException', (e) => {
    logError('Uncaught Exception', e);
    end(e, 129);
  });
  process.on('unhandledRejection', (reason, promise) => {
    const e = new runtimeErrors.UnhandledPromiseRejection(reason);
    e.reason = reason;
    e.promise = promise;
    logError('Unhandled Promise Rejection', e);
    end(e, 128);
  });
  loadHandler(process.env._HANDLER || '').then(serve).catch((e) => {
    logError('Uncaught Exception', e);
    end(e, 129);
  });
}

main();
