// SPDX-License-Identifier: Apache-2.0
// The floor of a Node.js function: interpreter, one raw socket, the handler. Nothing is parsed that is not needed to
// answer.
'use strict';
const { handler } = require(process.argv[3] + '/handler.cjs');

const s = require('node:net').connect(process.argv[2]);
let data = '';
let done = null; // what the answer that we wait for ends with; null for an event
const next = () => {
  done = null;
  s.write('GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: a\r\n\r\n');
};
s.setEncoding('latin1');
s.on('data', async (chunk) => {
  data += chunk;
  if (done) {
    if (data.endsWith(done)) {
      data = '';
      next();
    }
    return;
  }
  const end = data.indexOf('\r\n\r\n');
  if (end < 0) return;
  const head = data.slice(0, end);
  if (data.length - end - 4 < Number(/content-length: *(\d+)/i.exec(head)[1])) return;
  const id = /lambda-runtime-aws-request-id: *(\S+)/i.exec(head)[1];
  const event = data.slice(end + 4);
  data = '';
  done = '{"status":"OK"}\n';
  const result = await handler(event, null);
  s.write(`POST /2018-06-01/runtime/invocation/${id}/response HTTP/1.1\r\nHost: a\r\nContent-Length: ${result.length}\r\n\r\n${result}`, 'latin1');
});
next();
