"""What the durable engine asks of whoever runs the app's functions."""

from typing import Protocol

from durabletask.internal import orchestrator_service_pb2 as pb


class Workers(Protocol):
    """Runs orchestrators, activities and entities by name.

    The engine calls it with complete work items and records what it returns. An orchestrator's or
    entity's own failure is part of its response; only a fault of the machinery (the function is not
    there, the process is stopping) is raised, and then the work item is given back and tried again.
    """

    def registered(self, kind: str) -> frozenset[str]:
        """The names this worker has for ``kind``: ``orchestration``, ``activity`` or ``entity``."""
        ...

    async def orchestrate(self, name: str, request: pb.OrchestratorRequest) -> pb.OrchestratorResponse:
        """Run one turn (the response carries no completion token)."""
        ...

    async def act(self, request: pb.ActivityRequest) -> pb.ActivityResponse:
        """Run an activity; its exception comes back as ``failureDetails``, as production shows it."""
        ...

    async def operate(self, name: str, request: pb.EntityBatchRequest) -> pb.EntityBatchResult:
        """Run a batch of operations on one entity, in order."""
        ...
