# SPDX-License-Identifier: Apache-2.0
# The floor of a Python function: interpreter, one raw socket, the handler. Nothing is parsed that is not needed to
# answer. _socket is the C half of the socket module, whose Python half costs as much as half of an interpreter start.
import sys

import _socket

sys.path.insert(0, sys.argv[2])
from handler import handler

s = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
s.connect(sys.argv[1])
while True:
    s.sendall(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: a\r\n\r\n")
    data = b""
    while b"\r\n\r\n" not in data:
        data += s.recv(65536)
    head, _, event = data.partition(b"\r\n\r\n")
    low = head.lower()
    at = low.index(b"content-length:")
    size = int(head[at + 15:].split(b"\r\n", 1)[0])
    while len(event) < size:
        event += s.recv(65536)
    at = low.index(b"lambda-runtime-aws-request-id:")
    request = head[at + 30:].split(b"\r\n", 1)[0].strip()
    result = handler(event, None)
    s.sendall(b"POST /2018-06-01/runtime/invocation/%b/response HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b"
              % (request, len(result), result))
    data = b""
    while not data.endswith(b'{"status":"OK"}\n'):
        data += s.recv(65536)
