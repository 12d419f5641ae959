"""What comes of what an orchestration has begun: it lands, and says what is next."""

from typing import Any

from shared.workflow.beginning import begin_items
from shared.workflow.context import Task
from shared.workflow.flights import Flight
from shared.workflow.generations import Generation
from shared.workflow.stopping import cancel, halt, terminate
from shared.workflow.work import Lane, Node, Result


def land(run: Generation, flight: Flight) -> None:
    """Take what the flight came to."""
    run.landed += 1
    if flight.lane is None:
        _land_segment(run, flight)
    elif flight.instance:
        _land_items(run, flight.node, flight.lane, flight.task)
    elif flight.asleep:
        flight.lane.due = None
        run.due.append((flight.node, flight.lane))
    else:
        outcome = {"status": "failed"} if flight.task.is_failed else flight.task.get_result()
        _land_attempt(run, flight.node, flight.lane, outcome)


def _land_attempt(run: Generation, node: Node, lane: Lane, outcome: dict[str, Any]) -> None:
    step = lane.steps[0]
    match outcome["status"]:
        case "items" if run.work.paused or run.stopping:
            run.go_on(node, lane)  # none of them begins; it says so again when it is asked again
        case "items":
            begin_items(run, node, lane, outcome)
        case "retry":
            lane.attempt += 1
            lane.token, lane.gives_up = None, False
            run.go_on(node, lane, outcome.get("delay", 0))
        case "pending":
            lane.token, lane.gives_up = outcome.get("token"), outcome.get("gives_up", False)
            delay = 0 if lane.nudged else outcome.get("delay", 0)
            lane.nudged = False
            run.go_on(node, lane, delay)
        case "cancelled":
            _land_cancelled(run, node, lane, outcome)
        case "failed" if run.work.phase == "compensations" or step not in run.work.tolerant:
            _fail(run, node, lane)
        case status:
            if status == "completed" and lane.items is None:
                run.to_be_undone(step)
            _next_step(run, node, lane)


def _fail(run: Generation, node: Node, lane: Lane) -> None:
    """Block what depends on the lane's first step; what undoes a step blocks nothing."""
    if lane.items is None:
        run.result.failed.append(lane.steps[0])
    if run.work.phase == "compensations":
        _next_step(run, node, lane)
        return
    if lane.collect:
        run.to_be_undone(lane.steps[0])
    run.end_lane(node, lane, blocked=lane.steps[1:], stopped=True)
    halt(run)


def _land_cancelled(run: Generation, node: Node, lane: Lane, outcome: dict[str, Any]) -> None:
    """The attempt was broken off, because it saw the cancellation first; or what it had begun is stopped."""
    if lane.giving_up:
        run.end_lane(node, lane, cancelled=lane.steps)
        return
    lane.token, lane.gives_up = outcome.get("token"), outcome.get("gives_up", False)
    if not lane.gives_up:
        run.end_lane(node, lane, cancelled=lane.steps)
    (terminate if outcome.get("terminated") else cancel)(run)
    if lane.gives_up:
        run.go_on(node, lane)


def _next_step(run: Generation, node: Node, lane: Lane) -> None:
    first, end = lane.items or (0, 1)
    left = (first, end - 1) if run.work.phase == "compensations" else (first + 1, end)
    lane.items = left if left[0] < left[1] else None
    if lane.items is None:
        del lane.steps[0]
    lane.attempt, lane.token, lane.nudged, lane.collect = 1, None, False, False
    lane.gives_up = lane.giving_up = False
    run.go_on(node, lane)


def _land_items(run: Generation, node: Node, lane: Lane, task: Task) -> None:
    """Have the items put together, whatever they came to: that is in the store."""
    if not task.is_failed:
        result = Result.from_json(task.get_result())
        if result.terminated:
            terminate(run)
        elif result.cancelled:
            cancel(run)
    lane.collect = True
    run.go_on(node, lane)


def _land_segment(run: Generation, flight: Flight) -> None:
    node = flight.node
    result = _lost(run, node) if flight.task.is_failed else _segment_result(run, flight)
    if result.terminated:
        terminate(run)
    run.result.add(result)
    node.stopped = result.stopped
    run.end_node(node)
    if result.cancelled and not run.halted:
        cancel(run)
    if result.stopped:
        halt(run)


def _lost(run: Generation, node: Node) -> Result:
    """Not a step failed but the machinery: nobody knows how far the segment came."""
    result = Result(stopped=True)
    for lane in node.lanes:
        result.failed.append(lane.steps[0])
        result.blocked += lane.steps[1:]
        result.completed += [(step, run.now()) for step in lane.steps if step in run.work.compensatable]
    return result


def _segment_result(run: Generation, flight: Flight) -> Result:
    """The segment's clock may be another machine's: what depends on it must stand behind it."""
    result = Result.from_json(flight.task.get_result())
    result.completed = [(step, min(max(at, flight.began), run.now())) for step, at in result.completed]
    return result
