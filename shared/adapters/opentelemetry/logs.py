"""Log records as OpenTelemetry's, with the ids of request, tenant and execution as attributes."""

import logging
import traceback
from typing import Any, Final

from opentelemetry import context
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider

from shared.logs import fields_of, message_of

_OWN: Final = (
    "opentelemetry",
    "azure.core",
    "azure.identity",
    "azure.monitor",
    "msal",
    "requests",
    "urllib3",
)
"""Loggers of what sends telemetry: to send what they say would make them say more."""
_SEVERITIES: Final = {
    logging.DEBUG: SeverityNumber.DEBUG,
    logging.INFO: SeverityNumber.INFO,
    logging.WARNING: SeverityNumber.WARN,
    logging.ERROR: SeverityNumber.ERROR,
    logging.CRITICAL: SeverityNumber.FATAL,
}


class ExportingHandler(logging.Handler):
    """Hands records to ``provider``, each in the trace that it was logged in."""

    def __init__(self, provider: LoggerProvider) -> None:
        super().__init__()
        self._provider = provider

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(_OWN):
            return
        self._provider.get_logger(record.name).emit(
            LogRecord(
                timestamp=int(record.created * 1e9),
                context=context.get_current(),
                severity_text=record.levelname,
                severity_number=_SEVERITIES.get(record.levelno, SeverityNumber.INFO),
                body=message_of(record),
                attributes=_attributes(record),
            )
        )


def _attributes(record: logging.LogRecord) -> dict[str, Any]:
    found = {name: value for name, value in fields_of(record).items() if name != "trace_id"}
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        found["exception.type"] = type(error).__name__
        found["exception.message"] = str(error)
        found["exception.stacktrace"] = "".join(traceback.format_exception(error))
    elif record.exc_text:
        found["exception.stacktrace"] = record.exc_text
    return {name: value for name, value in found.items() if isinstance(value, str | int | float | bool)}
