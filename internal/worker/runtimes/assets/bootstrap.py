# SPDX-License-Identifier: Apache-2.0
"""The process of a managed Python function: loads the handler, then asks the Runtime API for events and answers them.

It runs with -S from its compiled form (bootstrap.pyc) and imports only what the interpreter has loaded already or holds
as C code: http.client, json, os, logging and traceback together would more than double the start of a process. What a
function does import it gets unchanged. Behaviour, texts and formats are those of AWS's runtime interface client; where
they are not: internal/worker/runtimes/README.md.
"""

import builtins
import sys
import time

import _json
import _socket
import posix

_BASE = "/2018-06-01/runtime/"
_OUT_OF_BOOTSTRAP = "/bootstrap.py"


def _env(name, default=None):
    value = posix.environ.get(name.encode())
    return default if value is None else value.decode("utf-8", "surrogateescape")


class _Fault(Exception):
    """An error that the runtime found, not the function."""

    def __init__(self, kind, message, trace=None):
        super().__init__(message)
        self.kind = "Runtime." + kind
        self.trace = trace or []


class _RuntimeAPI:
    """HTTP/1.1 with one kept-alive connection: the Runtime API needs no more."""

    def __init__(self, socket_name, address):
        self.socket_name = socket_name
        self.address = address
        self.sock = None
        self.rest = b""

    def connect(self):
        self.rest = b""
        if self.socket_name:
            name = self.socket_name
            self.sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
            self.sock.connect("\0" + name[1:] if name[0] == "@" else name)
            return
        host, _, port = self.address.rpartition(":")
        self.sock = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        self.sock.connect((host, int(port)))
        self.sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)

    def next(self):
        if self.sock is None:
            self.connect()
        request = "GET %sinvocation/next HTTP/1.1\r\nHost: %s\r\n\r\n" % (_BASE, self.address)
        self.sock.sendall(request.encode())
        status, headers, body = self.read()
        if status != 200:
            raise RuntimeError("Runtime API answered next with status %d" % status)
        return headers, body

    def post(self, path, body, content_type="application/json", error_type=None):
        if self.sock is None:
            self.connect()
        head = "POST %s%s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n" % (
            _BASE, path, self.address, content_type, len(body))
        if error_type:
            head += "Lambda-Runtime-Function-Error-Type: %s\r\n" % error_type
        head = (head + "\r\n").encode("utf-8", "replace")
        if len(body) < 65536:
            self.sock.sendall(head + body)
        else:
            try:
                self.sock.sendall(head)
                self.sock.sendall(body)
            except OSError:  # the server may answer 413 and close before it has read all
                pass
        status, _, _ = self.read()
        return status

    def fill(self):
        data = self.sock.recv(65536)
        if not data:
            raise ConnectionError("Runtime API closed the connection")
        self.rest += data

    def read(self):
        while True:
            end = self.rest.find(b"\r\n\r\n")
            if end >= 0:
                break
            self.fill()
        lines = self.rest[:end].split(b"\r\n")
        self.rest = self.rest[end + 4:]
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            headers[name.lower().decode("latin-1")] = value.strip().decode("utf-8", "replace")
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = self.read_chunks()
        else:
            body = self.read_exactly(int(headers.get("content-length", 0)))
        if headers.get("connection", "").lower() == "close":
            self.sock.close()
            self.sock = None
        return int(lines[0].split(b" ", 2)[1]), headers, body

    def read_exactly(self, size):
        if len(self.rest) >= size:
            body, self.rest = self.rest[:size], self.rest[size:]
            return body
        body = bytearray(size)
        have = len(self.rest)
        body[:have] = self.rest
        self.rest = b""
        view = memoryview(body)
        while have < size:
            n = self.sock.recv_into(view[have:])
            if n == 0:
                raise ConnectionError("Runtime API closed the connection")
            have += n
        return body

    def read_chunks(self):
        body = b""
        while True:
            while b"\r\n" not in self.rest:
                self.fill()
            size, _, self.rest = self.rest.partition(b"\r\n")
            size = int(size.split(b";")[0], 16)
            body += self.read_exactly(size)
            while len(self.rest) < 2:
                self.fill()
            self.rest = self.rest[2:]
            if size == 0:
                return body


