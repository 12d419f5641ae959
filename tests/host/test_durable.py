"""Durable functions of a foreign app, through its own HTTP functions and the management API."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.host.running import RunningHost, finished, until


@pytest.fixture
def api(classic: RunningHost) -> Iterator[httpx.Client]:
    """A client of the management API, with its key."""
    with httpx.Client(base_url=classic.webhooks, params={"code": classic.keys["durable"]}, timeout=60) as api:
        yield api


def start(api: httpx.Client, name: str, body: Any = None) -> dict[str, str]:
    answer = api.post(f"/orchestrators/{name}", json=body)
    assert answer.status_code == 202
    assert answer.headers["location"] == answer.json()["statusQueryGetUri"]
    urls: dict[str, str] = answer.json()
    return urls


def status_is(api: httpx.Client, instance: str, status: str) -> bool:
    return bool(api.get(f"/instances/{instance}").json()["runtimeStatus"] == status)


@pytest.mark.parametrize("path", ["start", "start-sync", "start-blocking"])
def test_a_chain_started_by_the_apps_client_completes(
    classic: RunningHost, client: httpx.Client, path: str
) -> None:
    answer = client.post(f"{classic.url}/api/{path}/chain")

    assert answer.status_code == 202
    status = finished(client, answer.headers["location"])
    assert (status["runtimeStatus"], status["output"]) == ("Completed", ["Hello Tokyo!", "Hello Oslo!"])


def test_a_fan_out_collects_its_results(classic: RunningHost, client: httpx.Client) -> None:
    answer = client.post(f"{classic.url}/api/start/fan_out")

    assert finished(client, answer.headers["location"])["output"] == sum(n * n for n in range(10))


def test_an_orchestration_can_call_over_http(
    classic: RunningHost, api: httpx.Client, client: httpx.Client
) -> None:
    urls = start(api, "calls_http", f"{classic.url}/api/text")

    assert finished(client, urls["statusQueryGetUri"])["output"] == [200, "plain"]


def test_an_event_wakes_the_orchestration_that_waits_for_it(api: httpx.Client, client: httpx.Client) -> None:
    urls = start(api, "approval")
    until(lambda: client.get(urls["statusQueryGetUri"]).json()["customStatus"] == "waiting")

    raised = client.post(urls["sendEventPostUri"].replace("{eventName}", "Approval"), json=True)

    assert raised.status_code == 202
    assert finished(client, urls["statusQueryGetUri"])["output"] == {"approved": True}
    assert (
        client.post(urls["sendEventPostUri"].replace("{eventName}", "Approval"), json=True).status_code == 410
    )


def test_a_running_instance_is_202_with_its_location(api: httpx.Client) -> None:
    urls = start(api, "approval")

    answer = api.get(f"/instances/{urls['id']}")

    assert answer.status_code == 202
    assert answer.headers["location"].startswith(urls["statusQueryGetUri"].partition("?")[0])


def test_an_instance_can_be_given_its_id_and_its_input(api: httpx.Client) -> None:
    started = api.post("/orchestrators/approval/with%2Fslash", json={"a": 1})

    assert started.json()["id"] == "with/slash"
    assert api.get("/instances/with%2Fslash").json()["input"] == {"a": 1}
    assert api.get("/instances/with%2Fslash", params={"showInput": "false"}).json()["input"] is None


def test_suspend_holds_an_instance_and_resume_lets_it_go_on(api: httpx.Client, client: httpx.Client) -> None:
    urls = start(api, "approval")
    until(lambda: status_is(api, urls["id"], "Running"))

    assert client.post(urls["suspendPostUri"].replace("{text}", "lunch")).status_code == 202
    until(lambda: status_is(api, urls["id"], "Suspended"))
    assert client.post(urls["resumePostUri"].replace("{text}", "back")).status_code == 202
    until(lambda: status_is(api, urls["id"], "Running"))


def test_terminate_ends_an_instance_with_the_reason_as_output(
    api: httpx.Client, client: httpx.Client
) -> None:
    urls = start(api, "approval")
    until(lambda: status_is(api, urls["id"], "Running"))

    assert client.post(urls["terminatePostUri"].replace("{text}", "enough")).status_code == 202

    ended = finished(client, urls["statusQueryGetUri"])
    assert (ended["runtimeStatus"], ended["output"]) == ("Terminated", "enough")
    assert client.post(urls["terminatePostUri"]).status_code == 410


def test_a_failure_shows_its_message_and_can_be_rewound_and_restarted(
    api: httpx.Client, client: httpx.Client
) -> None:
    urls = start(api, "fails")
    failed = finished(client, urls["statusQueryGetUri"])

    assert failed["runtimeStatus"] == "Failed"
    assert failed["output"].endswith("Activity task #1 failed: first: line")
    assert (
        client.get(f"{urls['statusQueryGetUri']}&returnInternalServerErrorOnFailure=true").status_code == 500
    )
    assert client.post(urls["rewindPostUri"].replace("{text}", "again")).status_code == 202
    until(lambda: status_is(api, urls["id"], "Failed"))
    restarted = client.post(urls["restartPostUri"])
    assert restarted.status_code == 202
    assert restarted.json()["id"] != urls["id"]


def test_the_history_is_shown_when_asked_for(api: httpx.Client, client: httpx.Client) -> None:
    urls = start(api, "chain")
    finished(client, urls["statusQueryGetUri"])

    plain = api.get(f"/instances/{urls['id']}").json()
    told = api.get(
        f"/instances/{urls['id']}", params={"showHistory": "true", "showHistoryOutput": "true"}
    ).json()

    assert "historyEvents" not in plain
    kinds = [event["EventType"] for event in told["historyEvents"]]
    assert kinds == ["ExecutionStarted", "TaskCompleted", "TaskCompleted", "ExecutionCompleted"]
    assert told["historyEvents"][1]["Result"] == "Hello Tokyo!"


def test_purging_forgets_an_instance(api: httpx.Client, client: httpx.Client) -> None:
    urls = start(api, "chain")
    finished(client, urls["statusQueryGetUri"])

    purged = client.delete(urls["purgeHistoryDeleteUri"])

    assert (purged.status_code, purged.json()) == (200, {"instancesDeleted": 1})
    assert client.get(urls["statusQueryGetUri"]).status_code == 404
    assert client.delete(urls["purgeHistoryDeleteUri"]).status_code == 404


def test_instances_are_listed_by_filter_in_pages(api: httpx.Client) -> None:
    for number in range(3):
        assert api.post(f"/orchestrators/approval/listed-{number}").status_code == 202
    chosen = {"instanceIdPrefix": "listed-", "top": "2", "runtimeStatus": "Running,Pending"}

    first = api.get("/instances", params=chosen)
    token = first.headers["x-ms-continuation-token"]
    second = api.get("/instances", params=chosen, headers={"x-ms-continuation-token": token})

    ids = [instance["instanceId"] for instance in [*first.json(), *second.json()]]
    assert sorted(ids) == ["listed-0", "listed-1", "listed-2"]
    assert "x-ms-continuation-token" not in second.headers


def test_instances_are_purged_by_filter(api: httpx.Client, client: httpx.Client) -> None:
    urls = start(api, "fails")
    finished(client, urls["statusQueryGetUri"])

    answer = api.delete(
        "/instances", params={"runtimeStatus": "Failed", "createdTimeFrom": "2020-01-01T00:00:00Z"}
    )

    assert answer.json()["instancesDeleted"] >= 1
    assert api.get(f"/instances/{urls['id']}").status_code == 404


def test_an_entity_is_signalled_read_and_listed(
    classic: RunningHost, api: httpx.Client, client: httpx.Client
) -> None:
    assert client.post(f"{classic.url}/api/signal/K1", params={"by": "5"}).status_code == 202
    assert api.post("/entities/Counter/K1", params={"op": "add"}, json=7).status_code == 202

    until(lambda: api.get("/entities/counter/K1").text == "12")
    assert api.get("/entities/counter/none").status_code == 404
    listed = api.get("/entities/counter", params={"fetchState": "true"}).json()
    assert [(one["entityId"], one["state"]) for one in listed] == [({"name": "counter", "key": "K1"}, 12)]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/instances/nobody", 404),
        ("POST", "/instances/nobody/terminate", 404),
        ("POST", "/instances/nobody/raiseEvent/x", 404),
        ("POST", "/instances/nobody/suspend", 404),
        ("POST", "/instances/nobody/rewind", 404),
        ("POST", "/instances/nobody/restart", 404),
        ("POST", "/orchestrators/nobody", 400),
    ],
)
def test_what_cannot_be_done_is_refused(api: httpx.Client, method: str, path: str, status: int) -> None:
    assert api.request(method, path).status_code == status


@pytest.mark.parametrize("query", ["runtimeStatus=Sleeping", "createdTimeFrom=yesterday", "top=none"])
def test_a_query_that_makes_no_sense_is_refused_by_name(api: httpx.Client, query: str) -> None:
    name, _, value = query.partition("=")

    answer = api.get("/instances", params={name: value})

    assert answer.status_code == 400
    assert name in answer.json()["Message"]


@pytest.mark.parametrize("code", [None, "wrong"])
def test_without_the_key_nothing_is_told(
    classic: RunningHost, client: httpx.Client, code: str | None
) -> None:
    url = f"{classic.webhooks}/instances"

    assert client.get(url, params={"code": code} if code else {}).status_code == 401
