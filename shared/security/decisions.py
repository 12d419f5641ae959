"""What was decided about an operation, and by which policies: what refusals and audit records say of it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policies came to.

    Attributes:
        operation: what was asked for.
        policies: the ids of those that decided: that forbid it, or else permit it.
        version: a hash of the whole set that was asked, the platform's own policies and the tenant's.
    """

    operation: str
    allowed: bool
    policies: tuple[str, ...]
    version: str

    def to_json(self) -> dict[str, Any]:
        """As records keep it, which are of what was allowed."""
        return {"operation": self.operation, "policies": list(self.policies), "version": self.version}

    @classmethod
    def permitting(cls, kept: Any) -> "Decision":
        """What a record or an order kept."""
        return cls(kept["operation"], allowed=True, policies=tuple(kept["policies"]), version=kept["version"])
