"""Specimens of the module ``core``."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from shared.domain.approvals import Approval, Decision, Question
from shared.domain.children import Child
from shared.domain.places import Place
from shared.domain.times import rfc3339
from shared.modules.approvals import ApprovalAction
from shared.modules.children import RunIntent
from shared.modules.core import Assert, Transform, Wait
from shared.ports.children import Stop
from shared.security.scope import TenantScope
from tests.fakes.clock import START, FrozenClock
from tests.modules.kit.breaking import Hesitant
from tests.modules.kit.specimen import Specimen, Surroundings


@asynccontextmanager
async def wait(_: Surroundings) -> AsyncGenerator[Specimen]:
    clock = FrozenClock()

    async def go_on() -> None:
        clock.advance(90 - (clock.now() - START).total_seconds())

    until = "2026-01-02T03:05:35Z"
    yield Specimen(Wait, {"until": until}, go_on=go_on, clock=clock, changes=False)


@asynccontextmanager
async def assertion(_: Surroundings) -> AsyncGenerator[Specimen]:
    yield Specimen(Assert, {"condition": True, "message": "a message"}, changes=False)


@asynccontextmanager
async def transform(_: Surroundings) -> AsyncGenerator[Specimen]:
    yield Specimen(Transform, {"outputs": {"image": "web:1", "ports": [80]}}, changes=False)


class Asked:
    """The approvals that were asked for; each is approved when it is ``decided``."""

    def __init__(self) -> None:
        self.approvals: dict[str, Approval] = {}

    async def ask(self, scope: TenantScope, execution_id: str, step: str, question: Question) -> Approval:
        place = f"{scope.tenant_id}/{execution_id}/{step}"
        made = Approval.asked(step, question, plan_hash="hash", executed_by="ada", now=START)
        return self.approvals.setdefault(place, made)

    async def decided(self) -> None:
        decision = Decision("approved", "grace", rfc3339(START), "well done")
        for place, approval in self.approvals.items():
            self.approvals[place] = replace(
                approval, status="approved", ended=rfc3339(START), decisions=[decision]
            )


@asynccontextmanager
async def approval(_: Surroundings) -> AsyncGenerator[Specimen]:
    asked = Asked()

    async def look() -> Any:
        return sorted(asked.approvals)

    yield Specimen(
        lambda: ApprovalAction(Hesitant(asked)),
        {"message": "May it?", "expires_in": "1h"},
        look=look,
        go_on=asked.decided,
        remains="the question, which nobody can answer once its execution has ended",
    )


class Family:
    """Children that complete when they are ``grown``, unless they were stopped; ``dry`` ones of dry runs."""

    def __init__(self, *, dry: bool = False) -> None:
        self.children: dict[Place, Child] = {}
        self._dry = dry

    async def begin(
        self, scope: TenantScope, parent: Place, intent: str, parameters: Mapping[str, Any]
    ) -> Child:
        del scope, parameters
        child = Child("01HF7YAT00CHILD", f"{intent}-v1", "running", rfc3339(START), foreseen=self._dry)
        return self.children.setdefault(parent, child)

    async def look(self, scope: TenantScope, parent: Place) -> Child | None:
        del scope
        return self.children.get(parent)

    async def stop(self, scope: TenantScope, parent: Place, how: Stop) -> Child | None:
        del scope, how
        child = self.children.get(parent)
        if child is not None and not child.ended:
            child = self.children[parent] = replace(child, status="cancelled")
        return child

    def grown(self) -> None:
        for place, child in self.children.items():
            if not child.ended:
                self.children[place] = replace(child, status="completed", outputs={"url": "http://web"})


@asynccontextmanager
async def run_intent(_: Surroundings) -> AsyncGenerator[Specimen]:
    family, dry = Family(), Family(dry=True)

    async def go_on() -> None:
        family.grown()
        dry.grown()

    async def look() -> Any:
        return [child.execution_id for child in family.children.values()]

    yield Specimen(
        RunIntent,
        {"intent": "child", "parameters": {"release": "1"}},
        look=look,
        go_on=go_on,
        children=Hesitant(family),
        dry_children=Hesitant(dry),
        remains="the child, cancelled",
    )
