"""Requests with a key: who has the turn, what is kept, and what a later turn finds."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shared.domain.errors import KeyReusedError, StillRunningError, UnavailableError
from shared.domain.intents import NewIntent, NewVersion
from shared.ports.documents import Container
from shared.services.callers import Caller
from shared.services.idempotency import LEASE, LIFE, TURN, Answer
from tests.fakes.documents import Killed, Moment
from tests.services.conftest import caller
from tests.services.desk import DONE, Desk, open_desk
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES

LEASE_SECONDS = LEASE.total_seconds()
DAY = LIFE.total_seconds()


@pytest.fixture
async def desk(request: pytest.FixtureRequest, store: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(request, store, tmp_path) as made:
        yield made


async def test_a_request_that_is_sent_again_gets_the_same_answer_and_is_done_once(desk: Desk) -> None:
    first, again = await desk.send(), await desk.send()
    assert first == DONE
    assert (again.status, again.headers, again.body) == (DONE.status, DONE.headers, DONE.body)
    assert (first.replayed, again.replayed) == (False, True)
    assert len(desk.turns) == 1


async def test_another_request_with_the_key_is_refused_and_not_done(desk: Desk) -> None:
    await desk.send()
    with pytest.raises(KeyReusedError):
        await desk.send(request="another")
    assert len(desk.turns) == 1


async def test_keys_of_other_principals_and_tenants_are_others(desk: Desk) -> None:
    for by in (caller(), caller(user="bob"), caller(tenant="globex")):
        assert not (await desk.send(by=by)).replayed
    assert not (await desk.send(key="K")).replayed
    assert len(set(desk.turns)) == 4


async def test_of_many_at_once_one_does_it_and_the_others_are_told_to_ask_again(desk: Desk) -> None:
    finish = asyncio.Event()
    begun = []

    async def work(caller: Caller) -> Answer:
        begun.append(caller.turn)
        await finish.wait()
        return DONE

    async def send() -> Answer:
        try:
            return await desk.idempotency.once(desk.workshop.ada, "k", "r", work)
        except StillRunningError:
            finish.set()  # somebody was told while it ran
            raise

    outcomes = await asyncio.gather(*(send() for _ in range(10)), return_exceptions=True)
    assert len(begun) == 1
    assert len([one for one in outcomes if isinstance(one, Answer) and not one.replayed]) == 1
    assert all(isinstance(one, Answer | StillRunningError) for one in outcomes)
    with pytest.raises(KeyReusedError):
        await desk.send(request="another")
    assert (await desk.send()).replayed


async def test_what_may_yet_succeed_is_done_again_at_once_by_the_same_id(desk: Desk) -> None:
    late = await desk.send(Answer(503, {}, "", final=False))
    assert late.status == 503
    assert await desk.send() == DONE
    assert (await desk.send()).replayed
    assert len(desk.turns) == 2
    assert len(set(desk.turns)) == 1


async def test_after_a_death_one_of_many_has_the_next_turn_once_the_first_is_over(desk: Desk) -> None:
    await desk.die()
    desk.wait(LEASE_SECONDS - 1)
    with pytest.raises(StillRunningError):
        await desk.send()
    with pytest.raises(KeyReusedError):
        await desk.send(request="another")
    desk.wait(1)
    outcomes = await asyncio.gather(*(desk.send() for _ in range(10)), return_exceptions=True)
    assert outcomes.count(DONE) == 1
    assert all(isinstance(one, Answer | StillRunningError) for one in outcomes)
    assert len(desk.turns) == 2
    assert len(set(desk.turns)) == 1


async def test_a_key_is_known_for_a_day_and_then_it_is_new(desk: Desk) -> None:
    await desk.send()
    desk.wait(DAY - 1)
    assert (await desk.send()).replayed
    desk.wait(1)
    assert not (await desk.send(request="another")).replayed
    assert len(set(desk.turns)) == 2


async def test_turns_that_nothing_comes_of_do_not_make_a_key_known_for_longer(desk: Desk) -> None:
    await desk.die()
    desk.wait(DAY - LEASE_SECONDS - 5)
    await desk.die()
    desk.wait(LEASE_SECONDS)
    await desk.send(Answer(503, {}, "", final=False))
    desk.wait(6)
    assert not (await desk.send()).replayed
    assert len(set(desk.turns[:3])) == 1
    assert desk.turns[3] != desk.turns[0]


async def test_an_answer_is_kept_sealed(desk: Desk) -> None:
    await desk.send(Answer(200, {}, '{"secret": "whsec_shown_once"}'))
    (record,) = await desk.records()
    assert "whsec_shown_once" not in str(record.body)
    assert (await desk.send()).body == '{"secret": "whsec_shown_once"}'


async def test_an_answer_that_comes_too_late_does_not_replace_the_next_turns(desk: Desk) -> None:
    async def slow(caller: Caller) -> Answer:
        desk.wait(LEASE_SECONDS)
        assert await desk.send() == DONE
        return Answer(409, {}, "")

    late = await desk.idempotency.once(desk.workshop.ada, "k", "r", slow)
    assert late.status == 409
    assert (await desk.send()).status == DONE.status


async def test_who_is_late_begins_no_change(desk: Desk) -> None:
    async def slow(caller: Caller) -> Answer:
        desk.wait(TURN.total_seconds() + 1)
        with pytest.raises(UnavailableError):
            await desk.workshop.intents.create(caller, NewIntent("deploy", {}))
        return Answer(503, {}, "", final=False)

    await desk.idempotency.once(desk.workshop.ada, "k", "r", slow)
    await desk.workshop.intents.create(desk.workshop.ada, NewIntent("deploy", {}))


async def test_a_store_that_fails_before_the_work_is_an_error_and_nothing_is_done(desk: Desk) -> None:
    def fail(moment: Moment, container: Container) -> None:
        raise UnavailableError

    desk.documents.interrupt = fail
    with pytest.raises(UnavailableError):
        await desk.send()
    desk.documents.interrupt = None
    assert await desk.send() == DONE
    assert len(desk.turns) == 1


async def test_a_store_that_fails_after_the_work_takes_no_answer_away(desk: Desk) -> None:
    async def work(caller: Caller) -> Answer:
        desk.documents.interrupt = fail
        return DONE

    def fail(moment: Moment, container: Container) -> None:
        raise UnavailableError

    assert await desk.idempotency.once(desk.workshop.ada, "k", "r", work) == DONE
    desk.documents.interrupt = None
    with pytest.raises(StillRunningError):
        await desk.send()
    desk.wait(LEASE_SECONDS)
    assert await desk.send() == DONE


async def created(desk: Desk, caller: Caller) -> Answer:
    intent = await desk.workshop.intents.create(caller, NewIntent("deploy", {"target": "here"}))
    return Answer(201, {}, intent.id + "x" * 2_000_000)


async def test_an_answer_too_large_to_be_kept_is_made_again_of_what_was_done(desk: Desk) -> None:
    async def work(caller: Caller) -> Answer:
        return await created(desk, caller)

    for _ in range(2):
        answer = await desk.idempotency.once(desk.workshop.ada, "k", "r", work)
        assert answer.body.startswith("deploy-v1x")
        assert not answer.replayed


async def test_what_was_done_is_answered_as_it_was_though_others_changed_the_intent_since(desk: Desk) -> None:
    """The version that the request made, of a head that has moved on."""
    shop = desk.workshop
    answers: list[Any] = []

    async def work(caller: Caller) -> Answer:
        new = NewVersion({"target": "two"}, None, None, None, activate=False)
        answers.append(await shop.versions.put(caller, "deploy", new, if_match={etag}))
        raise Killed

    etag = (await shop.intents.create(shop.ada, NewIntent("deploy", {"target": "one"}))).etag.strip('"')
    with pytest.raises(Killed):
        await desk.idempotency.once(shop.ada, "k", "r", work)
    other = NewVersion({"target": "three"}, None, None, None, activate=True)
    await shop.versions.put(shop.ada, "deploy", other, if_match={"*"})
    desk.wait(LEASE_SECONDS)
    with pytest.raises(Killed):
        await desk.idempotency.once(shop.ada, "k", "r", work)
    first, again = answers
    assert (first.id, again.id) == ("deploy-v2", "deploy-v2")
    assert first.definition == again.definition == {"target": "two"}
    assert again.latest_version == 3
