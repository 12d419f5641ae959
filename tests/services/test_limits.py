import asyncio
from datetime import timedelta
from typing import Any

import pytest

from shared.domain.errors import ConflictError, QuotaExceededError
from shared.domain.executions import Execution, ExecutionFilter
from shared.domain.intents import NewIntent, NewVersion
from shared.domain.limits import Claim
from shared.domain.retrying import Retrial
from shared.modules.children import RunIntent
from shared.ports.actions import Completed
from shared.ports.documents import TENANCY, Patch
from shared.services.executions.tickets import PARTITION
from shared.services.upkeep.retention import Retention
from tests.services.conftest import Workshop, caller
from tests.services.queue import check_counts, heads, running, stored
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES

STEP = {"id": "a", "action": "act"}


@pytest.fixture
async def shop(workshop: Workshop) -> Workshop:
    """Tenant ``acme``; intent ``free`` has no limit, ``one`` and ``two`` have, ``sole`` refuses a second."""
    workshop.catalogue.add("act", lambda *_: Completed({}))
    await workshop.tenants.ensure("acme")
    limits: dict[str, Any] = {
        "free": {},
        "one": {"concurrency": {"limit": 1}},
        "two": {"concurrency": {"limit": 2}},
        "sole": {"concurrency": {"limit": 1, "policy": "refuse"}},
    }
    for name, limit in limits.items():
        new = NewIntent(name=name, definition={"steps": [STEP], **limit})
        await workshop.intents.create(workshop.ada, new)
    return workshop


async def execute(shop: Workshop, name: str) -> Execution:
    shop.clock.advance(1)
    return await shop.executions.execute(shop.ada, name, {})


async def limit(shop: Workshop, most: int | None) -> None:
    await shop.configuration.configure(shop.ada, "acme", {"max_concurrent_executions": most})


async def why(shop: Workshop, execution: Execution) -> dict[str, Any]:
    (waiting,) = (await shop.executions.get(shop.ada, execution.execution_id)).waiting
    return dict(waiting)


async def test_where_there_is_no_limit_nothing_is_counted(shop: Workshop) -> None:
    execution = await execute(shop, "free")
    await shop.finish(execution, "completed")
    assert [await stored(shop, kind) for kind in ("book", "line", "ticket")] == [[], [], []]


async def test_what_is_beyond_an_intents_limit_waits_and_each_end_starts_the_next(shop: Workshop) -> None:
    made = [await execute(shop, "two") for _ in range(5)]
    assert {one.status for one in made} == {"pending"}
    names = [one.execution_id for one in made]
    assert await running(shop) == names[:2]
    for place, one in enumerate(made[2:], 1):
        told = await why(shop, one)
        assert told == {
            "for": "limit", "step": None, "since": one.created_at, "until": None,
            "limit": "intent", "most": 2, "running": 2, "place": place,
        }  # fmt: skip
    await shop.finish(made[1], "failed", failed=["a"])
    assert await running(shop) == [names[0], names[2]]
    await shop.finish(made[0], "completed")
    assert await running(shop) == [names[2], names[3]]
    assert (await why(shop, made[4]))["place"] == 1
    for one in made[2:]:
        await shop.finish(one, "completed")
    await check_counts(shop)
    assert (await stored(shop, "ticket"), await stored(shop, "line")) == ([], [])


async def test_what_waits_for_its_intent_alone_holds_up_nobody_else(shop: Workshop) -> None:
    await limit(shop, 2)
    first, second = await execute(shop, "one"), await execute(shop, "one")
    other, third = await execute(shop, "free"), await execute(shop, "free")
    assert await running(shop) == [first.execution_id, other.execution_id]
    assert [(await why(shop, one))["limit"] for one in (second, third)] == ["intent", "tenant"]
    await shop.finish(other, "completed")
    assert await running(shop) == [first.execution_id, third.execution_id]
    await shop.finish(first, "completed")
    assert await running(shop) == [third.execution_id, second.execution_id]


