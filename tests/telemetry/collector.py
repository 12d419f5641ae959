"""An OpenTelemetry collector on loopback: it takes OTLP over HTTP and keeps what it was sent, decoded.

Source: OTLP 1.x, "OTLP/HTTP" (binary protobuf, POST /v1/traces, /v1/metrics, /v1/logs).
"""

import gzip
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class SpanSeen:
    name: str
    kind: int
    """As ``Span.SpanKind`` has it: 1 internal, 2 server, 3 client, 4 producer."""
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Any]
    failed: bool
    seconds: float


@dataclass(frozen=True)
class PointSeen:
    metric: str
    attributes: dict[str, Any]
    value: float
    """A sum's value, or the sum of a distribution."""
    count: int


@dataclass(frozen=True)
class LogSeen:
    logger: str
    body: str
    attributes: dict[str, Any]
    trace_id: str
    severity: str


@dataclass
class Collector:
    spans: list[SpanSeen] = field(default_factory=list)
    points: list[PointSeen] = field(default_factory=list)
    logs: list[LogSeen] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def __enter__(self) -> Self:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.headers.append({name.lower(): value for name, value in self.headers.items()})
                collector.take(self.path, body)
                self.send_response(200)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Silence."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def take(self, path: str, body: bytes) -> None:
        match path:
            case "/v1/traces":
                self.spans += _spans(ExportTraceServiceRequest.FromString(body))
            case "/v1/metrics":
                self.points += _points(ExportMetricsServiceRequest.FromString(body))
            case "/v1/logs":
                self.logs += _logs(ExportLogsServiceRequest.FromString(body))
            case _:
                raise AssertionError(f"no collector is sent anything at {path}")

    def named(self, name: str) -> list[SpanSeen]:
        return [span for span in self.spans if span.name == name]

    def points_of(self, metric: str) -> list[PointSeen]:
        return [point for point in self.points if point.metric == metric]


def _spans(request: ExportTraceServiceRequest) -> Iterator[SpanSeen]:
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield SpanSeen(
                    span.name,
                    span.kind,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    _attributes(span.attributes),
                    span.status.code == 2,
                    (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
                )


def _points(request: ExportMetricsServiceRequest) -> Iterator[PointSeen]:
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for number in metric.sum.data_points:
                    value = number.as_double or number.as_int
                    yield PointSeen(metric.name, _attributes(number.attributes), value, 1)
                for point in metric.histogram.data_points:
                    yield PointSeen(metric.name, _attributes(point.attributes), point.sum, point.count)


def _logs(request: ExportLogsServiceRequest) -> Iterator[LogSeen]:
    for resource in request.resource_logs:
        for scope in resource.scope_logs:
            for record in scope.log_records:
                yield LogSeen(
                    scope.scope.name,
                    record.body.string_value,
                    _attributes(record.attributes),
                    record.trace_id.hex(),
                    record.severity_text,
                )


def _attributes(pairs: Sequence[Any]) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}
