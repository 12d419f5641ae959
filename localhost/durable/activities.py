"""Activities: run at least once, each result taken in once.

A result waits in memory for the turn that consumes it, and is stored by that turn: one commit per step. If
the process dies before, the activity is run again.
"""

from durabletask.internal import orchestrator_service_pb2 as pb

from localhost.durable.engine import Engine
from localhost.durable.history import activity_result, child_failure, maybe
from localhost.durable.lanes import Lane, Route, Where
from localhost.durable.model import Message


class ActivityLane(Lane[int]):
    kind = "activity"

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine.router, engine.limits.activities, engine.limits)
        self._engine = engine

    def subject(self, key: int) -> tuple[str, str | None] | None:
        activity = self._engine.pending.get(key)
        if activity is None:
            return None
        return activity.request.name, maybe(activity.request, "version") or None

    def more(self, key: int) -> bool:
        return key in self._engine.pending

    async def work(self, key: int, route: Route) -> None:
        activity = self._engine.pending[key]
        response = await self._answer(activity.request, route)
        del self._engine.pending[key]
        result = activity_result(self._engine.now(), response, activity.request.taskId)
        message = Message(0, activity.instance_id, activity.execution_id, (result,), activity_id=key)
        self._engine.deliver([message])

    async def _answer(self, request: pb.ActivityRequest, route: Route) -> pb.ActivityResponse:
        if route.where is Where.NOWHERE:
            failure = child_failure(
                "ActivityNotRegisteredError",
                f"An activity function named '{request.name}' was not registered.",
            )
            return pb.ActivityResponse(failureDetails=failure)
        if route.worker is not None:
            item = pb.WorkItem(activityRequest=request)
            outside = self._router.outside
            response: pb.ActivityResponse = await outside.perform(
                route.worker, self.kind, item, self._limits.activity_lease
            )
            return response
        assert self._router.workers is not None
        return await self._router.workers.act(request)
