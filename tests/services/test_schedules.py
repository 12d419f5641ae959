"""Schedules: written, audited and fired; both stores hold the same."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shared.domain.errors import (
    BadCursorError,
    NotFoundError,
    StaleError,
    UnavailableError,
    ValidationFailedError,
)
from shared.domain.intents import NewIntent, NewVersion
from shared.domain.schedules import NewSchedule
from shared.ports.documents import EXECUTIONS, TENANCY, Patch, Replace
from shared.services.schedules import schedules
from tests.fakes.documents import Killed
from tests.services.bench import ISSUER, STEP, Bench, open_bench
from tests.services.conftest import caller
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES


@pytest.fixture
async def bench(request: pytest.FixtureRequest, store: str, tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(request, store, tmp_path) as made:
        yield made


async def refused(bench: Bench, name: str = "minutely", **fields: Any) -> list[str]:
    with pytest.raises(ValidationFailedError) as refusal:
        await bench.put(name, **fields)
    assert await bench.agenda() == {}
    return [f"{error.pointer} {error.code}" for error in refusal.value.errors]


async def test_a_schedule_is_stored_with_its_record_and_shown_with_its_next_times(bench: Bench) -> None:
    made = await bench.put(parameters={"a": 1})
    assert made == await bench.get()
    assert (made.created_by, made.updated_by, made.standing) == ("ada@acme", "ada@acme", ("active", None))
    assert [time[11:19] for time in made.upcoming] == [f"03:0{minute}:00" for minute in range(5, 10)]
    (record,) = await bench.records()
    assert (record.body["action"], record.body["before"]) == ("schedule.put", None)
    assert record.body["after"]["parameters"] == {"a": 1}


async def test_what_is_wrong_with_a_schedule_and_with_what_it_executes_is_named_at_once(
    bench: Bench,
) -> None:
    assert await refused(bench, cron="x", intent="nothing") == ["/cron INVALID", "/intent UNKNOWN"]
    assert await refused(bench, intent="deploy-v2") == ["/intent UNKNOWN"]
    await bench.workshop.intents.create(
        bench.workshop.ada, NewIntent(name="draft", definition={"steps": [STEP]}, status="draft")
    )
    assert await refused(bench, intent="draft") == ["/intent NOT_EXECUTABLE"]
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    definition = {"steps": [STEP], "parameters": schema}
    await bench.workshop.intents.create(bench.workshop.ada, NewIntent(name="counts", definition=definition))
    (fault,) = await refused(bench, intent="counts", parameters={"n": "x"})
    assert fault.startswith("/parameters/n ")


async def test_a_schedule_is_changed_by_who_has_seen_it_last(bench: Bench) -> None:
    made = await bench.put()
    wanted = NewSchedule("deploy", "@daily")
    put = bench.schedules.put
    with pytest.raises(StaleError):
        await put(bench.workshop.ada, "new", wanted, if_match=frozenset({made.etag}))
    changed = await put(bench.workshop.ada, "minutely", wanted, if_match=frozenset({made.etag}))
    assert (changed.wanted, changed.created_at) == (wanted, made.created_at)
    with pytest.raises(StaleError):
        await put(bench.workshop.ada, "minutely", wanted, if_match=frozenset({made.etag}))
    await put(bench.workshop.ada, "minutely", wanted, if_match=frozenset({"*"}))
    assert [record.body["number"] for record in await bench.records()] == [1, 2, 3]


async def test_schedules_are_listed_by_name_and_deleted(bench: Bench) -> None:
    for name in ("c", "a", "b"):
        await bench.put(name)
    ada = bench.workshop.ada
    first, cursor = await bench.schedules.list(ada, limit=2)
    rest, end = await bench.schedules.list(ada, cursor=cursor)
    assert ([one.name for one in (*first, *rest)], end) == (["a", "b", "c"], None)
    with pytest.raises(BadCursorError):
        await bench.schedules.list(caller("globex"), cursor=cursor)
    assert (await bench.schedules.list(caller("globex"))) == ([], None)
    await bench.schedules.delete(ada, "a")
    for gone in (bench.get("a"), bench.schedules.delete(ada, "a")):
        with pytest.raises(NotFoundError, match="no schedule 'a'"):
            await gone
    assert (await bench.records())[-1].body["action"] == "schedule.delete"
    await bench.tick(90)
    assert set(await bench.agenda()) == {"acme:b", "acme:c"}


async def test_a_schedule_fires_at_its_times_and_each_execution_says_so(bench: Bench) -> None:
    made = await bench.put(overlap="allow", parameters={"a": 1})
    await bench.tick()
    assert await bench.started() == []
    for _ in range(12):
        await bench.tick(10)
    assert await bench.started() == ["03:05", "03:06"]
    newest, oldest = await bench.executions()
    assert (newest.schedule, newest.created_by) == (
        {"name": "minutely", "scheduled_at": made.upcoming[1]},
        "ada@acme",
    )
    assert (newest.parameters, newest.intent_id) == ({"a": 1}, "deploy-v1")
    assert set(bench.workshop.orchestrations.started) == {newest.execution_id, oldest.execution_id}
    last = (await bench.get()).firings.last_execution
    assert last is not None
    assert (last["execution_id"], last["scheduled_at"]) == (newest.execution_id, made.upcoming[1])


async def test_the_audit_trail_says_that_the_schedule_did_it_and_in_whose_name(bench: Bench) -> None:
    await bench.put()
    await bench.tick(60)
    (execution,) = await bench.executions()
    (change,) = await bench.documents.changes(
        bench.workshop.ada.scope, container=EXECUTIONS, partition=execution.execution_id, kind="audit"
    )
    record = change.document.body
    assert (record["principal"], record["after"]["created_by"]) == ("schedule:minutely@acme", "ada@acme")
    assert record["after"]["schedule"] == execution.schedule
    assert record["decision"] == record["decision"] | {
        "operation": "intents.execute",
        "policies": ["role-admin"],
    }


async def test_the_agenda_leads_to_what_is_due_and_to_nothing_else(bench: Bench) -> None:
    await bench.put("daily", "0 4 * * *")
    assert await bench.agenda() == {"acme:daily": bench.now()}
    await bench.tick(59)
    assert (await bench.agenda())["acme:daily"] < bench.now(), "it may just be being written"
    await bench.tick(1)
    assert (await bench.agenda())["acme:daily"][11:16] == "04:00"
    await bench.put("daily", "0 4 * * *", end="2026-01-02T05:00:00.000000Z")
    await bench.tick(7200)
    assert await bench.agenda() == {}, "it never fires again"
    assert (await bench.get("daily")).standing[0] == "ended"


async def test_a_paused_schedule_rests_and_goes_on_with_its_next_time(bench: Bench) -> None:
    await bench.put(overlap="allow")
    await bench.put(overlap="allow", paused=True)
    resting = await bench.get()
    assert (resting.standing[0], resting.upcoming) == ("paused", ())
    await bench.tick(600)
    assert (await bench.started(), await bench.agenda()) == ([], {})
    await bench.put(overlap="allow")
    await bench.tick(60)
    assert await bench.started() == ["03:15"]


async def test_after_downtime_as_many_times_are_made_up_as_the_schedule_says(bench: Bench) -> None:
    await bench.put("three", overlap="allow", catch_up=3)
    await bench.put("none", cron="30 * * * *", catch_up=0)
    await bench.tick(3600)
    assert await bench.started() == ["04:01", "04:02", "04:03", "04:04"]
    assert (await bench.get("none")).firings.last_skip == {
        "scheduled_at": "2026-01-02T03:30:00.000000Z",
        "reason": "missed",
    }


async def test_skip_leaves_out_what_would_overlap(bench: Bench) -> None:
    await bench.put(overlap="skip")
    await bench.tick(60)
    await bench.tick(60)
    assert await bench.started() == ["03:05"]
    assert (await bench.get()).firings.last_skip == {
        "scheduled_at": "2026-01-02T03:06:00.000000Z",
        "reason": "overlap",
    }
    await bench.end()
    await bench.tick(60)
    assert await bench.started() == ["03:05", "03:07"]


async def test_queue_executes_one_behind_the_other_in_order(bench: Bench) -> None:
    await bench.put(overlap="queue", end="2026-01-02T03:07:00.000000Z")
    for _ in range(4):
        await bench.tick(60)
    assert await bench.started() == ["03:05"]
    assert [time[11:16] for time in (await bench.get()).firings.queue] == ["03:06", "03:07"]
    for expected in (["03:05", "03:06"], ["03:05", "03:06", "03:07"]):
        await bench.end()
        await bench.tick(10)
        assert await bench.started() == expected
    assert (await bench.get()).firings.queue == ()


async def test_a_name_is_the_version_that_is_active_at_the_time_and_an_id_is_pinned(bench: Bench) -> None:
    await bench.put("named", overlap="allow")
    await bench.put("pinned", intent="deploy-v1", overlap="allow")
    head = await bench.workshop.intents.get(bench.workshop.ada, "deploy")
    new = NewVersion({"steps": [STEP, {"id": "b", "action": "act"}]})
    await bench.workshop.versions.put(bench.workshop.ada, "deploy", new, if_match=frozenset({head.etag}))
    await bench.tick(60)
    ran = {one.schedule["name"]: one.intent_id for one in await bench.executions() if one.schedule}
    assert ran == {"named": "deploy-v2", "pinned": "deploy-v1"}


async def test_a_schedule_whose_intent_is_archived_says_so_before_and_after_it_fires(bench: Bench) -> None:
    await bench.put()
    await bench.workshop.lifecycle.archive(bench.workshop.ada, "deploy")
    status, reason = (await bench.get()).standing
    assert (status, "archived; restore it" in str(reason)) == ("blocked", True)
    await bench.tick(60)
    error = (await bench.get()).firings.last_error
    assert error is not None
    assert (error["code"], error["scheduled_at"][11:16]) == ("NOT_EXECUTABLE", "03:05")
    assert await refused_quietly(bench) == ["/intent"]
    await bench.put(paused=True)


async def refused_quietly(bench: Bench) -> list[str]:
    with pytest.raises(ValidationFailedError) as refusal:
        await bench.put()
    return [error.pointer for error in refusal.value.errors]


@pytest.mark.parametrize(
    ("change", "says"),
    [({"roles": ["viewer"]}, "intents.execute"), ({"subject": "x"}, "is a member no more")],
)
async def test_who_may_not_execute_any_more_does_not_execute_by_schedule_either(
    bench: Bench, change: dict[str, Any], says: str
) -> None:
    await bench.put()
    member: dict[str, Any] = {"user": "ada", "roles": ["admin"], "issuer": ISSUER, "subject": "ada", **change}
    if "subject" in change:
        await replace_member(bench, member)
    else:
        await bench.members.ensure_member("acme", **member)
    await bench.tick(60)
    assert await bench.started() == []
    found = await bench.get()
    assert found.firings.last_error is not None
    assert found.firings.last_error["code"] == "FORBIDDEN"
    assert says in found.firings.last_error["message"]
    assert found.standing == ("failing", found.firings.last_error["message"])


async def replace_member(bench: Bench, member: dict[str, Any]) -> None:
    """The name now is another identity's."""
    await bench.documents.transact(
        bench.workshop.ada.scope,
        container=TENANCY,
        partition="members",
        operations=[Patch(member["user"], set={("subject",): member["subject"]})],
    )


