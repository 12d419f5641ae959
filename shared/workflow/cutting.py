"""Cutting a plan into nodes, so that replay stays cheap however long the plan is.

A replay costs 0.07 ms for each activity that the orchestration has completed (measured), and there is one
replay per completion: a thousand steps in one history would cost half a minute of processor time. So chains
become lanes, which forget their history as they go, and wide sets of like lanes are shared out among
orchestrations of their own. No step waits for anything that it would not wait for anyway; but a large graph
of neither kind holds its breath now and then (``breathing.py``).
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from shared.domain.graphs import topological
from shared.domain.plans import Plan
from shared.workflow.work import Lane, Node, Result, Work

SMALL: Final = 30
"""A plan of up to this many steps runs in one orchestration: a second one costs more than it saves."""
BUNDLE: Final = 20
"""The most steps that like lanes bring together in one node."""
WORTH_APART: Final = 4
"""The fewest steps that are worth an orchestration of their own in a large plan."""

BREATHE_AFTER: Final = 150
"""Completions after which what remains in one orchestration waits for its history to be forgotten: then they
cost 5 ms each to replay, on average."""

AT_ONCE: Final = 30
"""So many items of a list run in one orchestration; more are shared out in shares."""
SHARE: Final = 50
"""The most items in a share: its orchestration runs one after the other, and forgets its history."""
SHARES_EACH: Final = 4
"""How many shares each of those that run at a time may expect: who is quick takes another."""

_NOTHING: Final = MappingProxyType[str, str]({})

type _Graph = Mapping[str, Sequence[str]]


def work_of(
    plan: Plan,
    *,
    tenant_id: str,
    execution_id: str,
    kept: Mapping[str, str] = _NOTHING,
    compensates: bool = True,
) -> Work:
    """The input of the orchestration that runs ``plan``.

    ``kept`` are the steps of which there is what they came to, and how they ended, in the order of that: they
    do not run, and those that completed are undone like the others, if it comes to that and the execution
    ``compensates``.
    """
    left = [step for step in plan.steps if step.id not in kept]
    nodes = cut({step.id: [one for one in step.depends_on if one not in kept] for step in left})
    last = cut({step.id: step.depends_on for step in plan.last}, first_key=len(nodes))
    undoable = [step for step, status in kept.items() if status == "completed" and plan.step(step).compensate]
    return Work(
        tenant_id=tenant_id,
        execution_id=execution_id,
        nodes=nodes,
        tolerant=frozenset(step.id for step in plan.every_step if step.continue_on_error),
        compensatable=frozenset(step.id for step in plan.steps if step.compensate and compensates),
        last=last,
        breathe_after=BREATHE_AFTER if len(left) > BREATHE_AFTER else 0,
        timeout=plan.timeout,
        # Before whatever completes from now on: its time is behind every other.
        so_far=Result(completed=[(step, "") for step in undoable]),
    )


def cut_items(step: str, count: int, limit: int, *, backwards: bool = False) -> list[Node]:
    """The nodes of the items of ``step``, of which ``limit`` run at a time."""
    size = 1 if count <= AT_ONCE else min(SHARE, max(1, count // (limit * SHARES_EACH)))
    shares = [(first, min(first + size, count)) for first in range(0, count, size)]
    return [
        Node(key, [Lane([step], items=share)], apart=size > 1)
        for key, share in enumerate(reversed(shares) if backwards else shares)
    ]


def cut(depends_on: _Graph, *, first_key: int = 0, small: int = SMALL, bundle: int = BUNDLE) -> list[Node]:
    """The nodes of an acyclic graph of steps, each after those that it waits for.

    Keys begin at ``first_key``: a node's key names its orchestration, so no two of an execution are equal.
    """
    needed = _reduced(depends_on)
    dependents: dict[str, list[str]] = {step: [] for step in needed}
    for step, before in needed.items():
        for dependency in before:
            dependents[dependency].append(step)
    lanes = _lanes(needed, dependents)
    if len(needed) <= small:
        return _nodes([[lane] for lane in lanes], needed, first_key)
    nodes = _nodes(_bundles(lanes, needed, dependents, bundle), needed, first_key)
    _set_apart(nodes)
    return nodes


def _reduced(depends_on: _Graph) -> dict[str, list[str]]:
    """The graph in topological order, without the edges that a longer path implies."""
    order = topological(depends_on)
    bit = {step: 1 << position for position, step in enumerate(order)}
    before: dict[str, int] = {}
    needed: dict[str, list[str]] = {}
    for step in order:
        covered = 0
        kept: list[str] = []
        for dependency in sorted(set(depends_on[step]), key=bit.__getitem__, reverse=True):
            if not covered & bit[dependency]:
                kept.append(dependency)
                covered |= before[dependency] | bit[dependency]
        before[step] = covered
        needed[step] = kept
    return needed


def _lanes(needed: _Graph, dependents: _Graph) -> list[list[str]]:
    """The maximal chains: each step but the first waits for the one before it alone, and alone does so."""
    lanes: dict[str, list[str]] = {}
    for step, before in needed.items():
        alone = len(before) == 1 and len(dependents[before[0]]) == 1
        lane = lanes[before[0]] if alone else []
        lane.append(step)
        lanes[step] = lane
    return [lanes[step] for step in needed if lanes[step][0] == step]


def _bundles(
    lanes: Sequence[list[str]], needed: _Graph, dependents: _Graph, limit: int
) -> list[list[list[str]]]:
    """Lanes with the same steps before and behind them, shared out in bundles of bounded size."""
    alike: dict[tuple[frozenset[str], frozenset[str]], list[list[str]]] = {}
    for lane in lanes:
        alike.setdefault((frozenset(needed[lane[0]]), frozenset(dependents[lane[-1]])), []).append(lane)
    bundles: list[list[list[str]]] = []
    for group in alike.values():
        size = limit  # full: the first lane of a group opens a bundle
        for lane in group:
            if size + len(lane) > limit:
                bundles.append([])
                size = 0
            bundles[-1].append(lane)
            size += len(lane)
    return bundles


def _nodes(bundles: Sequence[Sequence[list[str]]], needed: _Graph, first_key: int) -> list[Node]:
    node_of = {step: key for key, lanes in enumerate(bundles, first_key) for lane in lanes for step in lane}
    return [
        Node(
            key=key,
            lanes=[Lane(lane) for lane in lanes],
            after=sorted({node_of[step] for lane in lanes for step in needed[lane[0]]}),
        )
        for key, lanes in enumerate(bundles, first_key)
    ]


def _set_apart(nodes: Sequence[Node]) -> None:
    """Give the larger nodes orchestrations of their own, but for those that never run beside another.

    While such a node runs, nothing else does: its orchestration can forget its history by itself.
    """
    before: dict[int, int] = {}
    behind = {node.key: 0 for node in nodes}
    for node in nodes:  # each stands behind those that it waits for
        before[node.key] = 0
        for key in node.after:
            before[node.key] |= before[key] | 1 << key
    for node in reversed(nodes):
        for key in node.after:
            behind[key] |= behind[node.key] | 1 << node.key
    for node in nodes:
        related = before[node.key].bit_count() + behind[node.key].bit_count()
        node.apart = len(node.steps) >= WORTH_APART and related < len(nodes) - 1
