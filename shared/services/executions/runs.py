"""What never changes about a running execution, kept at hand: its plan, its parameters, finished outputs.

A plan is a snapshot and a completed step's outputs are final, so a process may keep them for as long as it
likes; the store is asked only by a process that has not seen them.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from shared.domain.errors import UnavailableError
from shared.domain.executions import STEP_TERMINAL_STATUSES
from shared.domain.mentions import references
from shared.domain.places import Place
from shared.domain.plans import Plan, PlanStep
from shared.ports.documents import EXECUTIONS, Documents, Query
from shared.ports.telemetry import NOTHING, Carrier
from shared.security.scope import TenantScope
from shared.services.executions.freshness import catch_up
from shared.services.steps.loads import Loads

RUNS_KEPT = 512
"""How many executions' facts a process keeps; the least recently used go first."""
BYTES_KEPT = 64 * 1024 * 1024
"""About how many bytes of memory they may take together, by the size of their JSON."""
RESULT_KEPT = 16 * 1024
"""The largest outputs of a finished step that are kept with its run; larger ones are read when they are named
(and those that are no part of their document, kept for a while by themselves: see :class:`Loads`)."""
DRY_RUN: Final[Mapping[str, Any]] = {"dry_run": True}
BYTES_PER_STEP = 1024
"""What a step of a plan counts for, with its result."""
STEPS_READ = 1000
"""How many step documents are read at a time."""


def step_document_id(step: str) -> str:
    return f"step:{step}"


def item_kind(step: str) -> str:
    """The kind of the documents of a step's items: one query finds those of one step."""
    return f"item:{step}"


def item_document_id(step: str, item: int) -> str:
    return f"{item_kind(step)}:{item}"


