"""Doing the same to many executions: which of them, and what comes of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shared.domain.errors import FieldError, QuantumError, ValidationFailedError
from shared.domain.executions import ExecutionFilter
from shared.domain.steering import Verb


@dataclass(frozen=True, slots=True)
class BulkWish:
    """What to do to a page of the executions that match."""

    verb: Verb
    matching: ExecutionFilter
    reason: str | None = None
    limit: int = 50
    cursor: str | None = None

    def require_meant(self, *, all: bool) -> None:
        """Let pass what has a condition, or says that all are meant.

        Raises:
            ValidationFailedError: neither.
        """
        if not all and self.matching == ExecutionFilter():
            message = 'this would be every execution: give a condition, or say "all": true beside "filter"'
            raise ValidationFailedError(errors=[FieldError("/filter", "REQUIRED", message)])


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it for one: what it is now, or why it could not be done."""

    execution_id: str
    status: str | None = None
    error: QuantumError | None = None

    def to_json(self) -> dict[str, Any]:
        if self.error is not None:
            error = {"code": self.error.code, "message": self.error.message}
            return {"execution_id": self.execution_id, "error": error}
        return {"execution_id": self.execution_id, "status": self.status}


@dataclass(frozen=True, slots=True)
class BulkResult:
    done: Sequence[Done]
    next_cursor: str | None