async def test_those_of_all_intents_wait_for_the_tenant_in_the_order_of_acceptance(shop: Workshop) -> None:
    await limit(shop, 1)
    order = ["free", "two", "one", "free", "two", "one", "two"]
    made = [await execute(shop, name) for name in order]
    assert [(await why(shop, one))["place"] for one in made[1:]] == [1, 2, 3, 4, 5, 6]
    for one in made:
        assert await running(shop) == [one.execution_id]
        await check_counts(shop)
        await shop.finish(one, "completed")
    assert list(shop.orchestrations.started) == [one.execution_id for one in made]


async def test_one_that_is_rather_refused_than_queued_is_refused_and_nothing_is_stored(
    shop: Workshop,
) -> None:
    first = await execute(shop, "sole")
    with pytest.raises(QuotaExceededError, match="try again when one of them has ended") as refused:
        await execute(shop, "sole")
    assert refused.value.violated == ("intents/sole/concurrency",)
    assert [one["execution_id"] for one in await heads(shop)] == [first.execution_id]
    await shop.finish(first, "completed")
    await execute(shop, "sole")


async def test_a_higher_limit_is_felt_at_once_and_a_lower_one_lets_go_on_what_runs(shop: Workshop) -> None:
    await limit(shop, 1)
    made = [await execute(shop, "free") for _ in range(60)]
    await limit(shop, 3)
    assert await running(shop) == [one.execution_id for one in made[:3]]
    await limit(shop, 2)
    await shop.finish(made[0], "completed")
    assert len(await running(shop)) == 2
    await shop.finish(made[1], "completed")
    assert await running(shop) == [one.execution_id for one in made[2:4]]
    await limit(shop, None)
    assert await running(shop) == [one.execution_id for one in made[2:]]
    await check_counts(shop)


async def test_the_newest_version_that_was_executed_says_the_limit(shop: Workshop) -> None:
    made = [await execute(shop, "one") for _ in range(3)]
    definition = {"steps": [STEP], "concurrency": {"limit": 3}}
    await shop.versions.put(shop.ada, "one", NewVersion(definition), if_match={"*"})
    new = await execute(shop, "one")
    assert await running(shop) == [one.execution_id for one in made]
    old = await shop.executions.execute(shop.ada, "one-v1", {})
    await shop.finish(made[0], "completed")
    assert set(await running(shop)) == {one.execution_id for one in [*made[1:], new]}
    assert (await why(shop, old))["most"] == 3


async def test_what_waits_is_cancelled_at_once_and_never_begins(shop: Workshop) -> None:
    first, second, third = [await execute(shop, "one") for _ in range(3)]
    cancelled = await shop.steering.steer(shop.ada, second.execution_id, "cancel")
    assert (cancelled.status, cancelled.started_at) == ("cancelled", None)
    found = await shop.executions.get(shop.ada, second.execution_id)
    assert [step.status for step in found.steps] == ["cancelled"]
    assert await shop.types(second) == ["execution_started", "execution_cancelled"]
    assert (await why(shop, third))["place"] == 1
    await shop.finish(first, "completed")
    assert second.execution_id not in shop.orchestrations.started
    assert await running(shop) == [third.execution_id]
    with pytest.raises(ConflictError, match="cancelled"):
        await shop.steering.steer(shop.ada, second.execution_id, "cancel")
    await check_counts(shop)


async def test_what_waits_is_terminated_with_the_reason_as_its_cause(shop: Workshop) -> None:
    _, waits = [await execute(shop, "one") for _ in range(2)]
    ended = await shop.steering.steer(shop.ada, waits.execution_id, "terminate", reason="not today")
    assert ended.status == "cancelled"
    assert ended.error is not None
    assert (ended.error["code"], ended.error["reason"]) == ("TERMINATED", "not today")


async def test_what_is_paused_in_the_queue_keeps_its_place_and_takes_its_turn_when_it_is_resumed(
    shop: Workshop,
) -> None:
    first, second, third = [await execute(shop, "one") for _ in range(3)]
    await shop.steering.steer(shop.ada, second.execution_id, "pause")
    paused = await shop.executions.get(shop.ada, second.execution_id)
    assert (paused.status, [one["for"] for one in paused.waiting]) == ("paused", ["pause", "limit"])
    resumed = await shop.steering.steer(shop.ada, second.execution_id, "resume")
    assert (resumed.status, (await why(shop, second))["place"]) == ("pending", 1)
    await shop.steering.steer(shop.ada, second.execution_id, "pause")
    await shop.finish(first, "completed")
    shop.clock.advance(60)
    await shop.recovery.run()
    assert await running(shop) == []
    assert (await why(shop, third))["place"] == 1
    await shop.steering.steer(shop.ada, second.execution_id, "resume")
    assert await running(shop) == [second.execution_id]
    assert shop.orchestrations.events == []


