"""OTLP over HTTP, to where OpenTelemetry's own environment variables say (``OTEL_EXPORTER_OTLP_…``)."""

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

from shared.adapters.opentelemetry.telemetry import Exporters


def otlp_exporters() -> Exporters:
    return Exporters(OTLPSpanExporter(), OTLPMetricExporter(), OTLPLogExporter())
