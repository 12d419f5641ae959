"""What the durable engine asks of whoever runs the app's functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from durabletask.internal import orchestrator_service_pb2 as pb


class LiveOrchestrator(Protocol):
    """An orchestrator after a turn, as a replay of its history would leave it: its next turn needs none.

    It is good for turns that follow each other. The engine lets go of it when a turn was not recorded.
    """

    async def go_on(
        self, confirmed: Sequence[pb.HistoryEvent], events: Sequence[pb.HistoryEvent]
    ) -> pb.OrchestratorResponse:
        """Run the next turn: ``confirmed`` is what the last one added to the history after its new events.

        Whatever it raises, it has not gone on, and is of no use any more.
        """
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What an orchestrator came to in a turn."""

    response: pb.OrchestratorResponse
    live: LiveOrchestrator | None = None
    """For its next turn, from a worker that keeps orchestrators alive."""


class Workers(Protocol):
    """Runs orchestrators, activities and entities by name.

    The engine calls it with complete work items and records what it returns. An orchestrator's or
    entity's own failure is part of its response; only a fault of the machinery (the function is not
    there, the process is stopping) is raised, and then the work item is given back and tried again.
    """

    def registered(self, kind: str) -> frozenset[str]:
        """The names this worker has for ``kind``: ``orchestration``, ``activity`` or ``entity``."""
        ...

    async def orchestrate(self, name: str, request: pb.OrchestratorRequest) -> Answer:
        """Run one turn after a replay of all before it (the response carries no completion token)."""
        ...

    async def act(self, request: pb.ActivityRequest) -> pb.ActivityResponse:
        """Run an activity; its exception comes back as ``failureDetails``, as production shows it."""
        ...

    async def operate(self, name: str, request: pb.EntityBatchRequest) -> pb.EntityBatchResult:
        """Run a batch of operations on one entity, in order."""
        ...
