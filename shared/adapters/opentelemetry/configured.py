"""Telemetry as the settings have it. The SDK, 0.2 s of a cold start, is loaded only if they ask for it."""

import os

from shared.ports.telemetry import NO_TELEMETRY, Telemetry
from shared.settings import Settings, SettingsError


def configured_telemetry(settings: Settings) -> Telemetry:
    """What ``QUANTUM_TELEMETRY`` names.

    Raises:
        SettingsError: its exporter refuses what it was configured with.
    """
    if settings.telemetry == "none":
        return NO_TELEMETRY
    from shared.adapters.opentelemetry.telemetry import OpenTelemetry

    behind_host = settings.adapters == "azure"
    if settings.telemetry == "otlp":
        from shared.adapters.opentelemetry.otlp import otlp_exporters

        return OpenTelemetry(otlp_exporters(), behind_host=behind_host)
    # What the exporter has beside telemetry: reports on its own use, and switches that Microsoft can turn.
    os.environ.setdefault("APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL", "true")
    os.environ.setdefault("APPLICATIONINSIGHTS_SDKSTATS_DISABLED", "true")
    os.environ.setdefault("APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED", "true")
    from shared.adapters.opentelemetry.azure_monitor import azure_monitor_exporters

    try:
        exporters = azure_monitor_exporters(settings.insights)
    except ValueError as error:
        raise SettingsError(f"APPLICATIONINSIGHTS_CONNECTION_STRING cannot be used: {error}") from error
    return OpenTelemetry(exporters, behind_host=behind_host)