async def test_a_list_of_pending_ones_has_those_that_wait(shop: Workshop) -> None:
    made = [await execute(shop, "one") for _ in range(2)]
    found, _ = await shop.executions.list(shop.ada, ExecutionFilter(status="pending"))
    assert [one.execution_id for one in found] == [one.execution_id for one in reversed(made)]


async def test_recovery_leaves_alone_what_waits_for_its_turn(shop: Workshop) -> None:
    made = [await execute(shop, "one") for _ in range(3)]
    shop.clock.advance(3600)
    await shop.recovery.run()
    assert await running(shop) == [made[0].execution_id]


async def test_a_turn_that_came_while_nothing_could_be_started_is_taken_by_recovery(shop: Workshop) -> None:
    first, second = await execute(shop, "one"), await execute(shop, "one")
    shop.orchestrations.reachable = False
    await shop.finish(first, "completed")
    assert await running(shop) == []
    shop.orchestrations.reachable = True
    shop.clock.advance(11)
    await shop.recovery.run()
    assert await running(shop) == [second.execution_id]


async def test_the_ticket_of_what_was_never_stored_is_taken_and_it_is_not_stored_later(
    shop: Workshop,
) -> None:
    await shop.limits.enter(shop.ada.scope, "ghost", Claim("one", 1, 1), limit=None)
    waits = await execute(shop, "one")
    assert await running(shop) == []
    shop.clock.advance(59)
    await shop.recovery.run()
    assert await running(shop) == []
    shop.clock.advance(2)
    await shop.recovery.run()
    assert await running(shop) == [waits.execution_id]
    assert await shop.limits.fenced(shop.ada.scope, "ghost")
    await check_counts(shop)


async def test_a_limit_that_the_operator_changes_is_felt_when_recovery_looks(shop: Workshop) -> None:
    await limit(shop, 1)
    made = [await execute(shop, "free") for _ in range(3)]
    other = Patch("book", set={("limit",): 7})  # another release's
    await shop.documents.transact(shop.ada.scope, container=TENANCY, partition=PARTITION, operations=[other])
    await shop.recovery.run()
    assert await running(shop) == [made[0].execution_id]
    assert [book["limit"] for book in await stored(shop, "book")] == [1]


async def test_children_wait_for_their_intents_limit_alone_and_before_those_that_no_execution_waits_for(
    shop: Workshop,
) -> None:
    scope = shop.ada.scope
    await limit(shop, 1)
    parent = await execute(shop, "free")
    waits = await execute(shop, "one")
    child = Claim("one", 1, 1, child=True)
    # The root waits for the tenant, whose only slot the child's parent holds.
    assert await shop.limits.enter(scope, "child-1", child, limit=1) == "admitted"
    assert await shop.limits.enter(scope, "child-2", child, limit=1) == "child"
    await check_counts(shop)
    await shop.limits.leave(scope, "child-1")
    await check_counts(shop)
    assert {one["execution_id"]: one["status"] for one in await stored(shop, "ticket")} == {
        parent.execution_id: "admitted", waits.execution_id: "queued", "child-2": "admitted",
    }  # fmt: skip
    await shop.limits.leave(scope, "child-2")
    await shop.finish(parent, "completed")
    assert await running(shop) == [waits.execution_id]
    await check_counts(shop)


async def test_a_retry_waits_for_its_turn_like_any_other_and_is_never_refused(shop: Workshop) -> None:
    for name in ("one", "sole"):
        failed = await execute(shop, name)
        await shop.attempt(failed, "a")
        await shop.finish(failed, "failed", failed=["a"])
        holds = await execute(shop, name)
        retry = await shop.retrying.retry(shop.ada, failed.execution_id, Retrial(origin=["a"]))
        assert (await why(shop, retry))["place"] == 1
        await shop.finish(holds, "completed")
        assert await running(shop) == [retry.execution_id]
        await shop.finish(retry, "completed")
    await check_counts(shop)