# JSON through the C code that the json package itself uses, without the package (it imports re: 7 ms).


class _Decoding:
    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = {"-Infinity": float("-inf"), "Infinity": float("inf"), "NaN": float("nan")}.__getitem__
    memo = {}


_scan = _json.make_scanner(_Decoding)


def _loads(data):
    try:
        text = str(data, "utf-8").strip(" \t\n\r")
        value, end = _scan(text, 0)
        if end == len(text):
            return value
    except Exception:  # before Python 3.12 the scanner alone cannot always word its error
        pass
    import json  # it words the error

    return json.loads(bytes(data))


class _Decimals:
    """Decimal numbers of one document: the encoder gets a string for each, which becomes the number afterwards."""

    def __init__(self):
        self.found = {}

    def default(self, value):
        if isinstance(value, (bytes, bytearray)):
            return value.decode("utf-8")
        decimal = sys.modules.get("decimal")
        if decimal is None or not isinstance(value, decimal.Decimal):
            raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)
        if value.is_nan():
            return float("nan")
        key = "__decimal_%x_%d__" % (id(self), len(self.found))
        self.found[key] = str(value)
        return key


def _dumps(value, ascii_only):
    decimals = _Decimals()
    quote = _json.encode_basestring_ascii if ascii_only else _json.encode_basestring
    encode = _json.make_encoder({}, decimals.default, quote, None, ": ", ", ", False, False, False)
    text = "".join(encode(value, 0))
    for key, number in decimals.found.items():
        text = text.replace('"' + key + '"', number, 1)
    return text.encode("utf-8", "surrogatepass")


# The context object.


class CognitoIdentity:
    __slots__ = ["cognito_identity_id", "cognito_identity_pool_id"]

    def __repr__(self):
        return _show(self, self.__slots__)


class Client:
    __slots__ = ["installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name"]

    def __repr__(self):
        return _show(self, self.__slots__)


class ClientContext:
    __slots__ = ["custom", "env", "client"]

    def __repr__(self):
        return _show(self, self.__slots__)


def _show(obj, names):
    return "%s([%s])" % (type(obj).__name__, ",".join("%s=%s" % (n, getattr(obj, n, None)) for n in names))


class LambdaContext:
    def __init__(self, headers, constants):
        self.aws_request_id = headers.get("lambda-runtime-aws-request-id")
        self.log_group_name, self.log_stream_name, self.function_name, self.memory_limit_in_mb, \
            self.function_version = constants
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        self.client_context = _client_context(headers.get("lambda-runtime-client-context"))
        self.identity = _identity(headers.get("lambda-runtime-cognito-identity"))
        self._epoch_deadline_time_in_ms = int(headers.get("lambda-runtime-deadline-ms") or 0)

    def get_remaining_time_in_millis(self):
        return max(0, int(self._epoch_deadline_time_in_ms - time.time() * 1000))

    def log(self, msg):
        sys.stdout.write(str(msg))

    def __repr__(self):
        return _show(self, ["aws_request_id", "log_group_name", "log_stream_name", "function_name",
                            "memory_limit_in_mb", "function_version", "invoked_function_arn", "client_context",
                            "identity", "tenant_id"])


def _parse_header(text, name):
    try:
        return _loads(text.encode())
    except Exception as e:
        raise _Fault("LambdaContextUnmarshalError", "Unable to parse %s JSON: %s" % (name, e))


def _client_context(text):
    if not text:
        return None
    given = _parse_header(text, "Client Context")
    context = ClientContext()
    context.custom, context.env, client = given.get("custom"), given.get("env"), given.get("client")
    context.client = None
    if client:
        context.client = Client()
        for name in Client.__slots__:
            setattr(context.client, name, client.get(name))
    return context


