"""The app's orchestrators, activities and entities, as the durable engine calls them.

Messages go in and out of the functions the way production passes them: base64 of the Durable Task protobuf
for orchestrators and entities, JSON text through the binding's converter for activities (Azure Durable
Functions for Python 2.x, ``azure.durable_functions.worker`` and ``internal.converters``).
"""

import base64
import contextlib
import json
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import azure.functions as func
from azure.durable_functions.internal.compat.activity import wrap_activity_payloads
from azure.durable_functions.internal.payloads import get_payload_store
from azure.durable_functions.worker import DurableFunctionsWorker
from azure.functions.meta import Datum
from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf.wrappers_pb2 import StringValue

from localhost.app.functions import DURABLE_TRIGGERS, Function
from localhost.durable.live import begin
from localhost.durable.workers import Answer
from localhost.triggers.calls import Call, make_call, make_context
from localhost.triggers.codec import PlainFirst, dumps, is_plain
from localhost.triggers.starter import Starters


class NotRegisteredError(LookupError):
    """The app has no function of that kind and name."""


@dataclass(frozen=True, slots=True)
class _Handle:
    function: Function
    parameter: str
    call: Call
    plain: Call
    """The same, without what the SDK puts around an activity for payloads that are kept elsewhere."""


class AppWorkers:
    """Implements ``localhost.durable.workers.Workers`` over the functions of a loaded app."""

    def __init__(self, functions: Iterable[Function], pool: ThreadPoolExecutor) -> None:
        self._functions = [function for function in functions if function.durable_kind]
        self._registered = {kind: _names(self._functions, kind) for kind in DURABLE_TRIGGERS.values()}
        self._pool = pool
        self._handles: dict[tuple[str, str], _Handle] = {}
        self._live: dict[str, DurableFunctionsWorker] = {}
        self._converter: Any = func.get_binding_registry().get("activityTrigger")  # type: ignore[no-untyped-call]

    def connect(self, starters: Starters) -> None:
        """Make the functions callable, now that it is known where the engine listens for their clients."""
        for function in self._functions:
            call = make_call(function, starters, self._pool)
            plain = make_call(replace(function, handler=_own(function.handler)), starters, self._pool)
            handle = _Handle(function, function.trigger.name, call, plain)
            self._handles[function.durable_kind or "", function.durable_name] = handle

    def keep_alive(self) -> None:
        """Keep orchestrators alive between their turns, on the thread of the event loop.

        For an app whose orchestrators never block and do as they should in a replay: one that does not would
        seem to work here, and break where every turn is a replay.
        """
        for function in self._functions:
            orchestrator = getattr(function.handler, "orchestrator_function", None)
            if orchestrator is not None:
                worker = DurableFunctionsWorker()
                worker._data_converter = PlainFirst()  # noqa: SLF001 # it takes none
                worker._register_orchestrator_once(function.durable_name, orchestrator)  # noqa: SLF001 # as it does itself
                self._live[function.durable_name] = worker

    def registered(self, kind: str) -> frozenset[str]:
        return self._registered[kind]

    async def orchestrate(self, name: str, request: pb.OrchestratorRequest) -> Answer:
        live = self._live.get(name)
        if live is not None and get_payload_store() is None:
            return begin(live, request)
        handle = self._find("orchestration", name)
        encoded = await handle.call(**{handle.parameter: base64.b64encode(request.SerializeToString())})
        return Answer(pb.OrchestratorResponse.FromString(base64.b64decode(encoded)))

    async def operate(self, name: str, request: pb.EntityBatchRequest) -> pb.EntityBatchResult:
        handle = self._find("entity", name.lower())
        encoded = await handle.call(**{handle.parameter: base64.b64encode(request.SerializeToString())})
        return pb.EntityBatchResult.FromString(base64.b64decode(encoded))

    async def act(self, request: pb.ActivityRequest) -> pb.ActivityResponse:
        handle = self._find("activity", request.name)
        response = pb.ActivityResponse()  # the engine knows whose it is
        text = request.input.value if request.HasField("input") else "null"
        elsewhere = get_payload_store() is not None
        try:
            arguments = {handle.parameter: self._decoded(text, elsewhere=elsewhere)}
            if handle.function.wants_context:
                arguments["context"] = make_context(handle.function)
            result = await (handle.call if elsewhere else handle.plain)(**arguments)
            encoded = dumps(result) or self._converter.encode(result, expected_type=None).value
        except Exception as error:  # noqa: BLE001 - an activity may raise anything; it becomes its outcome
            response.failureDetails.CopyFrom(failure_details(error))
        else:
            response.result.value = encoded
        return response

    def _decoded(self, text: str, *, elsewhere: bool) -> Any:
        """The input as the binding's converter has it: a text that is no JSON is itself."""
        if not elsewhere and is_plain(text):
            with contextlib.suppress(json.JSONDecodeError):
                return json.loads(text)
        return self._converter.decode(Datum(text, "string"), trigger_metadata={})

    def _find(self, kind: str, name: str) -> _Handle:
        try:
            return self._handles[kind, name]
        except KeyError:
            raise NotRegisteredError(f"the app has no {kind} named {name!r}") from None


def _own(handler: Callable[..., Any]) -> Callable[..., Any]:
    """The app's function, without the SDK's wrapper that looks through its arguments for such payloads."""
    code = getattr(handler, "__code__", None)
    if code is not None and code.co_qualname.startswith(f"{wrap_activity_payloads.__name__}."):
        own: Callable[..., Any] = handler.__wrapped__  # type: ignore[attr-defined] # it has one
        return own
    return handler


def _names(functions: Iterable[Function], kind: str) -> frozenset[str]:
    return frozenset(function.durable_name for function in functions if function.durable_kind == kind)


def failure_details(error: BaseException) -> pb.TaskFailureDetails:
    """What production shows of an activity's exception.

    The worker sends ``<type>: <text>`` and a traceback; the Durable extension takes the type from before the
    first colon and the message from the rest of that line.
    """
    text = f"{type(error).__name__}: {error}"
    kind, _, message = text.partition(": ")
    first_line = message.splitlines()[0] if message else ""
    trace = "".join(traceback.format_exception(error))
    return pb.TaskFailureDetails(errorType=kind, errorMessage=first_line, stackTrace=StringValue(value=trace))
