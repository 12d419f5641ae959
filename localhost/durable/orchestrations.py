"""Turns of orchestrations: from waiting messages to a committed turn."""

from collections.abc import Sequence
from functools import partial

from durabletask.internal import orchestrator_service_pb2 as pb

from localhost.durable import turns
from localhost.durable.commits import commit_turn
from localhost.durable.engine import Engine
from localhost.durable.errors import StaleTurnError
from localhost.durable.history import child_failure
from localhost.durable.lanes import Lane, Route, Where
from localhost.durable.model import FAILED, TERMINAL, Message, Snapshot
from localhost.durable.workers import Answer, LiveOrchestrator


class OrchestrationLane(Lane[str]):
    kind = "orchestration"

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine.router, engine.limits.turns, engine.limits)
        self._engine = engine

    def subject(self, key: str) -> tuple[str, str | None] | None:
        waiting = self._engine.mailboxes.get(key)
        if not waiting:
            return None
        snapshot = self._engine.cache.get(key)
        if snapshot is None or snapshot.status in TERMINAL:
            # Too late: the results of what was left running, events for what has ended.
            self._engine.mailboxes.remove(key, list(waiting))
            self._engine.spawn(self._engine.store.discard(list(waiting)))
            self._engine.cache.forget(key)
            return None
        if snapshot.started is None and not any(m.starts or m.terminates for m in waiting):
            return None  # scheduled for later: what came before waits for the start
        return snapshot.name, snapshot.version

    def more(self, key: str) -> bool:
        return bool(self._engine.mailboxes.get(key))

    async def work(self, key: str, route: Route) -> None:
        engine = self._engine
        snapshot = engine.cache.get(key)
        taken = _of_one_turn(engine.mailboxes.get(key))
        if snapshot is None:
            return
        events = turns.new_events(taken, snapshot.execution_id, engine.now())
        if not events:
            await engine.store.discard(taken)
            engine.mailboxes.remove(key, taken)
            return
        answer = await self._answer(snapshot, events, route)
        turn = turns.plan(
            snapshot, taken, events, answer.response, now=engine.now(), next_id=engine.store.next_id
        )
        try:
            delivered = await engine.store.write_through(
                partial(commit_turn, turn=turn, next_id=engine.store.next_id)
            )
        except StaleTurnError:
            engine.cache.forget(key)
            return
        self._follow(turn, answer.live, delivered)

    def _follow(self, turn: turns.Turn, live: LiveOrchestrator | None, delivered: Sequence[Message]) -> None:
        """Bring memory to where the store is now."""
        engine = self._engine
        instance_id = turn.snapshot.instance_id
        engine.mailboxes.remove(instance_id, turn.consumed)
        changed = turn.status != turn.snapshot.status
        engine.cache.advance(turn, live)
        engine.deliver(delivered)
        engine.schedule(turn.activities)
        for entity_id, critical_section in turn.unlocks:
            engine.unlocked(engine.locks.release(entity_id, critical_section))
        if turn.releases:
            if not engine.locks.idle:
                engine.unlocked(engine.locks.release_all(instance_id))
        elif turn.lock_requests:
            for request in turn.lock_requests:
                engine.locks.request(request)
            engine.grant_locks()
        if changed:
            engine.watchers.notify(instance_id)

    async def _answer(self, snapshot: Snapshot, events: Sequence[pb.HistoryEvent], route: Route) -> Answer:
        ends = any(e.HasField("executionTerminated") for e in events)
        if ends and (snapshot.started is None or self.attempts(snapshot.instance_id)):
            # It never ran, or cannot be run: an end must not wait for that.
            return Answer(turns.termination(events))
        if route.where is Where.NOWHERE:
            failure = child_failure(
                "OrchestratorNotRegisteredError", f"A '{snapshot.name}' orchestrator was not registered."
            )
            return Answer(turns.termination(events) if ends else turns.ending(FAILED, failure=failure))
        if route.worker is not None:
            return Answer(await self._outside(self._engine.cache.request(snapshot, events), route))
        # Taken off the snapshot until the turn is recorded: if it never is, the next one is a replay.
        live, snapshot.live = snapshot.live, None
        if live is not None:
            return Answer(await live.go_on(snapshot.confirmed, events), live)
        assert self._router.workers is not None
        request = self._engine.cache.request(snapshot, events)
        return await self._router.workers.orchestrate(snapshot.name, request)

    async def _outside(self, request: pb.OrchestratorRequest, route: Route) -> pb.OrchestratorResponse:
        worker = route.worker
        assert worker is not None
        item = pb.WorkItem(orchestratorRequest=request)
        if worker.streams_history and request.ByteSize() > self._limits.stream_history_bytes:
            item.orchestratorRequest.requiresHistoryStreaming = True
            del item.orchestratorRequest.pastEvents[:]
        outside = self._router.outside
        response: pb.OrchestratorResponse = await outside.perform(
            worker, self.kind, item, self._limits.turn_lease
        )
        return response


def _of_one_turn(waiting: Sequence[Message]) -> list[Message]:
    """A rewind must be alone in its turn; anything else goes together."""
    rewind = next((message for message in waiting if message.rewinds), None)
    return list(waiting) if rewind is None else [rewind]
