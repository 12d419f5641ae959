"""Telemetry that is only written down."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from shared.domain.metrics import Metric
from shared.ports.telemetry import NOTHING, Attributes, Carrier, Kind


@dataclass
class RecordedSpan:
    name: str
    kind: Kind = "internal"
    parent: Carrier = NOTHING
    attributes: dict[str, Any] = field(default_factory=dict)
    error: str = ""

    def set(self, attributes: Attributes) -> None:
        self.attributes |= attributes

    def fail(self, error: str) -> None:
        self.error = error


class RecordedTelemetry:
    """Knows what was told, in the order in which it ended."""

    def __init__(self) -> None:
        self.spans: list[RecordedSpan] = []
        self.recorded: list[tuple[Metric, float, dict[str, Any]]] = []

    def of(self, metric: Metric) -> list[tuple[float, dict[str, Any]]]:
        return [(value, about) for recorded, value, about in self.recorded if recorded is metric]

    @contextmanager
    def span(
        self,
        name: str,
        *,
        kind: Kind = "internal",
        parent: Carrier = NOTHING,
        attributes: Attributes = NOTHING,
    ) -> Iterator[RecordedSpan]:
        span = RecordedSpan(name, kind, parent, dict(attributes))
        try:
            yield span
        except BaseException as error:
            span.fail(type(error).__name__)
            raise
        finally:
            self.spans.append(span)

    def carrier(self) -> Carrier:
        return {}

    def begin(self) -> Carrier:
        return {"traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01"}

    def end(self, begun: Carrier, name: str, *, attributes: Attributes = NOTHING, error: str = "") -> None:
        self.spans.append(RecordedSpan(name, "internal", begun, dict(attributes), error))

    def record(self, metric: Metric, value: float, attributes: Attributes) -> None:
        self.recorded.append((metric, value, dict(attributes)))

    async def close(self) -> None:
        pass
