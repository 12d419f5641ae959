"""The telemetry port over the OpenTelemetry SDK. Importing it loads the SDK; see ``configured.py``.

Everything that is told waits in bounded queues for threads of the SDK, which send it in batches; what does
not fit is dropped. The process's global providers are left alone: only the platform's own words are told.
"""

import asyncio
import atexit
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.metrics import Counter, Histogram
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared import logs
from shared.adapters.opentelemetry.logs import ExportingHandler
from shared.domain.metrics import METRICS, Metric
from shared.ports.telemetry import NOTHING, Attributes, Carrier, Kind

SCOPE: Final = "quantum"
CLOSE_SECONDS: Final = 5.0
"""For what is still waiting when the process ends."""
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
"""Upper bounds of what distributions tell apart, in seconds: from a quick step to a lag of half an hour."""

_PARENT, _BEGAN = "parent", "began"
"""What ``begin`` keeps beside the carrier: the ``traceparent`` above it, and when it began (Unix ns)."""

_kinds: Final = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
}
_w3c: Final = TraceContextTextMapPropagator()
_reserved: ContextVar[int] = ContextVar("reserved", default=0)


@dataclass(frozen=True, slots=True)
class Exporters:
    """Where the three signals go."""

    spans: SpanExporter
    metrics: MetricExporter
    logs: LogRecordExporter


class OpenTelemetry:
    """Implements :class:`shared.ports.telemetry.Telemetry`."""

    def __init__(self, exporters: Exporters, *, behind_host: bool = False) -> None:
        """Tell ``exporters`` of everything, the process's log records included.

        ``behind_host``: the Functions host tells of each request itself, so that ours is a part of its span.
        """
        resource = _resource()
        self._spans = TracerProvider(resource=resource, id_generator=_Ids(), shutdown_on_exit=False)
        self._spans.add_span_processor(BatchSpanProcessor(exporters.spans))
        self._tracer = self._spans.get_tracer(SCOPE)
        reader = PeriodicExportingMetricReader(exporters.metrics)
        self._metrics = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        self._instruments = {metric: self._instrument(metric) for metric in METRICS}
        self._logs = LoggerProvider(resource=resource, shutdown_on_exit=False)
        self._logs.add_log_record_processor(BatchLogRecordProcessor(exporters.logs))
        self._handler = ExportingHandler(self._logs)
        logging.getLogger().addHandler(self._handler)
        self._behind_host = behind_host
        self._closing = threading.Lock()
        atexit.register(self._close)  # in Azure, nobody else says that it is over

    def _instrument(self, metric: Metric) -> Counter | Histogram:
        meter = self._metrics.get_meter(SCOPE)
        if metric.kind == "sum":
            return meter.create_counter(metric.name, metric.unit, metric.description)
        return meter.create_histogram(
            metric.name, metric.unit, metric.description, explicit_bucket_boundaries_advisory=BUCKETS
        )

    def span(
        self,
        name: str,
        *,
        kind: Kind = "internal",
        parent: Carrier = NOTHING,
        attributes: Attributes = NOTHING,
    ) -> AbstractContextManager["_Span"]:
        """See :meth:`shared.ports.telemetry.Telemetry.span`."""
        return self._timed(
            name, "internal" if kind == "server" and self._behind_host else kind, parent, attributes
        )

    @contextmanager
    def _timed(self, name: str, kind: Kind, parent: Carrier, attributes: Attributes) -> Iterator["_Span"]:
        started = self._tracer.start_span(name, _context(parent), _kinds[kind], logs.hidden(attributes))
        span = _Span(started)
        token = otel_context.attach(trace.set_span_in_context(started))
        try:
            with logs.about(trace_id=trace.format_trace_id(started.get_span_context().trace_id)):
                yield span
        except BaseException as error:
            span.fail(type(error).__name__)
            raise
        finally:
            otel_context.detach(token)
            started.end()

    def carrier(self) -> Carrier:
        """See :meth:`shared.ports.telemetry.Telemetry.carrier`."""
        written: dict[str, str] = {}
        _w3c.inject(written)
        return written

    def begin(self) -> Carrier:
        """See :meth:`shared.ports.telemetry.Telemetry.begin`."""
        above = trace.get_current_span().get_span_context()
        if not above.is_valid:
            return {}
        parent = self.carrier()
        itself = SpanContext(
            above.trace_id,
            self._spans.id_generator.generate_span_id(),
            is_remote=False,
            trace_flags=above.trace_flags,
            trace_state=above.trace_state,
        )
        written: dict[str, str] = {}
        _w3c.inject(written, trace.set_span_in_context(NonRecordingSpan(itself)))
        return {**written, _PARENT: parent["traceparent"], _BEGAN: str(time.time_ns())}

    def end(self, begun: Carrier, name: str, *, attributes: Attributes = NOTHING, error: str = "") -> None:
        """See :meth:`shared.ports.telemetry.Telemetry.end`."""
        itself = trace.get_current_span(_w3c.extract(begun, Context())).get_span_context()
        parent = _w3c.extract({**begun, "traceparent": begun.get(_PARENT, "")}, Context())
        began = begun.get(_BEGAN, "")
        if not itself.is_valid or not began.isdecimal():
            return
        token = _reserved.set(itself.span_id)
        try:
            span = self._tracer.start_span(name, parent, SpanKind.INTERNAL, attributes, start_time=int(began))
        finally:
            _reserved.reset(token)
        if error:
            _Span(span).fail(error)
        span.end()

    def record(self, metric: Metric, value: float, attributes: Attributes) -> None:
        """See :meth:`shared.ports.telemetry.Telemetry.record`."""
        instrument = self._instruments[metric]
        if isinstance(instrument, Counter):
            instrument.add(value, attributes)
        else:
            instrument.record(value, attributes)

    async def close(self) -> None:
        """See :meth:`shared.ports.telemetry.Telemetry.close`."""
        atexit.unregister(self._close)
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        if not self._closing.acquire(blocking=False):
            return
        logging.getLogger().removeHandler(self._handler)
        # Beside each other, on threads that may be left behind: the exporters' own limits are longer.
        closers: list[Any] = [self._spans.shutdown, self._metrics.shutdown, self._logs.shutdown]
        threads = [threading.Thread(target=close, daemon=True, name="close-telemetry") for close in closers]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + CLOSE_SECONDS
        for thread in threads:
            thread.join(max(deadline - time.monotonic(), 0))


def _resource() -> Resource:
    """Who tells: as ``OTEL_SERVICE_NAME`` or ``OTEL_RESOURCE_ATTRIBUTES`` say, else the platform."""
    found = Resource.create()
    if str(found.attributes[SERVICE_NAME]).startswith("unknown_service"):
        return found.merge(Resource({SERVICE_NAME: "quantum-platform"}))
    return found


class _Span:
    """Implements :class:`shared.ports.telemetry.Span`."""

    __slots__ = ("_span",)

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def set(self, attributes: Attributes) -> None:
        self._span.set_attributes(logs.hidden(attributes))

    def fail(self, error: str) -> None:
        error = logs.hidden(error)
        self._span.set_attribute("error.type", error)
        self._span.set_status(Status(StatusCode.ERROR, error))


class _Ids(RandomIdGenerator):
    """Random ids, but for a span whose id was given away when it began."""

    def generate_span_id(self) -> int:
        return _reserved.get() or super().generate_span_id()


def _context(parent: Carrier) -> Context:
    """The context of a new span's parent; of one that makes no sense, the present."""
    present = otel_context.get_current()
    return _w3c.extract(parent, present) if parent else present
