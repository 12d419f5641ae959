"""Where an attempt stands: what it does for an execution, and whatever it asks for, is known by this."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Place:
    """An attempt of a step, or with ``compensates`` to undo it.

    ``item`` is its place in the list of a step with ``foreach``.
    """

    execution_id: str
    step: str
    attempt: int
    item: int | None = None
    compensates: bool = False

    @property
    def key(self) -> str:
        """What is done, whichever attempt it is: the same for all of them, and unique in the execution."""
        item = "" if self.item is None else f"/{self.item}"
        return f"{self.step}{item}/compensation" if self.compensates else f"{self.step}{item}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Place":
        return cls(**value)
