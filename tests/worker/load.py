"""Load an app the way Azure does: with Microsoft's worker library, through its own entry point.

Run in a process of its own, for the library keeps what it loaded in globals::

    python -m tests.worker.load FOLDER

prints the worker's answer as JSON: the status, the exception, and each function's name and bindings; besides,
which hosts the process has asked for or connected to, itself not counted, which modules it has loaded, and
what that took.
"""

import asyncio
import json
import os
import resource
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure_functions_runtime


class Message:
    """What the library makes of the host's protocol: an object with the fields it was given."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


class BindingInfo(Message):
    """``FunctionRpc.proto``, message ``BindingInfo``: the numbers of its two enumerations."""

    in_, out, inout = 0, 1, 2
    undefined, string, binary, stream = 0, 1, 2, 3


class StatusResult(Message):
    """``FunctionRpc.proto``, message ``StatusResult``."""

    Failure, Success, Cancelled = 0, 1, 2


PROTOS = SimpleNamespace(
    BindingInfo=BindingInfo,
    StatusResult=StatusResult,
    **{
        name: type(name, (Message,), {})
        for name in (
            "InvocationResponse",
            "ParameterBinding",
            "RpcException",
            "RpcFunctionMetadata",
            "RpcRetryOptions",
            "TypedData",
            "WorkerInitResponse",
            "WorkerMetadata",
        )
    },
)


LOOPBACK = ("127.0.0.1", "::1", "localhost")
asked: list[str] = []
"""Every other host whose address or connection was asked for."""


def listen(event: str, arguments: tuple[Any, ...]) -> None:
    """Source: Python's "Audit events table", events ``socket.connect`` and ``socket.getaddrinfo``."""
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event == "socket.connect":
        host = arguments[1][0] if isinstance(arguments[1], tuple) else None  # a path is of this machine
    else:
        return
    if host is not None and str(host) not in LOOPBACK:
        asked.append(str(host))


async def load(folder: Path) -> dict[str, Any]:
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    request = SimpleNamespace(
        worker_init_request=SimpleNamespace(capabilities={}, function_app_directory=str(folder))
    )
    properties = {"host": "127.0.0.1", "protos": PROTOS}
    answer = await azure_functions_runtime.worker_init_request(
        SimpleNamespace(request=request, properties=properties)
    )
    exception = getattr(answer.result, "exception", None)
    functions = azure_functions_runtime.handle_event._metadata_result or []
    took = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "status": answer.result.status,
        "exception": getattr(exception, "message", None),
        "capabilities": {name: str(value) for name, value in answer.capabilities.items()},
        "functions": {
            function.name: [json.loads(binding) for binding in function.raw_bindings]
            for function in functions
        },
        "asked": asked,
        "modules": sorted(sys.modules),
        "cpu_seconds": took.ru_utime + took.ru_stime,
        "peak_bytes": took.ru_maxrss * 1024,  # Linux counts it in KiB (getrusage(2))
    }


if __name__ == "__main__":
    sys.addaudithook(listen)
    print(json.dumps(asyncio.run(load(Path(sys.argv[1]).resolve()))))
    sys.stdout.flush()
    os._exit(0)  # the library's own server goes on serving