@dataclass(slots=True)
class Run:
    """The fixed facts of one execution."""

    plan: Plan
    parameters: Mapping[str, Any]
    intent_id: str
    created_by: str
    parent: Place | None = None
    """The attempt of a step that has asked for it."""
    trace: Carrier = NOTHING
    """The execution's own span, which its parts belong to and which ends with it."""
    kept: Mapping[str, str] = field(default_factory=dict[str, str])
    """Of a retry: the steps that it has kept, and how each ended, in the order of their ends."""
    begun: frozenset[str] = frozenset()
    """Of a retry: the steps whose irreversible action was begun before, and is done again."""
    loaded: bool = True
    """Whether its head counts what runs and what waits: those that an earlier release has stored do not."""
    weighed: bool = True
    """Whether its head counts the bytes of its large outputs."""
    dry_run: bool = False
    unknown: dict[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """Of a dry run: what is not known of the steps that have come to an end (``domain/dry_runs.py``)."""
    limited: bool = False
    """Whether it has a ticket, which is to be given back at its end."""
    announced: bool = False
    """Whether this process knows that the execution is marked as running."""
    finished: dict[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    """``{"status", "outputs"}`` of the steps that this process knows to have come to an end."""
    items: dict[str, Sequence[Any]] = field(default_factory=dict[str, Sequence[Any]])
    """Of the steps that run for each item of a list, as far as this process knows them."""
    of_items: dict[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    """See :meth:`named_by_items`."""
    bytes: int = 0
    """About what it takes in memory."""

    def __post_init__(self) -> None:
        self.bytes = len(orjson.dumps(self.parameters)) + BYTES_PER_STEP * len(self.plan.every_step)

    @classmethod
    def of(cls, head: Mapping[str, Any], plan: Plan, trace: Carrier) -> "Run":
        """Of the execution with this head."""
        parent = head.get("parent")
        return cls(
            plan,
            head["parameters"],
            intent_id=head["intent_id"],
            created_by=head["created_by"],
            parent=Place.from_json(parent) if parent else None,
            trace=trace,
            loaded="load" in head,
            weighed="weight" in head,
            dry_run=head.get("dry_run", False),
            limited=head.get("limited", False),
        )

    @property
    def mark(self) -> Mapping[str, Any]:
        """What each of its events tells beside: that it is a dry run, if it is one."""
        return DRY_RUN if self.dry_run else {}

    def names(
        self,
        scope: TenantScope,
        execution_id: str,
        steps: Mapping[str, Mapping[str, Any]],
        **execution: Any,
    ) -> dict[str, Any]:
        """What expressions may name: ``steps`` are the results, ``execution`` more facts of the execution."""
        return {
            "parameters": self.parameters,
            "target": self.plan.target,
            "steps": steps,
            "execution": {
                "id": execution_id,
                "intent_id": self.intent_id,
                "tenant_id": scope.tenant_id,
                "created_by": self.created_by,
                **execution,
            },
        }

    def named_by_items(self, step: PlanStep) -> frozenset[str]:
        """The steps that the parameters of each of its items name: the list may be made of others, too."""
        if step.id not in self.of_items:
            self.of_items[step.id] = references(step.parameters, step.references)
        return self.of_items[step.id]

    def finish(
        self, step: str, status: str, outputs: Mapping[str, Any] | None, unknown: Sequence[str] = ()
    ) -> Mapping[str, Any]:
        """What a step came to, kept for the steps behind it unless it is large."""
        if unknown:
            self.unknown[step] = unknown
        result = {"status": status, "outputs": outputs or {}}
        if len(orjson.dumps(result["outputs"])) <= RESULT_KEPT:
            self.finished[step] = result
        return result


class Runs:
    """A bounded cache of :class:`Run` over the documents."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._loads = Loads(documents)
        self._kept: OrderedDict[tuple[str, str], Run] = OrderedDict()
        self._bytes = 0

    def keep(self, scope: TenantScope, execution_id: str, run: Run) -> None:
        self.forget(scope, execution_id)
        self._kept[scope.tenant_id, execution_id] = run
        self._bytes += run.bytes
        self._make_room()

    def keep_items(
        self, scope: TenantScope, execution_id: str, run: Run, step: str, items: Sequence[Any]
    ) -> None:
        """Remember what a step is run for, for the items to come."""
        run.items[step] = items
        size = len(orjson.dumps(items))
        run.bytes += size
        if self._kept.get((scope.tenant_id, execution_id)) is run:
            self._bytes += size
            self._make_room()

    def _make_room(self) -> None:
        while len(self._kept) > RUNS_KEPT or (self._bytes > BYTES_KEPT and len(self._kept) > 1):
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= oldest.bytes

    def forget(self, scope: TenantScope, execution_id: str) -> None:
        if (run := self._kept.pop((scope.tenant_id, execution_id), None)) is not None:
            self._bytes -= run.bytes
        self._loads.forget(scope, execution_id)

    async def load(self, scope: TenantScope, execution_id: str) -> Run | None:
        """The run, or None if there is no such execution."""
        key = (scope.tenant_id, execution_id)
        if (run := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
            return run
        head = await self._documents.read(scope, container=EXECUTIONS, partition=execution_id, id="execution")
        plan = await self._documents.read(scope, container=EXECUTIONS, partition=execution_id, id="plan")
        if head is None or plan is None:
            return None
        run = Run.of(head.body, Plan.from_json(plan.body["plan"]), plan.body.get("trace", NOTHING))
        run.kept, run.begun = dict(plan.body.get("kept", ())), frozenset(plan.body.get("begun", ()))
        self.keep(scope, execution_id, run)
        return run

    async def step_documents(self, scope: TenantScope, execution_id: str) -> dict[str, Mapping[str, Any]]:
        """What is stored of the execution's steps now, by step; one that has not begun has nothing."""
        stored: dict[str, Mapping[str, Any]] = {}
        after: str | None = None
        while True:
            query = Query(EXECUTIONS, "step", partition=execution_id, limit=STEPS_READ, after=after)
            page = await self._documents.query(scope, query)
            stored.update({item.body["step"]: item.body for item in page.items})
            if (after := page.after) is None:
                return stored

    async def item_result(
        self, scope: TenantScope, execution_id: str, step: str, item: int
    ) -> Mapping[str, Any]:
        """Status and outputs, whole, of an item that is known to have come to its end.

        Raises:
            UnavailableError: the store cannot be reached, or is behind.
        """
        document = await self._documents.read(
            scope, container=EXECUTIONS, partition=execution_id, id=item_document_id(step, item)
        )
        if document is None:
            raise UnavailableError("the item cannot be seen yet")
        outputs = await self._loads.outputs(scope, execution_id, document.body)
        return {"status": document.body["status"], "outputs": outputs}

    async def step_results(
        self, scope: TenantScope, execution_id: str, run: Run, steps: frozenset[str], *, fresh: bool = False
    ) -> dict[str, Mapping[str, Any]]:
        """Status and outputs, whole, of ``steps`` that have come to an end; the others are left out.

        With ``fresh`` they are read again: what has completed may have been compensated.

        Raises:
            UnavailableError: the store cannot be reached, or is behind.
        """
        kept = {} if fresh else run.finished
        results = {step: kept[step] for step in steps if step in kept}
        left = steps - results.keys()
        if not fresh:
            results |= await self._read_results(scope, execution_id, run, left)
            left = steps - results.keys()
        if left:  # perhaps only this process has not seen them
            await catch_up(self._documents, scope, execution_id)
            results |= await self._read_results(scope, execution_id, run, left)
        return results

    async def _read_results(
        self, scope: TenantScope, execution_id: str, run: Run, steps: frozenset[str]
    ) -> dict[str, Mapping[str, Any]]:
        results: dict[str, Mapping[str, Any]] = {}
        for step in steps:
            document = await self._documents.read(
                scope, container=EXECUTIONS, partition=execution_id, id=step_document_id(step)
            )
            if document is None or document.body["status"] not in STEP_TERMINAL_STATUSES:
                continue
            status = document.body["status"]
            if unknown := document.body.get("unknown"):
                run.unknown[step] = unknown
            outputs = await self._loads.outputs(scope, execution_id, document.body)
            if document.body.get("kept"):
                results[step] = {"status": status, "outputs": outputs}
            else:
                results[step] = run.finish(step, status, outputs)
        return results
