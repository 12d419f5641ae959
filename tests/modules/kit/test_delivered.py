"""Every action as a step that the platform runs: what is delivered twice, or dies, is done and told once."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from shared.domain.executions import Execution
from shared.domain.intents import NewIntent
from shared.domain.steps import RUN_INTENT
from shared.modules.core import Transform
from shared.ports.documents import Container
from shared.services.steps.steps import Steps
from tests.fakes.documents import InterruptedDocuments, Killed, Moment
from tests.modules.kit.specimen import MOST_LOOKS, Specimen, Surroundings
from tests.modules.kit.specimens import SPECIMENS
from tests.services.conftest import Workshop, composed
from tests.stores import opened as opened_store


@dataclass
class Delivery:
    """A specimen as the one step of an execution; each activity is delivered to a process of its own."""

    specimen: Specimen
    workshop: Workshop
    documents: InterruptedDocuments
    execution: Execution

    async def ended(self, deliver: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """Have it run to its end; the step's outputs."""
        outcome = await deliver({"first": True})
        for _ in range(MOST_LOOKS):
            if outcome["status"] != "pending":
                break
            await self.specimen.go_on()
            outcome = await deliver({"token": outcome["token"]})
        assert outcome["status"] == "completed", outcome
        found = await self.workshop.executions.get(self.workshop.ada, self.execution.execution_id)
        return dict(found.steps[0].outputs or {})

    async def deliver(self, more: dict[str, Any]) -> dict[str, Any]:
        ids = {"tenant_id": "acme", "execution_id": self.execution.execution_id}
        return await self._process().run({**ids, "step": "step", "attempt": 1, **more})

    async def twice(self, more: dict[str, Any]) -> dict[str, Any]:
        first = await self.deliver(more)
        again = await self.deliver(more)
        assert first["status"] in {"pending", again["status"]}, "what goes on elsewhere may be done by then"
        return again

    def dying(self, at: int) -> Callable[[dict[str, Any]], Any]:
        """Deliveries of which one dies at that moment, two for each transaction; it is made again then."""
        passed = 0

        def interrupt(_: Moment, __: Container) -> None:
            nonlocal passed
            passed += 1
            if passed == at + 1:
                raise Killed

        async def deliver(more: dict[str, Any]) -> dict[str, Any]:
            self.documents.interrupt = interrupt
            try:
                return await self.deliver(more)
            except Killed:
                return await self.deliver(more)
            finally:
                self.documents.interrupt = None

        return deliver

    def _process(self) -> Steps:
        specimen = self.specimen
        self.workshop.catalogue.use(specimen.make())
        return self.workshop.forgetful(
            self.documents, children=specimen.children, callbacks=specimen.callbacks
        )

    async def told(self) -> list[str]:
        return await self.workshop.types(self.execution)


@asynccontextmanager
async def delivery(
    name: str, around: Surroundings, request: pytest.FixtureRequest, file: Path
) -> AsyncIterator[Delivery]:
    async with AsyncExitStack() as opened:
        specimen = await opened.enter_async_context(SPECIMENS[name](around))
        real = await opened.enter_async_context(opened_store("sqlite", request, file, now=specimen.clock.now))
        documents = InterruptedDocuments(real)
        workshop = composed(documents, specimen.clock)
        workshop.catalogue.use(specimen.make())
        # Given at execution: a definition may have neither addresses of this machine nor passwords in it.
        given = {one: f"${{{{ parameters.given.{one} }}}}" for one in specimen.parameters}
        action = specimen.make()
        given |= {one: f"parameters.given.{one}" for one in action.conditions}
        if action.name == RUN_INTENT:  # which it is must be known beforehand
            given["intent"] = specimen.parameters["intent"]
            child = {"steps": [{"action": "transform", "value": 1}]}
            workshop.catalogue.use(Transform())
            await workshop.intents.create(workshop.ada, NewIntent(name="child", definition=child))
        step = {"id": "step", "action": action.name, "parameters": given}
        execution = await workshop.execute(step, given=dict(specimen.parameters))
        specimen = replace(specimen, execution=execution.execution_id)
        yield Delivery(specimen, workshop, documents, execution)


@pytest.mark.parametrize("name", SPECIMENS)
async def test_a_step_that_is_delivered_twice_or_dies_is_done_and_told_once(
    name: str, surroundings: Surroundings, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    async with delivery(name, surroundings, request, tmp_path / "once.db") as once:
        expected = once.specimen.told(await once.ended(once.deliver))
        seen, told = await once.specimen.seen(), await once.told()
    async with delivery(name, surroundings, request, tmp_path / "twice.db") as twice:
        assert twice.specimen.told(await twice.ended(twice.twice)) == expected
        assert (await twice.specimen.seen(), await twice.told()) == (seen, told)
    for moment in (0, 1, 2, 3):
        async with delivery(name, surroundings, request, tmp_path / f"dying-{moment}.db") as dying:
            assert dying.specimen.told(await dying.ended(dying.dying(moment))) == expected, moment
            assert (await dying.specimen.seen(), await dying.told()) == (seen, told), moment
