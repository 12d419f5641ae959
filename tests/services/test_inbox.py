"""What people are asked, over all executions: all of it at once, and nothing that no word would change."""

from typing import Any

import pytest

from shared.domain.approvals import ApprovalFilter, ApprovalStatus, Asked
from shared.domain.intents import NewIntent, NewVersion
from shared.modules.approvals import ApprovalAction
from shared.ports.documents import EXECUTIONS, Replace
from shared.services.callers import Caller
from tests.services.conftest import Workshop
from tests.services.test_approvals import BOB, CLEO, asked, decide, member, polled
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES


@pytest.fixture(autouse=True)
def action(workshop: Workshop) -> None:
    workshop.catalogue.use(ApprovalAction(workshop.approvals))


async def listed(workshop: Workshop, who: Caller = BOB, *, limit: int = 50, **matching: Any) -> list[Asked]:
    """All pages."""
    found, cursor = list[Asked](), None
    while True:
        page, cursor = await workshop.platform.inbox.list(
            who, ApprovalFilter(**matching), limit=limit, cursor=cursor
        )
        assert len(page) <= limit
        found += page
        if cursor is None:
            return found


async def names(workshop: Workshop, who: Caller = BOB, **matching: Any) -> list[str]:
    return [one.intent_id for one in await listed(workshop, who, **matching)]


async def ask(workshop: Workshop, name: str, **question: Any) -> Any:
    execution = await workshop.execute({"id": "ask", "action": "approval", **question}, name=name)
    assert (await workshop.attempt(execution, "ask", first=True))["status"] == "pending"
    workshop.clock.advance(1)
    return execution


async def test_what_was_asked_is_listed_from_then_on_the_longest_wait_first(workshop: Workshop) -> None:
    for name in ("c", "a", "b"):
        execution = await ask(workshop, name, message=f"may {name} go?")
        (*_, last) = await listed(workshop)
        assert (last.execution_id, last.approval.question.message) == (
            execution.execution_id,
            f"may {name} go?",
        )
    for limit in (1, 2, 3):
        assert await names(workshop, limit=limit) == ["c-v1", "a-v1", "b-v1"]
    assert await names(workshop, member("eve", tenant="globex")) == []


async def test_what_is_decided_moves_to_its_status_the_last_asked_first(workshop: Workshop) -> None:
    for name, verdict in (("a", "approved"), ("b", "rejected"), ("c", "approved")):
        execution = await ask(workshop, name)
        await decide(workshop, execution, BOB, verdict)  # type: ignore[arg-type]
    assert await names(workshop) == []
    assert await names(workshop, status="approved") == ["c-v1", "a-v1"]
    assert await names(workshop, status="rejected") == ["b-v1"]


async def test_the_list_is_filtered_by_intent_or_version(workshop: Workshop) -> None:
    first = await ask(workshop, "a")
    await ask(workshop, "b")
    body = {"steps": [{"id": "ask", "action": "approval"}]}
    await workshop.versions.put(workshop.ada, "a", NewVersion(body), if_match={"*"})
    again = await workshop.executions.execute(workshop.ada, "a", {})
    await workshop.attempt(again, "ask", first=True)
    found = [one.execution_id for one in await listed(workshop, intent="a")]
    assert found == [first.execution_id, again.execution_id]
    assert [one.execution_id for one in await listed(workshop, intent="a-v1")] == [first.execution_id]


async def test_mine_is_what_waits_for_my_word(workshop: Workshop) -> None:
    finance = {"approvers": {"attributes": {"department": "finance"}}}
    for name, question in (("any", {}), ("finance", finance), ("two", {"required": 2})):
        await ask(workshop, name, **question)
    fay = member("fay", department="finance")
    assert await names(workshop, fay, mine=True) == ["any-v1", "finance-v1", "two-v1"]
    assert await names(workshop, BOB, mine=True, limit=1) == ["any-v1", "two-v1"]
    assert await names(workshop, workshop.ada, mine=True) == []  # she executed them
    assert await names(workshop, member("vic", "viewer"), mine=True) == []
    two = (await listed(workshop, intent="two"))[0]
    await workshop.approvals.decide(BOB, two.execution_id, "ask", "approved")
    assert await names(workshop, BOB, mine=True) == ["any-v1"]
    assert [(one.approval.have, one.may_decide) for one in await listed(workshop, BOB, intent="two")] == [
        (1, False)
    ]
    assert await names(workshop, CLEO, mine=True) == ["any-v1", "two-v1"]


