"""Exporters that keep what they are given, for the OpenTelemetry adapter."""

from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
from opentelemetry.sdk.metrics.export import (
    HistogramDataPoint,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
)
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.adapters.opentelemetry.telemetry import Exporters


class KeptMetrics(MetricExporter):
    def __init__(self) -> None:
        super().__init__()
        self.points: list[tuple[str, Mapping[str, Any], float]] = []
        """Name, attributes, and value: of a distribution, its sum."""

    def export(self, metrics_data: MetricsData, *_: Any, **__: Any) -> MetricExportResult:
        for resource in metrics_data.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    for point in metric.data.data_points:
                        self._keep(metric.name, point)
        return MetricExportResult.SUCCESS

    def _keep(self, name: str, point: Any) -> None:
        if isinstance(point, HistogramDataPoint):
            self.points.append((name, dict(point.attributes or {}), point.sum))
        elif isinstance(point, NumberDataPoint):
            self.points.append((name, dict(point.attributes or {}), point.value))

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:
        """Nothing is open."""


class Kept:
    """Everything that was exported."""

    def __init__(self) -> None:
        self.spans = InMemorySpanExporter()
        self.metrics = KeptMetrics()
        self.logs = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]  # the SDK leaves it so
        self.exporters = Exporters(self.spans, self.metrics, self.logs)

    def span(self, name: str) -> ReadableSpan:
        (found,) = [span for span in self.spans.get_finished_spans() if span.name == name]
        return found
