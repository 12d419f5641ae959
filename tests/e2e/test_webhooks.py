"""From an execution to somebody's endpoint: feed, hub and durable deliveries of a real host."""

import itertools
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from examples import hosting
from tests import forked
from tests.e2e.api import Api
from tests.e2e.receiver import Received, Receiver
from tests.host.running import until

STEP = {"id": "a", "action": "transform", "outputs": {"x": 1}}
ATTEMPTS = 3
_numbers = itertools.count()
TYPES = ["execution_started", "step_started", "step_completed", "execution_completed"]


@pytest.fixture(scope="module")
def impatient_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[hosting.Host]:
    """A host that gives a webhook up after three attempts within half a second."""
    folder = tmp_path_factory.mktemp("webhooks")
    running = forked.start(
        folder / "data",
        log=folder / "host.log",
        QUANTUM_WEBHOOK_ATTEMPTS=str(ATTEMPTS),
        QUANTUM_WEBHOOK_FIRST_DELAY="0.1",
    )
    yield running
    running.stop()


@pytest.fixture
def hooks(impatient_host: hosting.Host) -> Iterator[Api]:
    """A tenant of its own for each test."""
    name = f"tenant-{next(_numbers)}"
    with Api(impatient_host, tenant=name, user=name) as api:
        yield api


def subscribe(api: Api, receiver: Receiver, *types: str, name: str = "hook") -> str:
    response = api.client.put(f"/subscriptions/{name}", json={"url": receiver.url, "events": list(types)})
    assert response.status_code == 200, response.text
    return str(response.json()["secret"])


def deliveries(api: Api, **query: str) -> list[dict[str, Any]]:
    response = api.client.get("/subscriptions/hook/deliveries", params=query)
    assert response.status_code == 200, response.text
    items: list[dict[str, Any]] = response.json()["items"]
    return items


def counted(api: Api, counter: str) -> int:
    return sum(day[counter] for day in api.client.get("/stats").json()["days"])


def test_an_execution_reaches_its_subscriber_signed_as_cloud_events(hooks: Api) -> None:
    with Receiver() as receiver:
        secret = subscribe(hooks, receiver, "*")
        execution = hooks.run([STEP])["execution_id"]
        until(lambda: len(receiver.received) > len(TYPES))
    assert all(request.signed_with(secret) for request in receiver.received)
    assert not receiver.received[0].signed_with("whsec_" + "A" * 32)
    assert receiver.received[0].headers["content-type"].startswith("application/cloudevents+json")
    events = {event["id"]: event for event in receiver.events()}
    assert Counter(event["type"] for event in events.values()) == Counter(
        f"com.quantum.{name}" for name in ("intent_created", *TYPES)
    )
    done = events[f"{execution}/a/1/step_completed"]
    assert done["source"].endswith(f"/executions/{execution}")
    assert (done["subject"], done["data"]["result"]) == ("a", {"x": 1})
    until(lambda: len(deliveries(hooks, status="delivered")) == len(events))
    shown = {f"msg_{one['id']}" for one in deliveries(hooks)}
    assert shown == {request.headers["webhook-id"] for request in receiver.received}


def test_a_receiver_that_fails_at_first_gets_the_same_message_again(hooks: Api) -> None:
    def answer(_: Received) -> int:
        return 204 if receiver.received else 503

    with Receiver(answer) as receiver:
        subscribe(hooks, receiver, "execution_completed")
        hooks.run([STEP])
        (sent,) = until(lambda: deliveries(hooks, status="delivered"))
        first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert (sent["attempts"], sent["last_status"], sent["error"]) == (2, 204, None)


def test_a_delivery_that_nobody_takes_becomes_a_dead_letter(hooks: Api) -> None:
    with Receiver(lambda _: 500) as receiver:
        subscribe(hooks, receiver, "execution_completed")
        execution = hooks.run([STEP])["execution_id"]
        (dead,) = until(lambda: deliveries(hooks, status="dead"))
        assert len(receiver.received) == ATTEMPTS
    assert dead["event_id"].startswith(f"{execution}/")
    assert (dead["attempts"], dead["last_status"]) == (ATTEMPTS, 500)
    assert dead["error"] == "the receiver answered 500"


def test_a_receiver_that_is_gone_ends_its_subscription(hooks: Api) -> None:
    with Receiver(lambda _: 410) as receiver:
        subscribe(hooks, receiver, "execution_completed")
        hooks.run([STEP])
        until(lambda: deliveries(hooks, status="dead"))
        assert len(receiver.received) == 1
    found = hooks.client.get("/subscriptions/hook").json()
    assert (found["enabled"], found["disabled_reason"]) == (False, "the receiver answered 410")


def test_a_private_address_is_refused_unless_the_operator_allows_it(hooks: Api) -> None:
    response = hooks.client.put(
        "/subscriptions/hook", json={"url": "http://169.254.169.254/", "events": ["execution_completed"]}
    )
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/url", "EGRESS")
    assert "link-local" in error["message"]


def test_a_days_executions_are_counted(hooks: Api) -> None:
    for _ in range(2):
        hooks.run([STEP])
    hooks.run([{"id": "broken", "action": "assert", "condition": "false"}])

    until(lambda: counted(hooks, "executions_failed") == 1)
    until(lambda: counted(hooks, "executions_completed") == 2)
    counts = hooks.client.get("/stats").json()["days"][-1]
    assert (counts["executions_started"], counts["steps_completed"], counts["steps_failed"]) == (3, 2, 1)


def test_what_happens_while_the_hub_is_down_is_delivered_when_it_is_back(
    hooks: Api, impatient_host: hosting.Host
) -> None:
    with Receiver() as receiver:
        subscribe(hooks, receiver, "execution_completed")
        with _locked(impatient_host.data / "events.db"):
            executions = [hooks.run([STEP])["execution_id"] for _ in range(3)]
            assert receiver.received == []
        until(lambda: len(receiver.received) >= len(executions))
    assert {event["data"]["execution_id"] for event in receiver.events()} == set(executions)


def test_a_host_that_is_killed_leaves_no_event_out_and_counts_none_twice(
    tmp_path: Path, stores: dict[str, str]
) -> None:
    data, log = tmp_path / "data", tmp_path / "host.log"
    host = forked.start(data, log=log, **stores)
    try:
        with Receiver() as receiver:
            with Api(host) as api:
                subscribe(api, receiver, "execution_completed")
                intent = api.create([STEP])
                executions = {api.execute(intent) for _ in range(20)}
                until(lambda: receiver.received)
            host.kill()
            host = forked.start(data, log=log, **stores)
            until(lambda: {event["data"]["execution_id"] for event in receiver.events()} == executions)
        with Api(host) as api:
            until(lambda: counted(api, "executions_completed") >= len(executions))
            assert counted(api, "executions_completed") == counted(api, "steps_completed") == len(executions)
    finally:
        host.kill()


class _locked:  # noqa: N801 - it reads as a word
    """Nobody else can write the file meanwhile."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, *_: object) -> None:
        self._connection.execute("ROLLBACK")
        self._connection.close()
