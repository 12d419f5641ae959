"""Application Insights, by the app's identity if ``APPLICATIONINSIGHTS_AUTHENTICATION_STRING`` names one.

The exporter reads that setting itself, as Azure's other libraries do.
"""

from azure.monitor.opentelemetry.exporter import (
    AzureMonitorLogExporter,
    AzureMonitorMetricExporter,
    AzureMonitorTraceExporter,
)

from shared.adapters.opentelemetry.telemetry import Exporters


def azure_monitor_exporters(connection: str) -> Exporters:
    """Exporters to the resource of the connection string.

    Raises:
        ValueError: it is none.
    """
    # What was not taken is not kept on the disk: instances come and go, and with them their disks.
    given = {"connection_string": connection, "disable_offline_storage": True}
    return Exporters(
        AzureMonitorTraceExporter(**given),
        AzureMonitorMetricExporter(**given),
        AzureMonitorLogExporter(**given),
    )