async def test_a_page_is_short_rather_than_long_in_coming(workshop: Workshop) -> None:
    """It looks at a bounded number of approvals, whatever it finds."""
    for number in range(12):
        await ask(workshop, f"a{number:02}", approvers={"attributes": {"department": "finance"}})
    await ask(workshop, "mine")
    inbox, mine = workshop.platform.inbox, ApprovalFilter(mine=True)
    page, cursor = await inbox.list(BOB, mine, limit=1)
    assert (page, cursor is None) == ([], False)
    page, cursor = await inbox.list(BOB, mine, limit=1, cursor=cursor)
    assert ([one.intent_id for one in page], cursor) == (["mine-v1"], None)


async def test_what_expired_waits_for_nobody_even_before_it_is_decided(workshop: Workshop) -> None:
    execution = await asked(workshop, expires_in=60)
    workshop.clock.advance(60)
    assert await names(workshop) == []
    await polled(workshop, execution)
    (found,) = await listed(workshop, status="rejected")
    assert found.approval.expired


async def test_who_cancels_asks_nobody_any_more_but_for_what_runs_at_last(workshop: Workshop) -> None:
    ask = {"id": "ask", "action": "approval"}
    definition = {"steps": [{"id": "first", "action": "approval"}], "finally": [ask]}
    await workshop.intents.create(workshop.ada, NewIntent(name="tidy", definition=definition))
    execution = await workshop.executions.execute(workshop.ada, "tidy", {})
    await workshop.attempt(execution, "first", first=True)
    await workshop.steering.steer(workshop.ada, execution.execution_id, "cancel")
    assert await listed(workshop) == []
    await workshop.attempt(execution, "ask", ending="cancelled")
    assert [one.approval.step for one in await listed(workshop)] == ["ask"]
    await workshop.steering.steer(workshop.ada, execution.execution_id, "terminate")
    assert await listed(workshop) == []


@pytest.mark.parametrize("status", ["cancelled", "failed"])
async def test_what_nobody_decided_is_withdrawn_with_the_end(workshop: Workshop, status: str) -> None:
    execution = await asked(workshop, required=2)
    await decide(workshop, execution, BOB)
    for _ in range(2):  # an activity is delivered twice
        await workshop.finish(execution, status, cancelled=["ask"])
    found: dict[ApprovalStatus, int] = {}
    for one in ("waiting", "approved", "rejected", "withdrawn"):
        found[one] = len(await listed(workshop, status=one))
    assert found == {"waiting": 0, "approved": 0, "rejected": 0, "withdrawn": 1}
    (withdrawn,) = await listed(workshop, status="withdrawn")
    assert (withdrawn.approval.have, withdrawn.may_decide) == (1, False)
    shown = (await workshop.executions.get(workshop.ada, execution.execution_id)).steps[0].to_json()
    assert shown["approval"] == withdrawn.approval.shown()
    assert await decide(workshop, execution, BOB) == withdrawn.approval.left_by("bob@acme")


async def test_what_an_earlier_release_asked_is_listed_too(workshop: Workshop) -> None:
    """It did not say of which intent it is, nor withdraw what nobody had decided."""
    for name in ("goes-on", "ended"):
        execution = await ask(workshop, name)
        place: Any = {"container": EXECUTIONS, "partition": execution.execution_id}
        document = await workshop.documents.read(workshop.ada.scope, **place, id="approval:ask")
        assert document is not None
        if name == "ended":
            await workshop.finish(execution, "cancelled", cancelled=["ask"])
        body = {key: value for key, value in document.body.items() if not key.startswith("intent")}
        await workshop.documents.transact(workshop.ada.scope, **place, operations=[Replace(body)])
    assert await names(workshop) == ["goes-on-v1"]