def _identity(text):
    given = _parse_header(text, "Cognito Identity") if text else {}
    identity = CognitoIdentity()
    identity.cognito_identity_id = given.get("cognitoIdentityId")
    identity.cognito_identity_pool_id = given.get("cognitoIdentityPoolId")
    return identity


# Logging: the root handler is added when the function imports logging.


_request_id = ""


class _LoggingFinder:
    def find_spec(self, name, path=None, target=None):
        if name != "logging":
            return None
        sys.meta_path.remove(self)
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                spec.loader = _LoggingLoader(spec.loader)
                return spec
        return None


class _LoggingLoader:
    def __init__(self, loader):
        self.loader = loader

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        module.__loader__ = module.__spec__.loader = self.loader
        self.loader.exec_module(module)
        _set_up_logging(module)


def _set_up_logging(logging):
    class LambdaLoggerFilter(logging.Filter):
        def filter(self, record):
            record.aws_request_id = _request_id
            record.tenant_id = None
            return True

    class LambdaLoggerHandler(logging.Handler):
        def emit(self, record):
            _write_message(self.format(record))

    logging.Formatter.converter = time.gmtime
    handler = LambdaLoggerHandler()
    handler.setFormatter(logging.Formatter(
        "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n", "%Y-%m-%dT%H:%M:%S"))
    handler.addFilter(LambdaLoggerFilter())
    level = _env("AWS_LAMBDA_LOG_LEVEL")
    if level in logging._nameToLevel:
        logging.getLogger().setLevel(level)
    logging.getLogger().addHandler(handler)


def _write_message(text):
    """Writes one log event. A line feed would end it, so inner ones become carriage returns, as on AWS."""
    sys.stdout.write(text.rstrip("\n").replace("\n", "\r") + "\n")
    sys.stdout.flush()


# Errors.


def _fault_error(e, request_id=""):
    return {"errorMessage": str(e), "errorType": e.kind, "requestId": request_id, "stackTrace": e.trace}


def _function_error(e, request_id=""):
    import traceback

    frames = [(f.filename, f.lineno, f.name, f.line) for f in traceback.extract_tb(e.__traceback__)]
    for i, frame in enumerate(frames):
        if _OUT_OF_BOOTSTRAP not in frame[0]:
            frames = frames[i:]
            break
    return {"errorMessage": str(e), "errorType": type(e).__name__, "requestId": request_id,
            "stackTrace": traceback.format_list(frames)}


def _log_error(error):
    text = "[ERROR]"
    if error["errorType"]:
        text += " " + error["errorType"]
    if error["errorMessage"]:
        text += (":" if error["errorType"] else "") + " " + error["errorMessage"]
    lines = [text, "Traceback (most recent call last):"]
    for element in error["stackTrace"]:
        for line in element.splitlines() or [""]:
            bare = line.lstrip(" ")
            lines.append("\u00a0" * (len(line) - len(bare)) + bare)
    _write_message("\n".join(lines))


# The function.


def _load(handler):
    try:
        name, function = handler.rsplit(".", 1)
    except ValueError as e:
        raise _Fault("MalformedHandlerName", "Bad handler '%s': %s" % (handler, e))
    if name.split(".")[0] in sys.builtin_module_names:
        raise _Fault("BuiltInModuleConflict", "Cannot use built-in module %s as a handler module" % name)
    module = name.replace("/", ".")
    try:
        __import__(module)
        loaded = sys.modules[module]
    except ImportError as e:
        raise _Fault("ImportModuleError", "Unable to import module '%s': %s" % (name, e))
    except SyntaxError as e:
        raise _Fault("UserCodeSyntaxError", "Syntax error in module '%s': %s" % (name, e),
                     ['  File "%s" Line %s\n    %s' % (e.filename, e.lineno, e.text)])
    try:
        return getattr(loaded, function)
    except AttributeError:
        raise _Fault("HandlerNotFound", "Handler '%s' missing on module '%s'" % (function, name)) from None


