"""Child executions: what a step has had executed, where that belongs, and how far it may go.

An execution that a step asked for is the child of that attempt, and its id follows from it: whoever begins it
again meets the one that there is. Its *root* is the execution that nobody's step asked for.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from shared.domain.executions import TERMINAL_STATUSES, ExecutionStatus
from shared.domain.ids import RANDOM_BYTES, ulid, ulid_time
from shared.domain.places import Place

MAX_DEPTH: Final = 8
"""How deep an execution may stand below its root."""
MAX_DESCENDANTS: Final = 10_000
"""The most executions below one root, all that ever were."""


def child_id(parent: Place, tenant_id: str) -> str:
    """The id of the one execution that the attempt asks for."""
    place = (parent.step, parent.attempt, parent.item, parent.compensates)
    said = f"{tenant_id}\0{parent.execution_id}\0{place}".encode()
    return ulid(ulid_time(parent.execution_id), hashlib.sha256(said).digest()[:RANDOM_BYTES])


def actor(execution_id: str, tenant_id: str) -> str:
    """What audit records name as who does what is done to a child of the execution."""
    return f"execution:{execution_id}@{tenant_id}"


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a child stands: below whom, and which versions of intents led there, the root's first."""

    parent: Place
    root: str
    intents: tuple[str, ...]
    remedy: ClassVar[str] = "; a member who executes it again takes it over"
    """What to do when the member in whose name it is executed is one no more."""

    @classmethod
    def below(cls, head: Mapping[str, Any], parent: Place) -> "Lineage":
        """Of a child of the execution with this head."""
        if head["parent"] is None:
            return cls(parent, head["execution_id"], (head["intent_id"],))
        above = cls.from_json(head)
        return cls(parent, above.root, (*above.intents, head["intent_id"]))

    @property
    def depth(self) -> int:
        return len(self.intents)

    @property
    def chain(self) -> str:
        """How errors tell which intents led there."""
        return " → ".join(self.intents)

    def execution_id(self, tenant_id: str) -> str:
        return child_id(self.parent, tenant_id)

    def actor(self, tenant_id: str) -> str:
        """What audit records name as who executes."""
        return actor(self.parent.execution_id, tenant_id)

    def to_json(self) -> dict[str, Any]:
        """The fields of a child's head."""
        return {
            "parent": self.parent.to_json(),
            "lineage": {"root": self.root, "intents": list(self.intents)},
        }

    @classmethod
    def from_json(cls, head: Mapping[str, Any]) -> "Lineage":
        return cls(
            Place.from_json(head["parent"]), head["lineage"]["root"], tuple(head["lineage"]["intents"])
        )

    def shown(self) -> dict[str, Any]:
        """As its execution shows it."""
        place = {"execution_id": self.parent.execution_id, "step": self.parent.step, "item": self.parent.item}
        return {**place, "root": self.root, "depth": self.depth}


@dataclass(frozen=True, slots=True)
class Child:
    """How an execution stands that a step has asked for.

    ``foreseen`` says that it was a dry run, which could not know all of its outputs.
    """

    execution_id: str
    intent_id: str
    status: ExecutionStatus
    created_at: str
    outputs: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    foreseen: bool = False

    @property
    def ended(self) -> bool:
        return self.status in TERMINAL_STATUSES
