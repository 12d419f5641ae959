"""Telemetry as the settings have it. The SDK, 0.2 s of a cold start, is loaded only if they ask for it."""

import os

from shared.ports.telemetry import NO_TELEMETRY, Telemetry
from shared.settings import Settings
from shared.settings_values import SettingsError


def configured_telemetry(settings: Settings) -> Telemetry:
    """What ``QUANTUM_TELEMETRY`` names.

    Raises:
        SettingsError: the exporter or the SDK refuses what it is configured with.
    """
    if settings.telemetry == "none":
        return NO_TELEMETRY
    try:
        return _azure_monitor(settings) if settings.telemetry == "azure-monitor" else _otlp(settings)
    except ValueError as error:
        where = "APPLICATIONINSIGHTS_… and OTEL_…" if settings.telemetry == "azure-monitor" else "OTEL_…"
        raise SettingsError(
            f"QUANTUM_TELEMETRY is {settings.telemetry!r}, and the settings {where} cannot be used: {error}"
        ) from error


def _otlp(settings: Settings) -> Telemetry:
    from shared.adapters.opentelemetry.otlp import otlp_exporters
    from shared.adapters.opentelemetry.telemetry import OpenTelemetry

    return OpenTelemetry(otlp_exporters(), behind_host=settings.adapters == "azure")


def _azure_monitor(settings: Settings) -> Telemetry:
    # What the exporter has beside telemetry: reports on its own use, and switches that Microsoft can turn.
    os.environ.setdefault("APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL", "true")
    os.environ.setdefault("APPLICATIONINSIGHTS_SDKSTATS_DISABLED", "true")
    os.environ.setdefault("APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED", "true")
    from shared.adapters.opentelemetry.azure_monitor import azure_monitor_exporters
    from shared.adapters.opentelemetry.telemetry import OpenTelemetry

    return OpenTelemetry(azure_monitor_exporters(settings.insights), behind_host=settings.adapters == "azure")