async def test_a_failing_schedule_does_not_keep_others_from_firing(bench: Bench) -> None:
    await bench.put("good", overlap="allow")
    broken = {"id": "broken", "kind": "schedule", "name": "broken", "wanted": {"nonsense": 1}}
    await bench.put("broken", overlap="allow")
    stored = await schedules.find_schedule(bench.documents, bench.workshop.ada.scope, "broken")
    assert stored is not None
    await bench.documents.transact(
        bench.workshop.ada.scope,
        container=TENANCY,
        partition=schedules.PARTITION,
        operations=[Replace(broken, if_match=stored.etag)],
    )
    await bench.tick(60)
    await bench.tick(60)
    assert await bench.started() == ["03:05", "03:06"]
    assert (await bench.agenda())["acme:broken"] > bench.now(), "it is looked at again later"


async def test_two_timers_at_once_start_each_time_once(bench: Bench) -> None:
    for number in range(5):
        await bench.put(f"s{number}", overlap="queue" if number % 2 else "allow", catch_up=2)
    for _ in range(4):
        bench.clock.advance(60)
        await asyncio.gather(bench.timer.run(), bench.other_timer.run(), bench.timer.run())
    await bench.tick(10)
    found = await bench.executions()
    fired = [(one.schedule["name"], one.schedule["scheduled_at"][11:16]) for one in found if one.schedule]
    assert len(set(fired)) == len(fired)
    for name in ("s0", "s2", "s4"):
        assert sorted(time for who, time in fired if who == name) == ["03:05", "03:06", "03:07", "03:08"]
    for name in ("s1", "s3"):
        assert [time for who, time in fired if who == name] == ["03:05"]


