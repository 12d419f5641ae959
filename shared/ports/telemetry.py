"""The telemetry port: what the platform does, and how long it takes, told to whoever watches it."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from types import MappingProxyType, TracebackType
from typing import Final, Literal, Never, Protocol

from shared.domain.metrics import Metric

type Carrier = Mapping[str, str]
"""A place in a trace, as W3C Trace Context writes it (``traceparent``, ``tracestate``); empty: in none."""
type Attributes = Mapping[str, str | int | float | bool]
"""Names are OpenTelemetry's where its semantic conventions have one. Never a secret, never a body."""
type Kind = Literal["internal", "server", "client", "producer"]
"""Which side of a conversation a span is."""

NOTHING: Final[Mapping[str, Never]] = MappingProxyType({})
TRACE_FIELDS: Final = ("traceparent", "tracestate")


def carrier_in(fields: Mapping[str, str]) -> Carrier:
    """What there is of a carrier among ``fields``: headers, or attributes of an event."""
    return {name: fields[name] for name in TRACE_FIELDS if name in fields}


class Span(Protocol):
    """Something that goes on."""

    def set(self, attributes: Attributes) -> None: ...

    def fail(self, error: str) -> None:
        """It did not go well; ``error`` is a code or the name of an exception's class."""
        ...


class Telemetry(Protocol):
    """Nothing here fails, waits, or asks anybody: what cannot be told is dropped.

    Any thread and any task may use it. Where a call is in a task, "the present span" is that task's.
    """

    def span(
        self,
        name: str,
        *,
        kind: Kind = "internal",
        parent: Carrier = NOTHING,
        attributes: Attributes = NOTHING,
    ) -> AbstractContextManager[Span]:
        """Time the block; it is the present span meanwhile. An exception that leaves the block fails it.

        It belongs to ``parent``, to the present span if that is empty (or nonsense), else to none. There are
        few names; what differs is said by ``attributes``.
        """
        ...

    def carrier(self) -> Carrier:
        """The place of the present span, for headers of what it asks others to do."""
        ...

    def begin(self) -> Carrier:
        """Begin a span, part of the present one, that may end in another process.

        What is returned is JSON, to be kept with what goes on: a carrier, and what :meth:`end` needs beside.
        Empty where nothing is traced.
        """
        ...

    def end(self, begun: Carrier, name: str, *, attributes: Attributes = NOTHING, error: str = "") -> None:
        """End the span that :meth:`begin` gave ``begun`` for. Once: each call tells of a span."""
        ...

    def record(self, metric: Metric, value: float, attributes: Attributes) -> None:
        """Count ``value`` in."""
        ...

    async def close(self) -> None:
        """Send what has not been sent, for some seconds at most; again does nothing."""
        ...


class NoTelemetry:
    """Implements :class:`Telemetry` where nobody watches, at next to no cost."""

    def span(
        self,
        name: str,
        *,
        kind: Kind = "internal",
        parent: Carrier = NOTHING,
        attributes: Attributes = NOTHING,
    ) -> AbstractContextManager[Span]:
        del name, kind, parent, attributes  # nobody sees them
        return _UNSEEN

    def carrier(self) -> Carrier:
        return {}

    def begin(self) -> Carrier:
        return {}

    def end(self, begun: Carrier, name: str, *, attributes: Attributes = NOTHING, error: str = "") -> None:
        pass

    def record(self, metric: Metric, value: float, attributes: Attributes) -> None:
        pass

    async def close(self) -> None:
        pass


class _Unseen:
    """A span that is not recorded. It keeps nothing, so one is enough for all."""

    def __enter__(self) -> Span:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def set(self, attributes: Attributes) -> None:
        pass

    def fail(self, error: str) -> None:
        pass


_UNSEEN: Final = _Unseen()
NO_TELEMETRY: Final = NoTelemetry()
