"""The runtime of a Python function's process, in place of Lambda's own.

It loads the handler and runs one invocation after the other. Its settings are environment
variables. It needs only the standard library.
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import decimal
import http.client
import importlib
import json
import logging
import os
import sys
import time
import traceback
from types import SimpleNamespace

API = os.environ["AWS_LAMBDA_RUNTIME_API"]
ROOT = os.environ["LAMBDA_TASK_ROOT"]
JSON_LOGS = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"
PREFIX = "/2018-06-01/runtime"

CLIENT_FIELDS = (
    "installation_id",
    "app_title",
    "app_version_name",
    "app_version_code",
    "app_package_name",
)

# The files of this program, which the stack of a function's error leaves out.
OWN_FILES = (__file__, importlib.__file__)

request_id = None


class RuntimeApi:
    """One connection only: on a second one `/next` could overtake a response, and the process
    would be frozen before the response is sent."""

    def __init__(self):
        self.connection = http.client.HTTPConnection(API)

    def next(self):
        response = self.send("GET", "/invocation/next")
        return response.headers, response.read()

    def respond(self, request_id, body):
        self.send("POST", "/invocation/%s/response" % request_id, body).read()

    def error(self, request_id, error):
        self.report("/invocation/%s/error" % request_id, error)

    def init_error(self, error):
        self.report("/init/error", error)

    def report(self, path, error):
        headers = {"Lambda-Runtime-Function-Error-Type": ascii_header(error["errorType"])}
        self.send("POST", path, dumps(error), headers).read()

    def send(self, method, path, body=None, headers=None):
        sent = {"Content-Type": "application/json", **(headers or {})} if body else {}
        try:
            self.connection.request(method, PREFIX + path, body, sent)
            return self.connection.getresponse()
        except OSError:
            # The gateway has ended.
            os._exit(1)


class Context:
    """https://docs.aws.amazon.com/lambda/latest/dg/python-context.html"""

    def __init__(self, headers):
        env = os.environ
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.function_name = env.get("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = env.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = env.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = env.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = env.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.client_context = client_context(headers.get("Lambda-Runtime-Client-Context"))
        identity = json.loads(headers.get("Lambda-Runtime-Cognito-Identity") or "{}")
        self.identity = SimpleNamespace(
            cognito_identity_id=identity.get("cognitoIdentityId"),
            cognito_identity_pool_id=identity.get("cognitoIdentityPoolId"),
        )
        self.tenant_id = headers.get("Lambda-Runtime-Aws-Tenant-Id")
        self._deadline = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self):
        return max(self._deadline - int(time.time() * 1000), 0)

    def log(self, message):
        print(message)


def client_context(text):
    if not text:
        return None
    sent = json.loads(text)
    client = sent.get("client") or {}
    return SimpleNamespace(
        custom=sent.get("custom"),
        env=sent.get("env"),
        client=SimpleNamespace(**{name: client.get(name) for name in CLIENT_FIELDS}),
    )


def load_handler():
    module_name, dot, name = os.environ["_HANDLER"].rpartition(".")
    if not dot:
        message = "Bad handler: %s" % os.environ["_HANDLER"]
        raise RuntimeFault("Runtime.MalformedHandlerName", message)
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except SyntaxError as error:
        place = "%s, line %s" % (error.filename, error.lineno)
        message = "Syntax error in module '%s': %s (%s)" % (module_name, error.msg, place)
        raise RuntimeFault("Runtime.UserCodeSyntaxError", message)
    except ImportError as error:
        message = "Unable to import module '%s': %s" % (module_name, error)
        raise RuntimeFault("Runtime.ImportModuleError", message) from error
    if not hasattr(module, name):
        message = "Handler '%s' missing on module '%s'" % (name, module_name)
        raise RuntimeFault("Runtime.HandlerNotFound", message)
    return getattr(module, name)


class RuntimeFault(Exception):
    def __init__(self, error_type, message):
        super().__init__(message)
        self.error_type = error_type


def to_error(error, request_id=None):
    """The JSON of an error, as Lambda's Python runtimes send it."""
    frames = traceback.extract_tb((error.__cause__ or error).__traceback__)
    own = [frame for frame in frames if not is_internal(frame.filename)]
    return {
        "errorMessage": str(error),
        # An exception of the function may have an attribute of this name, too.
        "errorType": error.error_type if isinstance(error, RuntimeFault) else type(error).__name__,
        "requestId": request_id or "",
        "stackTrace": traceback.format_list(own),
    }


def is_internal(file):
    return file in OWN_FILES or file.startswith("<frozen importlib")


def log_error(error):
    """One log entry: a line feed would start a new one."""
    head = "[ERROR] %s: %s" % (error["errorType"], error["errorMessage"])
    trace = error["stackTrace"]
    lines = [head] + (["Traceback (most recent call last):"] if trace else []) + trace
    text = "\n".join(line.rstrip("\n") for line in lines)
    if JSON_LOGS:
        entry = {"timestamp": now(), "level": "ERROR", "requestId": request_id, "message": text}
        write_line(json.dumps(entry))
    else:
        write_line(text)


def write_line(text):
    sys.stdout.write(text.replace("\n", "\r") + "\n")
    sys.stdout.flush()


def now():
    seconds = time.time()
    date = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return "%s.%03dZ" % (date, seconds % 1 * 1000)


class LogHandler(logging.Handler):
    """One line per record. https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html"""

    def emit(self, record):
        message = self.format(record)
        if JSON_LOGS:
            level = record.levelname
            entry = {"timestamp": now(), "level": level, "message": message, "logger": record.name}
            write_line(json.dumps({**entry, "requestId": request_id}))
        else:
            write_line("[%s]\t%s\t%s\t%s" % (record.levelname, now(), request_id or "", message))


def dumps(value):
    return json.dumps(value, default=plain_number).encode()


def plain_number(value):
    """DynamoDB's numbers: Lambda's runtimes write them, too."""
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)


def marshal(output):
    if isinstance(output, bytes):
        return output
    try:
        return dumps(output)
    except Exception as error:
        raise RuntimeFault("Runtime.MarshalError", "Unable to marshal response: %s" % error)


def ascii_header(text):
    return text.encode("ascii", "backslashreplace").decode().replace("\n", " ")


def main():
    global request_id
    sys.path.insert(0, ROOT)
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    root = logging.getLogger()
    root.addHandler(LogHandler())
    if JSON_LOGS and level:
        root.setLevel({"TRACE": "NOTSET", "FATAL": "CRITICAL"}.get(level, level))
    api = RuntimeApi()
    try:
        handler = load_handler()
    except Exception as error:
        described = to_error(error)
        log_error(described)
        api.init_error(described)
        sys.exit(1)
    while True:
        headers, event = api.next()
        request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        trace_id = headers.get("Lambda-Runtime-Trace-Id")
        if trace_id:
            os.environ["_X_AMZN_TRACE_ID"] = trace_id
        else:
            os.environ.pop("_X_AMZN_TRACE_ID", None)
        try:
            output = marshal(handler(json.loads(event), Context(headers)))
        except Exception as error:
            described = to_error(error, request_id)
            log_error(described)
            api.error(request_id, described)
        else:
            api.respond(request_id, output)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