@pytest.mark.parametrize("fault", [Killed(), UnavailableError()], ids=["dies", "fails"])
@pytest.mark.parametrize("overlap", ["skip", "queue", "allow"])
async def test_wherever_a_timer_is_interrupted_each_time_is_executed_once(
    bench: Bench, overlap: str, fault: BaseException
) -> None:
    """That is before and after each transaction on the way; the next tick comes ten seconds later."""
    await bench.put(overlap=overlap, catch_up=0)
    await bench.tick(70)  # 03:05:15
    for point in range(20):
        await bench.end()
        before = await bench.started()
        bench.clock.advance(50)
        with bench.interrupted(point, fault) as happened:
            try:
                await bench.timer.run()
            except Killed:
                assert isinstance(fault, Killed)
        await bench.tick(10)
        assert len(await bench.started()) == len(before) + 1, point
        state = (await bench.get()).firings
        assert (state.queue, state.last_error, state.last_skip) == ((), None, None)
        if not happened():
            assert point >= 6
            return
    raise AssertionError("it never came to its end")


async def test_a_put_that_dies_after_its_note_leaves_nothing_that_is_looked_at_for_ever(bench: Bench) -> None:
    with bench.interrupted(2, Killed()), pytest.raises(Killed):
        await bench.put()
    assert list(await bench.agenda()) == ["acme:minutely"]
    await bench.tick(30)
    assert list(await bench.agenda()) == ["acme:minutely"]
    await bench.tick(30)
    assert await bench.agenda() == {}
