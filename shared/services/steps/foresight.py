"""What an attempt of a dry run can know: whatever needs the results of a real run is not decided by it."""

from collections.abc import Iterable, Mapping
from typing import Any

from shared.domain.dry_runs import unknown_in, why_undecided
from shared.services.executions.runs import Run


class UnforeseenError(Exception):
    """What the step needs is known only to a real run. ``told`` is the step's error that says so."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        super().__init__(told["message"])
        self.told = told


class Foresight:
    """Of one execution; of one that is real, everything is known."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def require(self, what: str, sources: Iterable[str], names: Mapping[str, Any]) -> None:
        """Let pass if all is known that these expressions (of ``what`` of a step) take of ``names``.

        Raises:
            UnforeseenError: it is not.
        """
        if self._run.unknown and (found := unknown_in(sources, names["steps"], self._run.unknown)):
            raise UnforeseenError(why_undecided(what, found))
