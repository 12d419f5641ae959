"""Children follow a pause: paused and resumed with their parent, unless somebody else has paused them."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from shared.domain.executions import Execution
from shared.domain.intents import NewIntent
from shared.domain.steering import Verb
from shared.modules.children import RunIntent
from shared.ports.actions import Completed
from shared.services.executions.following import BY_THE_WAY
from tests.services.conftest import Workshop
from tests.services.test_children import audit, begun, children, member
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES


@pytest.fixture(autouse=True)
async def intents(workshop: Workshop) -> None:
    workshop.catalogue.use(RunIntent())
    workshop.catalogue.add("say", lambda _, __: Completed({}))
    await workshop.tenants.ensure("acme")
    await member(workshop)
    below = {"steps": [{"id": "sub", "action": "run-intent", "intent": "grandchild"}]}
    await workshop.intents.create(
        workshop.ada, NewIntent("grandchild", {"steps": [{"id": "say", "action": "say"}]})
    )
    await workshop.intents.create(workshop.ada, NewIntent("child", below))


async def steer(workshop: Workshop, execution: Execution, verb: Verb, reason: str | None = None) -> None:
    await workshop.steering.steer(workshop.ada, execution.execution_id, verb, reason=reason)


async def family(workshop: Workshop) -> tuple[Execution, Execution, Execution]:
    """A parent, its child, and the child of that; all of them run."""
    parent, child = await begun(workshop)
    outcome = await workshop.attempt(child, "sub", first=True)
    return parent, child, await workshop.executions.get(workshop.ada, outcome["token"])


async def statuses(workshop: Workshop, *executions: Execution) -> list[str]:
    heads = [await workshop.head(one) for one in executions]
    return [head["status"] for head in heads]


async def recover(workshop: Workshop) -> None:
    workshop.clock.advance(60)
    await workshop.recovery.run()


def words(workshop: Workshop, execution: Execution) -> list[Mapping[str, Any]]:
    events = workshop.orchestrations.events
    return [data for instance, _, data in events if instance == execution.execution_id]


async def test_all_below_are_paused_and_resumed_with_it_in_its_name_and_for_its_reason(
    workshop: Workshop,
) -> None:
    everyone = parent, child, grandchild = await family(workshop)
    await steer(workshop, parent, "pause", "maintenance")
    assert await statuses(workshop, *everyone) == ["paused"] * 3
    by = f"execution:{parent.execution_id}@acme"
    shown = await workshop.executions.get(workshop.ada, child.execution_id)
    assert [(one["by"], one["reason"]) for one in shown.waiting if one["for"] == "pause"] == [
        (by, "maintenance")
    ]
    record = max(await audit(workshop, grandchild), key=lambda one: one["number"])
    assert (record["action"], record["principal"]) == (
        "execution.pause",
        f"execution:{child.execution_id}@acme",
    )
    assert "pause" in words(workshop, grandchild)[-1]
    await steer(workshop, parent, "resume")
    assert "paused" not in await statuses(workshop, *everyone)
    assert "resume" in words(workshop, grandchild)[-1]
    await recover(workshop)
    assert "paused" not in await statuses(workshop, *everyone)


async def test_what_somebody_else_has_paused_stays_paused(workshop: Workshop) -> None:
    parent, child, grandchild = await family(workshop)
    await steer(workshop, child, "pause", "by hand")
    assert await statuses(workshop, parent, child, grandchild) == ["running", "paused", "paused"]
    for verb in ("pause", "resume"):
        await steer(workshop, parent, verb)
        await recover(workshop)
    assert await statuses(workshop, parent, child, grandchild) == ["running", "paused", "paused"]
    await steer(workshop, child, "resume")
    assert "paused" not in await statuses(workshop, child, grandchild)


async def test_a_child_may_be_resumed_alone(workshop: Workshop) -> None:
    parent, child, grandchild = await family(workshop)
    await steer(workshop, parent, "pause")
    await steer(workshop, child, "resume")
    assert (await statuses(workshop, parent, child, grandchild))[0] == "paused"
    assert "paused" not in await statuses(workshop, child, grandchild)


async def test_a_child_that_begins_while_its_parent_is_being_paused_is_paused_too(workshop: Workshop) -> None:
    parent = await workshop.execute({"id": "sub", "action": "run-intent", "intent": "grandchild"})
    await steer(workshop, parent, "pause")
    await workshop.attempt(parent, "sub", first=True)  # it had begun before
    assert await statuses(workshop, *await children(workshop, parent)) == ["paused"]
    await steer(workshop, parent, "resume")
    assert "paused" not in await statuses(workshop, *await children(workshop, parent))


async def test_children_that_have_ended_or_are_cancelled_are_left_alone(workshop: Workshop) -> None:
    parent, child, grandchild = await family(workshop)
    await steer(workshop, child, "cancel")
    await workshop.attempt(grandchild, "say", first=True)
    await workshop.finish(grandchild, "completed")
    await steer(workshop, parent, "pause")
    assert await statuses(workshop, parent, child, grandchild) == ["paused", "cancelling", "completed"]


async def test_a_paused_parent_is_cancelled_with_its_children(workshop: Workshop) -> None:
    parent, child, _ = await family(workshop)
    await steer(workshop, parent, "pause")
    await steer(workshop, parent, "cancel")
    assert (await workshop.attempt(parent, "sub", token=child.execution_id, gives_up="cancel"))["status"] == (
        "pending"
    )
    assert await statuses(workshop, parent, child) == ["cancelling", "cancelling"]


async def test_pausing_and_resuming_at_the_same_time_leaves_all_as_the_last_wish_was(
    workshop: Workshop,
) -> None:
    everyone = await family(workshop)
    for _ in range(5):
        await asyncio.gather(*(steer(workshop, everyone[0], verb) for verb in ("pause", "resume") * 2))
        first, *others = [status == "paused" for status in await statuses(workshop, *everyone)]
        assert others == [first] * 2


async def test_more_than_follow_by_the_way_are_led_by_recovery(workshop: Workshop) -> None:
    count = BY_THE_WAY + 5
    each = {"id": "sub", "action": "run-intent", "intent": "grandchild", "foreach": [*range(count)]}
    parent = await workshop.execute(each)
    await workshop.attempt(parent, "sub", first=True)
    for place in range(count):
        await workshop.attempt(parent, "sub", item=place)
    query = await workshop.executions.list(workshop.ada, limit=200)
    found = [one for one in query[0] if one.parent]
    await steer(workshop, parent, "pause")
    assert (await statuses(workshop, *found)).count("paused") == BY_THE_WAY
    await recover(workshop)
    assert (await statuses(workshop, *found)).count("paused") == count


async def test_while_the_engine_is_away_all_of_it_is_kept_for_recovery(workshop: Workshop) -> None:
    everyone = await family(workshop)
    workshop.orchestrations.reachable = False
    await steer(workshop, everyone[0], "pause")
    workshop.orchestrations.reachable = True
    for _ in everyone:
        await recover(workshop)
    assert await statuses(workshop, *everyone) == ["paused"] * 3
    assert all("pause" in words(workshop, one)[-1] for one in everyone)
