"""The durable engine in virtual time, with activities that do as a test says."""

import heapq
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.workflow.engine import Answer, Engine, Runner

type Outcome = Mapping[str, Any]
type Word = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One activity call as it was made, and when it began and ended (virtual seconds)."""

    request: Mapping[str, Any]
    began: float
    ended: float
    outcome: Outcome | None


class World(Engine):
    """Runs an execution to its end. ``act`` gives each attempt's duration and outcome (None: it raises)."""

    def __init__(
        self,
        runner: Runner,
        act: Callable[[Mapping[str, Any]], tuple[float, Outcome | None]],
        *,
        lost: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(runner, lost=lost)
        self._script = act
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._now = 0.0
        self.attempts: list[Attempt] = []
        self.finished: list[Mapping[str, Any]] = []
        self.marked: list[Mapping[str, Any]] = []
        """That the execution is being cancelled."""

    @property
    def now(self) -> float:
        return self._now

    def run(
        self,
        work: Mapping[str, Any],
        *,
        cancel_at: float | None = None,
        nudges: Sequence[tuple[float, str | Word]] = (),
    ) -> None:
        """Run ``work`` until nothing is left to happen; ``nudges`` are times and the steps or words told."""
        root = work["execution_id"]
        for at, said in nudges:
            word = {"step": said} if isinstance(said, str) else said
            self._later(at, partial(self._raise, root, "nudge", word))
        if cancel_at is not None:
            self._later(cancel_at, partial(self._raise, root, "cancel"))
        self._begin(root, work)
        while self._agenda:
            self._now, _, happen = heapq.heappop(self._agenda)
            happen()

    def _later(self, delay: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (self._now + delay, next(self._order), happen))

    def _act(self, kind: str, request: Mapping[str, Any], answer: Answer) -> None:
        if kind == "finish":
            (self.marked if request["status"] == "cancelling" else self.finished).append(request)
            self._later(0, answer)
            return
        duration, outcome = self._script(request)
        self.attempts.append(Attempt(request, self._now, self._now + duration, outcome))
        self._later(duration, partial(answer, outcome, failed=outcome is None))
