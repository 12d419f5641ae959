"""Calling a function of the app: what it is given beside its trigger, and on which thread it runs."""

import asyncio
import contextlib
import contextvars
import threading
import uuid
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from azure_functions_runtime.bindings.context import Context
from azure_functions_runtime.bindings.out import Out
from azure_functions_runtime.bindings.retrycontext import RetryContext
from azure_functions_runtime.bindings.tracecontext import TraceContext

from localhost.app.functions import Function
from localhost.triggers.starter import Starters

type Call = Callable[..., Awaitable[Any]]

DEFAULT_THREADS = 32
_local = threading.local()


def make_pool(environment: Mapping[str, str]) -> ThreadPoolExecutor:
    """The threads that sync functions run on; ``PYTHON_THREADPOOL_THREAD_COUNT`` as in the worker."""
    written = environment.get("PYTHON_THREADPOOL_THREAD_COUNT", "")
    count = int(written) if written.isdecimal() and int(written) > 0 else DEFAULT_THREADS
    return ThreadPoolExecutor(count, thread_name_prefix="function")


async def close_pool(pool: ThreadPoolExecutor, seconds: float) -> bool:
    """Let what runs on ``pool`` finish for ``seconds``, start nothing more; whether all has finished."""
    loop = asyncio.get_running_loop()
    closed = asyncio.Event()

    def close() -> None:
        pool.shutdown(cancel_futures=True)
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
            loop.call_soon_threadsafe(closed.set)

    threading.Thread(target=close, name="close-functions", daemon=True).start()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(closed.wait(), seconds)
    return closed.is_set()


def make_call(function: Function, starters: Starters | None, pool: ThreadPoolExecutor) -> Call:
    """Build the one coroutine function that runs ``function``; what can be decided is decided here.

    It takes the trigger's value (and any ``func.Out``) by keyword, adds the starter string of each durable
    client binding (``starters`` is None only in apps without one), and runs async functions on the loop and
    sync ones on ``pool``.
    """
    handler = function.handler
    supplied = {binding.name: starters.text(binding) for binding in function.inputs} if starters else {}
    run = partial(handler, **supplied) if supplied else handler
    if function.is_async:
        return run

    async def run_on_thread(**arguments: Any) -> Any:
        loop = asyncio.get_running_loop()
        context = contextvars.copy_context()
        return await loop.run_in_executor(pool, partial(context.run, run, **arguments))

    return run_on_thread


def make_context(
    function: Function, trace_parent: str = "", trace_state: str = "", retry: int = 0
) -> Context:
    """The ``func.Context`` of one invocation, of the class the worker library hands out."""
    most = function.retry.max_retries if function.retry else 0
    invocation_id = str(uuid.uuid4())
    _local.invocation_id = invocation_id
    return Context(
        function.name,
        function.directory,
        invocation_id,
        _local,
        TraceContext(trace_parent, trace_state, {}),
        RetryContext(retry, most, None),
    )


def make_out() -> Out:
    """A ``func.Out`` as the worker library hands it out."""
    return Out()