def _set_trace_id(value):
    name = "_X_AMZN_TRACE_ID"
    os = sys.modules.get("os")
    if os is not None:
        if value:
            os.environ[name] = value
        else:
            os.environ.pop(name, None)
    elif value:
        posix.environ[name.encode()] = value.encode()
        posix.putenv(name, value)
    elif posix.environ.pop(name.encode(), None) is not None:
        posix.unsetenv(name)


def _flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # the function may have replaced or closed it
            pass


def _answer(api, handler, headers, body, constants, ascii_only):
    """One invocation. What is not an Exception (SystemExit) ends the process."""
    global _request_id
    _request_id = request_id = headers.get("lambda-runtime-aws-request-id", "")
    _set_trace_id(headers.get("lambda-runtime-trace-id"))
    content_type = "application/json"
    try:
        context = LambdaContext(headers, constants)
        try:
            event = _loads(body)
        except Exception as e:
            raise _Fault("UnmarshalError", "Unable to unmarshal input: %s" % e)
        result = handler(event, context)
        if isinstance(result, bytes):
            content_type = "application/unknown"
        else:
            try:
                result = _dumps(result, ascii_only)
            except Exception as e:
                raise _Fault("MarshalError", "Unable to marshal response: %s" % e)
    except _Fault as e:
        error = _fault_error(e, request_id)
    except Exception as e:
        error = _function_error(e, request_id)
    else:
        _flush()
        api.post("invocation/" + request_id + "/response", result, content_type)
        return
    _log_error(error)
    _flush()
    api.post("invocation/" + request_id + "/error", _dumps(error, True), error_type="Unhandled")


def _set_up_path(task_root, runtime_dir):
    version = "%d.%d" % sys.version_info[:2]
    first = [task_root, "/opt/python/lib/python%s/site-packages" % version, "/opt/python"]
    rest = [p for p in sys.path if p not in first and p != runtime_dir]
    zip_at = next((i for i, p in enumerate(rest) if p.endswith(".zip")), len(rest))
    sys.path[:] = first + rest[:zip_at] + [runtime_dir] + rest[zip_at:]
    layer = first[1]
    try:
        posix.stat(layer)
    except OSError:
        return
    import site  # a layer's .pth files

    site.addsitedir(layer)


def main():
    socket_name = _env("_GUST_RUNTIME_SOCKET", "")
    if posix.environ.pop(b"_GUST_RUNTIME_SOCKET", None) is not None:
        posix.unsetenv("_GUST_RUNTIME_SOCKET")
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    builtins.exit = builtins.quit = sys.exit  # site would add them
    task_root = _env("LAMBDA_TASK_ROOT", "/var/task")
    _set_up_path(task_root, _env("LAMBDA_RUNTIME_DIR", "/var/runtime"))
    sys.meta_path.insert(0, _LoggingFinder())
    api = _RuntimeAPI(socket_name, _env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"))
    try:
        handler = _load(_env("_HANDLER", ""))
    except Exception as e:
        error = _fault_error(e) if isinstance(e, _Fault) else _function_error(e)
        _log_error(error)
        _flush()
        api.post("init/error", _dumps(error, True), error_type=error["errorType"])
        sys.exit(1)
    constants = [_env("AWS_LAMBDA_" + name) for name in (
        "LOG_GROUP_NAME", "LOG_STREAM_NAME", "FUNCTION_NAME", "FUNCTION_MEMORY_SIZE", "FUNCTION_VERSION")]
    ascii_only = sys.version_info < (3, 12)  # AWS writes characters as they are since Python 3.12
    _flush()
    while True:
        headers, body = api.next()
        _answer(api, handler, headers, body, constants, ascii_only)


if __name__ == "__main__":
    main()
