"""How much of each thing a tenant may have at a time, and how large one may be."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from shared.domain.definitions import MAX_DEFINITION_BYTES
from shared.domain.errors import FieldError, QuotaExceededError
from shared.domain.executions import MAX_OUTPUT_BYTES
from shared.domain.pointers import pointer

MOST_OUTPUT_BYTES: Final = 64 * 1024 * 1024
MOST_SUBSCRIPTIONS: Final = 1000
"""All of them are looked through for each event."""
MOST_POLICIES: Final = 100
"""All of them decide about each request."""


@dataclass(frozen=True, slots=True)
class Quotas:
    """The most of each; None: nothing is said of it here.

    Attributes:
        intents: that are not archived.
        versions: of one intent.
        definition_bytes: of one definition, as JSON.
        output_bytes: of one step, and of an execution, as JSON.
        event_streams: that are open.
        schedules: paused ones too.
        subscriptions: disabled ones too.
        policies: disabled ones too.
        members: of whatever kind.
        secrets: by name.
        modules: of its own.
    """

    intents: int | None = None
    versions: int | None = None
    definition_bytes: int | None = None
    output_bytes: int | None = None
    event_streams: int | None = None
    schedules: int | None = None
    subscriptions: int | None = None
    policies: int | None = None
    members: int | None = None
    secrets: int | None = None
    modules: int | None = None

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Quotas":
        return cls(**{name: stored.get(name) for name in QUOTAS})

    def to_json(self) -> dict[str, int | None]:
        return {name: getattr(self, name) for name in QUOTAS}


QUOTAS: Final = tuple(one.name for one in fields(Quotas))
NO_QUOTAS: Final = Quotas()
DEFAULTS: Final = Quotas(
    intents=10_000,
    versions=10_000,
    definition_bytes=MAX_DEFINITION_BYTES,
    output_bytes=MAX_OUTPUT_BYTES,
    event_streams=1000,
    schedules=1000,
    subscriptions=100,
    policies=20,
    members=1000,
    secrets=200,
    modules=20,
)
"""Of the product, unless its operator says otherwise."""
MOST: Final = Quotas(
    intents=1_000_000,
    versions=100_000,
    definition_bytes=MAX_DEFINITION_BYTES,
    output_bytes=MOST_OUTPUT_BYTES,
    event_streams=100_000,
    schedules=10_000,
    subscriptions=MOST_SUBSCRIPTIONS,
    policies=MOST_POLICIES,
    members=100_000,
    secrets=10_000,
    modules=200,
)
"""What the platform can do, whoever asks for more."""
_LEAST: Final = {"versions": 1, "definition_bytes": 1024, "output_bytes": 1024, "members": 1}
"""Of the others there may be none."""


def quota_errors(quotas: Quotas, *at: str) -> Iterator[FieldError]:
    """Every quota that is none, at its place below ``at``."""
    for name in QUOTAS:
        asked, least, most = getattr(quotas, name), _LEAST.get(name, 0), getattr(MOST, name)
        if asked is not None and not least <= asked <= most:
            message = f"it is {least} to {most}, not {asked}; null puts it back to what the platform has"
            yield FieldError(pointer(*at, name), "VALUE", message)


def require_room(name: str, used: int, limit: int, *, remedy: str, of: str = "This tenant") -> None:
    """Let pass what makes one more of ``name``, of which there are ``used``.

    Raises:
        QuotaExceededError: there are as many as there may be; ``remedy`` says what to do.
    """
    if used >= limit:
        what = name.replace("_", " ")
        raise QuotaExceededError(
            f"{of} has {used} {what}, and may have {limit}: {remedy}, or ask the platform's operator "
            "for more",
            violated=[name],
        )
