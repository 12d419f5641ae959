"""What an orchestration begins: attempts and sleeps, and orchestrations of its own for parts and items."""

import sys
from typing import Any

from shared.workflow.cutting import cut_items
from shared.workflow.flights import attempt
from shared.workflow.generations import Generation
from shared.workflow.work import Lane, Node, Work


def begin_all(run: Generation) -> None:
    """Begin everything that may begin: nothing, while it is paused."""
    if run.work.paused:
        return
    limit = run.work.limit or sys.maxsize
    while run.nodes.ready and len(run.flights) + len(run.due) < limit:
        node = run.nodes.begin()
        if node.apart:
            _begin_segment(run, node)
        else:
            run.due.extend((node, lane) for lane in node.lanes)
    while run.due:
        _begin(run, *run.due.popleft())


def begin_items(run: Generation, node: Node, lane: Lane, outcome: dict[str, Any]) -> None:
    """Run the items of the lane's first step, in an orchestration that holds them to their limit."""
    work, step = run.work, lane.steps[0]
    undoes = work.phase == "compensations"
    name = f"{work.execution_id}:{step}{':compensation' if undoes else ''}"
    part = Work(
        tenant_id=work.tenant_id,
        execution_id=work.execution_id,
        nodes=cut_items(step, outcome["count"], outcome["limit"], backwards=undoes),
        tolerant=work.tolerant & {step},
        renew_after=work.renew_after,
        first=False,
        phase=work.phase,
        end=work.end,
        limit=outcome["limit"],
        name=name,
    )
    _begin_apart(run, name, part, node, lane)


def _begin(run: Generation, node: Node, lane: Lane) -> None:
    if lane.due is not None:
        run.fly(run.context.timer(run.seconds_until(lane.due)), node, lane, asleep=True)
        return
    request = attempt(run.work, lane, first=run.first, terminated=run.result.terminated)
    run.fly(run.context.run_step(request), node, lane)


def _begin_segment(run: Generation, node: Node) -> None:
    work, steps = run.work, set(node.steps)
    part = Work(
        tenant_id=work.tenant_id,
        execution_id=work.execution_id,
        nodes=[Node(node.key, node.lanes)],
        tolerant=work.tolerant & steps,
        compensatable=work.compensatable & steps,
        renew_after=work.renew_after,
        first=run.first,
        phase=work.phase,
        end=work.end,
    )
    _begin_apart(run, f"{work.name or work.execution_id}:{node.key}", part, node)


def _begin_apart(run: Generation, instance: str, part: Work, node: Node, lane: Lane | None = None) -> None:
    task = run.context.run_segment(instance, part.to_json())
    run.fly(task, node, lane, instance=instance)
