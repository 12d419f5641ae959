"""A log that fails when a test says so, over one that keeps what it is given."""

from collections.abc import Iterable, Sequence

from shared.domain.errors import UnavailableError
from shared.ports.events import CloudEvent, encode


class FlakyEvents:
    """Each call takes the next of ``faults``: None is no fault, a number how many events get through first.

    When they are used up, nothing fails any more.
    """

    def __init__(self, faults: Iterable[int | None] = ()) -> None:
        self._faults = iter(faults)
        self.published: list[CloudEvent] = []

    async def publish(self, events: Sequence[CloudEvent]) -> None:
        encode(events)
        fault = next(self._faults, None)
        if fault is None:
            self.published += events
            return
        self.published += events[:fault]
        raise UnavailableError

    async def check(self) -> None:
        """It is always there."""

    def ids(self, key: str) -> list[str]:
        """The ids of the events of a key, in order, without the repeats that consumers drop."""
        return list(dict.fromkeys(event.id for event in self.published if event.key == key))
