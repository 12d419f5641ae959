"""Doing the same to many executions: which of them, and what comes of each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from shared.domain.errors import FieldError, QuantumError, ValidationFailedError
from shared.domain.executions import ExecutionFilter
from shared.domain.retrying import Names
from shared.domain.steering import Verb

type BulkVerb = Verb | Literal["retry"]


@dataclass(frozen=True, slots=True)
class BulkWish:
    """What to do to a page of the executions that match."""

    verb: BulkVerb
    matching: ExecutionFilter
    reason: str | None = None
    limit: int = 50
    cursor: str | None = None
    origin: Names = ()
    """To retry: the steps that run again although they ended well."""

    @property
    def selected(self) -> ExecutionFilter:
        """Which it is about when no status is asked for: those that go on, or to retry those that failed."""
        matching = self.matching
        if self.verb == "retry":
            dry_run = False if matching.dry_run is None else matching.dry_run
            return replace(matching, status=matching.status or "failed", dry_run=dry_run)
        return matching if matching.status else replace(matching, ended=False)

    def require_meant(self, *, all: bool) -> None:
        """Let pass what has a condition, or says that all are meant, and fits together.

        Raises:
            ValidationFailedError: neither, or it has steps to run again and does not retry.
        """
        if self.origin and self.verb != "retry":
            message = f"nothing runs again to {self.verb}: leave it out, or retry"
            raise ValidationFailedError(errors=[FieldError("/from", "UNFIT", message)])
        if not all and self.matching == ExecutionFilter():
            message = 'this would be every execution: give a condition, or say "all": true beside "filter"'
            raise ValidationFailedError(errors=[FieldError("/filter", "REQUIRED", message)])


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it for one: what it is now, or why it could not be done.

    ``retried_by`` is its retry, whose status it then is.
    """

    execution_id: str
    status: str | None = None
    retried_by: str | None = None
    error: QuantumError | None = None

    def to_json(self) -> dict[str, Any]:
        if self.error is not None:
            error = {"code": self.error.code, "message": self.error.message}
            return {"execution_id": self.execution_id, "error": error}
        retry = {"retried_by": self.retried_by} if self.retried_by else {}
        return {"execution_id": self.execution_id, "status": self.status, **retry}


@dataclass(frozen=True, slots=True)
class BulkResult:
    done: Sequence[Done]
    next_cursor: str | None
