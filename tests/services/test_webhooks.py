"""Deliveries: one for each event and subscription, whatever repeats, tried until taken or given up."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from localhost.sqlite.documents import SqliteDocuments
from shared.domain.errors import UnavailableError
from shared.domain.paging import Cursors
from shared.domain.subscriptions import Delivery, NewSubscription, retry_delay
from shared.ports.documents import TENANCY, Query
from shared.ports.events import CloudEvent
from shared.security.egress import EgressPolicy
from shared.security.webhooks import signed_headers
from shared.services.audit.chains import Chains
from shared.services.callers import Caller
from shared.services.delivery.subscriptions import LIFE, PARTITION, Subscriptions
from shared.services.delivery.webhooks import KEPT, ORCHESTRATOR, RetryPolicy, Webhooks
from shared.services.secrets.sealing import Sealer
from shared.services.tenancy.quotas import Room
from shared.services.tenancy.tenants import Tenants
from tests.fakes.clock import START, FrozenClock
from tests.fakes.orchestrations import RecordedOrchestrations
from tests.fakes.webhooks import ScriptedReceiver
from tests.services.conftest import caller

ADA = caller()
URL = "https://hooks.example.com/"


def event(
    type: str = "step_completed", *, tenant: str = "acme", step: str = "a", at: datetime = START
) -> bytes:
    made = CloudEvent(
        id=f"run/{step}/1/{type}",
        type=f"com.quantum.{type}",
        source=f"/tenants/{tenant}/executions/run",
        subject=step,
        time=at,
        data={"tenant_id": tenant, "step": step},
        key=f"{tenant}/run",
    )
    return orjson.dumps(made.to_json())


@dataclass(frozen=True)
class Office:
    documents: SqliteDocuments
    orchestrations: RecordedOrchestrations
    receiver: ScriptedReceiver
    clock: FrozenClock
    subscriptions: Subscriptions
    webhooks: Webhooks
    tenants: Tenants

    async def subscribe(self, *types: str, name: str = "hook", by: Caller = ADA, **fields: Any) -> str | None:
        new = NewSubscription(URL, types, **fields)
        _, secret = await self.subscriptions.put(by, name, new)
        return secret

    async def deliver(self, attempt: int = 1) -> float | None:
        """One attempt of the one delivery that was started."""
        ((_, work),) = self.orchestrations.started.values()
        return await self.webhooks.deliver(work | {"attempt": attempt})

    async def deliveries(self, name: str = "hook") -> list[Delivery]:
        found, _ = await self.subscriptions.deliveries(ADA, name)
        return list(found)

    async def records(self) -> list[Mapping[str, Any]]:
        query = Query(TENANCY, "audit", partition=PARTITION, order=[(("number",), "asc")])
        return [item.body for item in (await self.documents.query(ADA.scope, query)).items]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    clock, orchestrations, receiver = FrozenClock(), RecordedOrchestrations(), ScriptedReceiver()
    documents = SqliteDocuments(tmp_path / "documents.db", now=clock.now)
    subscriptions = Subscriptions(
        documents=documents,
        chains=Chains(),
        cursors=Cursors(b"k" * 32),
        clock=clock,
        sealer=Sealer(b"k" * 32, purpose="webhook secrets"),
        url_refusal=EgressPolicy().refusal_of_url,
        room=Room(documents),
    )
    tenants = Tenants(documents, clock)
    webhooks = Webhooks(
        documents=documents,
        tenants=tenants,
        orchestrations=orchestrations,
        subscriptions=subscriptions,
        sender=receiver,
        clock=clock,
        policy=RetryPolicy(attempts=3, first_delay=10),
    )
    yield Office(documents, orchestrations, receiver, clock, subscriptions, webhooks, tenants)
    documents.close()


async def test_only_the_events_that_a_subscription_names_are_delivered_to_it(office: Office) -> None:
    await office.subscribe("step_completed", name="steps")
    await office.subscribe("*", name="all")
    await office.subscribe("*", name="off", enabled=False)
    await office.subscribe("*", name="theirs", by=caller("globex", "eve"))
    await office.webhooks.notify([event("step_started"), event("step_completed")])
    started = office.orchestrations.started.values()
    assert sorted(work["subscription"] for _, work in started) == ["all", "all", "steps"]
    assert {name for name, _ in started} == {ORCHESTRATOR}
    assert {work["tenant_id"] for _, work in started} == {"acme"}


async def test_an_event_that_comes_again_is_one_delivery(office: Office) -> None:
    await office.subscribe("*")
    await office.webhooks.notify([event(), event()])
    await office.webhooks.notify([event()])
    assert await office.deliver() is None
    office.orchestrations.started.clear()  # as a backend does that has forgotten an orchestration that ended
    await office.webhooks.notify([event()])
    assert office.orchestrations.started == {}
    assert len(office.receiver.sent) == 1


async def test_a_delivery_that_was_stored_but_not_started_is_started_by_the_repeat(office: Office) -> None:
    await office.subscribe("*")
    office.orchestrations.reachable = False
    with pytest.raises(UnavailableError):
        await office.webhooks.notify([event()])
    office.orchestrations.reachable = True
    await office.webhooks.notify([event()])
    assert len(office.orchestrations.started) == 1
    assert len(await office.deliveries()) == 1


async def test_what_is_none_of_our_events_is_passed_over(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    await office.subscribe("*")
    strange = [b"not json", b"[]", b"{}", orjson.dumps({"id": 1, "source": "", "type": "", "time": ""})]
    await office.webhooks.notify([*strange, event()])
    assert len(office.orchestrations.started) == 1
    assert caplog.text.count("none of this platform's") == len(strange)


async def test_the_receiver_gets_the_event_signed_with_the_secret_that_was_shown(office: Office) -> None:
    secret = await office.subscribe("*")
    await office.webhooks.notify([event()])
    assert await office.deliver() is None
    (sent,) = office.receiver.sent
    assert (sent.url, orjson.loads(sent.body)) == (URL, orjson.loads(event()))
    assert secret is not None
    signed = signed_headers(
        secret, id=sent.headers["webhook-id"], timestamp=int(START.timestamp()), body=sent.body
    )
    assert signed.items() <= sent.headers.items()
    (delivery,) = await office.deliveries()
    assert (delivery.status, delivery.attempts, delivery.last_status) == ("delivered", 1, 204)


async def test_no_answer_and_a_bad_one_are_tried_again_later_and_later(office: Office) -> None:
    office.receiver.answers = [None, 503, 200]
    await office.subscribe("*")
    await office.webhooks.notify([event()])
    first = await office.deliver(1)
    (waiting,) = await office.deliveries()
    assert (waiting.status, waiting.error) == ("pending", "no answer: connection refused")
    assert waiting.next_attempt_at is not None
    second = await office.deliver(2)
    assert first == pytest.approx(10, rel=0.1)
    assert second == pytest.approx(30, rel=0.1)
    assert await office.deliver(3) is None
    assert len({sent.headers["webhook-id"] for sent in office.receiver.sent}) == 1


async def test_an_attempt_that_was_recorded_is_not_made_again(office: Office) -> None:
    office.receiver.answers = [503]
    await office.subscribe("*")
    await office.webhooks.notify([event()])
    assert await office.deliver(1) == await office.deliver(1)
    assert len(office.receiver.sent) == 1


async def test_after_the_last_attempt_a_delivery_is_a_dead_letter(office: Office) -> None:
    office.receiver.answers = [500, 302, None]
    await office.subscribe("*")
    await office.webhooks.notify([event()])
    assert [await office.deliver(attempt) is None for attempt in (1, 2, 3)] == [False, False, True]
    found, _ = await office.subscriptions.deliveries(ADA, "hook", status="dead")
    assert [(one.attempts, one.error) for one in found] == [(3, "no answer: connection refused")]


async def test_a_receiver_that_is_gone_ends_the_subscription_until_it_is_put_again(office: Office) -> None:
    office.receiver.answers = [410]
    await office.subscribe("*")
    await office.webhooks.notify([event()])
    assert await office.deliver() is None
    found = await office.subscriptions.get(ADA, "hook")
    assert (found.enabled, found.disabled_reason) == (False, "the receiver answered 410")
    assert [delivery.status for delivery in await office.deliveries()] == ["dead"]
    assert await office.subscribe("*") is None  # the secret stays
    assert (await office.subscriptions.get(ADA, "hook")).enabled


async def test_what_is_on_its_way_to_a_deleted_subscription_is_given_up(office: Office) -> None:
    await office.subscribe("*")
    await office.webhooks.notify([event()])
    await office.subscriptions.delete(ADA, "hook")
    assert await office.deliver() is None
    assert office.receiver.sent == []


async def test_nothing_from_before_a_subscription_was_made_goes_to_it(office: Office) -> None:
    office.clock.advance(1)
    await office.subscribe("*")
    await office.webhooks.notify([event()])
    assert office.orchestrations.started == {}


async def test_a_log_that_is_read_anew_from_its_beginning_delivers_nothing_old_again(office: Office) -> None:
    await office.subscribe("*")
    await office.webhooks.notify([event()])
    office.orchestrations.started.clear()
    office.clock.advance(KEPT)
    await office.webhooks.notify([event()])
    assert office.orchestrations.started == {}


async def test_a_change_made_elsewhere_is_felt_within_seconds(office: Office) -> None:
    await office.subscribe("*")
    await office.webhooks.notify([event(step="a")])
    elsewhere = Subscriptions(
        documents=office.documents,
        chains=Chains(),
        cursors=Cursors(b"k" * 32),
        clock=office.clock,
        sealer=Sealer(b"k" * 32, purpose="webhook secrets"),
        url_refusal=EgressPolicy().refusal_of_url,
        room=Room(office.documents),
    )
    await elsewhere.delete(ADA, "hook")
    office.clock.advance(LIFE)
    await office.webhooks.notify([event(step="b")])
    assert len(office.orchestrations.started) == 1


async def test_every_change_is_in_the_audit_chain_and_no_secret_is(office: Office) -> None:
    secret = await office.subscribe("*")
    await office.subscribe("step_failed")
    await office.subscriptions.delete(ADA, "hook")
    await office.subscribe("*")
    records = await office.records()
    assert [record["action"] for record in records] == [
        "subscription.put",
        "subscription.put",
        "subscription.delete",
        "subscription.put",
    ]
    links = [(record["previous_hash"], record["hash"]) for record in records]
    assert all(link[0] == before[1] for before, link in itertools.pairwise(links))
    assert records[1]["before"]["events"] == ["*"]
    assert records[2]["after"] is None
    stored = orjson.dumps([*records, (await office.subscriptions.get(ADA, "hook")).sealed_secret])
    assert secret is not None
    assert secret.removeprefix("whsec_").encode() not in stored


def test_a_secret_opens_in_its_own_place_and_with_its_own_key_only() -> None:
    sealed = Sealer(b"k" * 32, purpose="a").seal("text", place="acme/hook")
    assert Sealer(b"k" * 32, purpose="a").open(sealed, place="acme/hook") == "text"
    for sealer, place in (
        (Sealer(b"k" * 32, purpose="a"), "globex/hook"),
        (Sealer(b"k" * 32, purpose="b"), "acme/hook"),
        (Sealer(b"j" * 32, purpose="a"), "acme/hook"),
    ):
        with pytest.raises(UnavailableError):
            sealer.open(sealed, place=place)


def test_the_delays_of_the_default_policy_add_up_to_about_a_day() -> None:
    delays = [retry_delay("d", attempt, first=5) for attempt in range(1, 12)]
    assert delays == [retry_delay("d", attempt, first=5) for attempt in range(1, 12)]
    assert 20 * 3600 < sum(delays) < 26 * 3600
    assert delays[0] != retry_delay("e", 1, first=5)