async def test_a_dry_run_takes_no_slot_and_waits_for_none(shop: Workshop) -> None:
    await limit(shop, 1)
    await execute(shop, "one")
    dry = await shop.executions.execute(shop.ada, "one", {}, dry_run=True)
    assert dry.execution_id in shop.orchestrations.started
    assert len(await stored(shop, "ticket")) == 1


async def test_tenants_do_not_see_or_hold_up_each_other(shop: Workshop) -> None:
    await limit(shop, 1)
    await execute(shop, "free")
    eve = caller("globex", "eve")
    await shop.intents.create(eve, NewIntent(name="free", definition={"steps": [STEP]}))
    theirs = await shop.executions.execute(eve, "free", {})
    assert theirs.execution_id in shop.orchestrations.started


async def test_of_many_at_once_no_more_run_than_may_and_none_is_lost(shop: Workshop) -> None:
    await limit(shop, 3)
    made = await asyncio.gather(
        *(shop.executions.execute(shop.ada, ["free", "two"][number % 2], {}) for number in range(40))
    )
    while going := await running(shop):
        assert len(going) <= 3
        await check_counts(shop)
        by_id = {one.execution_id: one for one in made}
        await asyncio.gather(*(shop.finish(by_id[name], "completed") for name in going))
    assert {one["status"] for one in await heads(shop)} == {"completed"}
    assert len(shop.orchestrations.started) == 40


async def test_children_that_steps_ask_for_have_their_turn_though_the_tenant_is_full(shop: Workshop) -> None:
    shop.catalogue.use(RunIntent())
    await shop.members.ensure_member("acme", user="ada", roles=["operator"], issuer="urn:test", subject="ada")
    await limit(shop, 1)
    steps = [{"id": name, "action": "run-intent", "intent": "one"} for name in ("x", "y")]
    root = await shop.execute(*steps, name="root")
    waits = await execute(shop, "one")
    first, second = [
        await shop.executions.get(shop.ada, (await shop.attempt(root, name, first=True))["token"])
        for name in ("x", "y")
    ]
    assert await running(shop) == [root.execution_id, first.execution_id]
    told = await why(shop, second)
    assert (second.status, told["limit"], told["running"], told["place"]) == ("pending", "intent", 1, 1)
    await shop.finish(first, "completed")
    assert await running(shop) == [root.execution_id, second.execution_id]
    await check_counts(shop)
    await shop.finish(second, "completed")
    await shop.finish(root, "completed")
    assert await running(shop) == [waits.execution_id]
    await check_counts(shop)


async def test_a_child_that_is_cancelled_in_the_queue_tells_its_parent(shop: Workshop) -> None:
    shop.catalogue.use(RunIntent())
    await shop.members.ensure_member("acme", user="ada", roles=["operator"], issuer="urn:test", subject="ada")
    await execute(shop, "one")
    root = await shop.execute({"id": "x", "action": "run-intent", "intent": "one"}, name="root")
    child = (await shop.attempt(root, "x", first=True))["token"]
    await shop.steering.steer(shop.ada, child, "cancel")
    assert shop.orchestrations.events == [(root.execution_id, "nudge", {"step": "x"})]
    outcome = await shop.attempt(root, "x", token=child)
    assert outcome["status"] == "failed"
    await check_counts(shop)


async def test_what_was_cancelled_in_the_queue_is_purged_like_any_other(shop: Workshop) -> None:
    await execute(shop, "one")
    waits = await execute(shop, "one")
    await shop.steering.steer(shop.ada, waits.execution_id, "cancel")
    holds = await execute(shop, "one")
    shop.clock.advance(timedelta(days=91).total_seconds())
    retention = Retention(
        documents=shop.documents,
        orchestrations=shop.orchestrations,
        tenants=shop.tenants,
        clock=shop.clock,
        keep=timedelta(days=90),
    )
    assert await retention.run() == 1
    assert {one["execution_id"] for one in await heads(shop)} >= {holds.execution_id}
    assert waits.execution_id not in {one["execution_id"] for one in await heads(shop)}
    assert (await why(shop, holds))["place"] == 1
    await check_counts(shop)
