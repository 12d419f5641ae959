"""Child executions: what a step has had executed, where that belongs, and how far it may go.

An execution that a step asked for is the child of that attempt, and its id follows from it: whoever begins it
again meets the one that there is. Its *root* is the execution that nobody's step asked for.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Final

from shared.domain.executions import TERMINAL_STATUSES, ExecutionStatus
from shared.domain.ids import RANDOM_BYTES, ulid, ulid_time

MAX_DEPTH: Final = 8
"""How deep an execution may stand below its root."""
MAX_DESCENDANTS: Final = 10_000
"""The most executions below one root, all that ever were."""


@dataclass(frozen=True, slots=True)
class Parent:
    """The attempt of a step that asks for an execution; ``item`` is its place in a ``foreach``'s list."""

    execution_id: str
    step: str
    attempt: int
    item: int | None = None
    compensates: bool = False

    def child_id(self, tenant_id: str) -> str:
        """The id of the one execution that this attempt asks for."""
        place = (self.step, self.attempt, self.item, self.compensates)
        said = f"{tenant_id}\0{self.execution_id}\0{place}".encode()
        return ulid(ulid_time(self.execution_id), hashlib.sha256(said).digest()[:RANDOM_BYTES])

    def actor(self, tenant_id: str) -> str:
        """What audit records name as who does what is done to its child."""
        return f"execution:{self.execution_id}@{tenant_id}"

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Parent":
        return cls(**value)


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a child stands: below whom, and which versions of intents led there, the root's first."""

    parent: Parent
    root: str
    intents: tuple[str, ...]
    remedy: ClassVar[str] = "; a member who executes it again takes it over"
    """What to do when the member in whose name it is executed is one no more."""

    @classmethod
    def below(cls, head: Mapping[str, Any], parent: Parent) -> "Lineage":
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
        return self.parent.child_id(tenant_id)

    def actor(self, tenant_id: str) -> str:
        """What audit records name as who executes."""
        return self.parent.actor(tenant_id)

    def to_json(self) -> dict[str, Any]:
        """The fields of a child's head."""
        return {
            "parent": asdict(self.parent),
            "lineage": {"root": self.root, "intents": list(self.intents)},
        }

    @classmethod
    def from_json(cls, head: Mapping[str, Any]) -> "Lineage":
        return cls(
            Parent.from_json(head["parent"]), head["lineage"]["root"], tuple(head["lineage"]["intents"])
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
