"""The relay: nothing that was stored is left out, whatever fails, and nothing bad stands in the way."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localhost.sqlite.documents import SqliteDocuments
from shared.domain.errors import UnavailableError
from shared.domain.metrics import RELAY_LAG
from shared.ports.actions import Completed
from shared.ports.documents import EXECUTIONS, REGISTRY, TENANCY, Documents, Query
from shared.ports.events import MAX_EVENT_BYTES
from shared.security.scope import TenantScope
from shared.services.delivery.relay import MAX_RESULT, PARKED, Relay, UnmappableError, cloud_event
from shared.services.records import event
from shared.services.tenancy.directory import DIRECTORY
from tests.fakes.clock import START, FrozenClock
from tests.fakes.events import FlakyEvents
from tests.fakes.telemetry import RecordedTelemetry
from tests.services.conftest import Workshop

type Body = Mapping[str, Any]

RUN = "01HKAJ5W1QZ5M5V7YB4W6N8T2C"


def stored(key: str, type: str, *, execution: str = RUN, tenant: str = "acme", **data: Any) -> dict[str, Any]:
    """An event document as the feed of executions gives it."""
    body = event(key=key, type=type, now=START, data=data)
    return body | {"tenant_id": tenant, "execution_id": execution, "_etag": "7", "_lsn": 7}


@pytest.fixture
async def documents(tmp_path: Path) -> AsyncIterator[SqliteDocuments]:
    store = SqliteDocuments(tmp_path / "documents.db")
    yield store
    store.close()


async def parked(documents: Documents) -> list[Body]:
    page = await documents.query(TenantScope(DIRECTORY), Query(TENANCY, "parked", partition=PARKED))
    return [item.body for item in page.items]


def test_a_step_event_says_where_it_comes_from_and_has_an_id_of_its_own() -> None:
    found = cloud_event(EXECUTIONS, stored("build:2", "step_completed", step="build", attempt=2, result={}))
    assert found.to_json() == {
        "specversion": "1.0",
        "id": f"{RUN}/build/2/step_completed",
        "type": "com.quantum.step_completed",
        "source": f"/tenants/acme/executions/{RUN}",
        "subject": "build",
        "time": "2026-01-02T03:04:05.000000Z",
        "datacontenttype": "application/json",
        "partitionkey": f"acme/{RUN}",
        "data": {"tenant_id": "acme", "execution_id": RUN, "step": "build", "attempt": 2, "result": {}},
    }


def test_an_intents_event_comes_from_the_intent() -> None:
    body = event(key="1", type="intent_created", now=START, data={"version": 1})
    found = cloud_event(REGISTRY, body | {"tenant_id": "acme", "intent": "deploy"})
    assert (found.id, found.source) == ("deploy/1/intent_created", "/tenants/acme/intents/deploy")
    assert (found.subject, found.key, found.data["intent"]) == ("deploy", "acme/deploy", "deploy")


def test_a_result_that_is_too_large_to_travel_is_left_where_it_is() -> None:
    large = {"text": "x" * MAX_RESULT}
    found = cloud_event(EXECUTIONS, stored("a:1", "step_completed", step="a", result=large))
    assert "result" not in found.data
    assert found.data["result_omitted"] is True


@pytest.mark.parametrize(
    "change",
    [
        {"type": None},
        {"type": "Step Completed"},
        {"time": "yesterday"},
        {"time": "2026-01-02T03:04:05"},
        {"data": []},
        {"tenant_id": "../acme"},
        {"execution_id": ""},
        {"id": 7},
    ],
    ids=str,
)
def test_what_is_no_event_is_told_apart(change: dict[str, Any]) -> None:
    with pytest.raises(UnmappableError):
        cloud_event(EXECUTIONS, stored("a:1", "step_completed") | change)


async def test_what_an_execution_stores_is_published_in_its_order_and_nothing_else(
    workshop: Workshop,
) -> None:
    workshop.catalogue.add("act", lambda _, __: Completed({}))
    execution = await workshop.execute({"id": "a", "action": "act"})
    await workshop.attempt(execution, "a")
    await workshop.finish(execution, "completed")
    assert isinstance(workshop.documents, SqliteDocuments)
    changes = await workshop.documents.feed(container=EXECUTIONS, after=None, limit=100, wait=0)
    log = FlakyEvents()
    relay = Relay(documents=workshop.documents, events=log, clock=workshop.clock)
    await relay.publish(EXECUTIONS, [change.body for change in changes])
    run = execution.execution_id
    assert log.ids(f"acme/{run}") == [
        f"{run}/execution/execution_started",
        f"{run}/a/1/step_started",
        f"{run}/a/1/step_completed",
        f"{run}/execution/execution_completed",
    ]


async def test_a_log_that_cannot_be_reached_fails_the_batch(documents: SqliteDocuments) -> None:
    relay = Relay(documents=documents, events=FlakyEvents([0]), clock=FrozenClock())
    with pytest.raises(UnavailableError):
        await relay.publish(EXECUTIONS, [stored("a:1", "step_started", step="a")])


async def test_a_document_that_is_no_event_is_parked_once_and_holds_nobody_up(
    documents: SqliteDocuments, caplog: pytest.LogCaptureFixture
) -> None:
    log = FlakyEvents()
    relay = Relay(documents=documents, events=log, clock=FrozenClock())
    poison = stored("a:1", "step_started") | {"time": "yesterday"}
    for _ in range(2):  # the feed may give it again
        await relay.publish(EXECUTIONS, [poison, stored("b:1", "step_started", step="b")])
    assert log.ids(f"acme/{RUN}") == [f"{RUN}/b/1/step_started"]
    (record,) = await parked(documents)
    assert "its time is none" in record["reason"]
    assert '"yesterday"' in record["document"]
    assert "parked event:a:1:step_started of executions" in caplog.text


async def test_an_event_that_the_log_can_never_take_is_parked_and_the_rest_is_published(
    documents: SqliteDocuments,
) -> None:
    log = FlakyEvents()
    relay = Relay(documents=documents, events=log, clock=FrozenClock())
    huge = stored("a:1", "step_failed", step="a", error={"message": "x" * MAX_EVENT_BYTES})
    changes = [stored("a:1", "step_started", step="a"), huge, stored("b:1", "step_started", step="b")]
    await relay.publish(EXECUTIONS, changes)
    assert log.ids(f"acme/{RUN}") == [f"{RUN}/a/1/step_started", f"{RUN}/b/1/step_started"]
    (record,) = await parked(documents)
    assert f"{RUN}/a/1/step_failed" in record["reason"]


async def test_lag_is_the_age_of_the_oldest_event_and_much_of_it_is_said(
    documents: SqliteDocuments, caplog: pytest.LogCaptureFixture
) -> None:
    clock, telemetry = FrozenClock(), RecordedTelemetry()
    clock.advance(90)
    other = stored("b:1", "step_started", step="b") | {"tenant_id": "globex"}
    changes = [stored("a:1", "step_started", step="a"), other]
    relay = Relay(documents=documents, events=FlakyEvents(), clock=clock, telemetry=telemetry)
    await relay.publish(EXECUTIONS, changes)
    assert telemetry.of(RELAY_LAG) == [(90, {"tenant_id": "acme"}), (90, {"tenant_id": "globex"})]
    assert "90 s after they were stored" in caplog.text


@given(
    sizes=st.lists(st.integers(1, 6), min_size=1, max_size=6),
    runs=st.lists(st.integers(0, 2), min_size=36, max_size=36),
    faults=st.lists(st.none() | st.integers(0, 6), max_size=12),
)
def test_whatever_fails_nothing_is_lost_and_the_order_of_each_key_is_kept(
    sizes: list[int], runs: list[int], faults: list[int | None]
) -> None:
    feed = [
        stored(f"s{at}:1", "step_started", execution=f"run-{run}", step="s") for at, run in enumerate(runs)
    ]
    log = FlakyEvents(faults)
    no_documents: Any = None  # nothing is parked
    relay = Relay(documents=no_documents, events=log, clock=FrozenClock())

    async def follow() -> None:
        """As the trigger does: a batch that fails is handed over again until it does not."""
        position = 0
        while position < len(feed):
            size = sizes[position % len(sizes)]
            try:
                await relay.publish(EXECUTIONS, feed[position : position + size])
            except UnavailableError:
                continue
            position += size

    asyncio.run(follow())
    for run in set(runs):
        expected = [f"run-{run}/s{at}/1/step_started" for at, one in enumerate(runs) if one == run]
        assert log.ids(f"acme/run-{run}") == expected
