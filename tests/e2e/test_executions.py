"""The main job through a real host: what runs, in what order, and what is left behind."""

import time
from typing import Any

import pytest

from examples import hosting
from tests.e2e.api import Api


def step_states(execution: dict[str, Any]) -> dict[str, str]:
    return {step["id"]: step["status"] for step in execution["steps"]}


def transform(id: str, *after: str, **outputs: Any) -> dict[str, Any]:
    return {"id": id, "action": "transform", "outputs": outputs, "depends_on": list(after)}


def test_an_execution_runs_its_steps_in_order_and_hands_results_on(api: Api) -> None:
    execution = api.run(
        [
            transform("first", number=20),
            transform("second", "first", number="${{ steps.first.outputs.number + 1 }}"),
            {"id": "third", "action": "assert", "condition": "steps.second.outputs.number == 21"},
        ]
    )
    assert execution["status"] == "completed", execution
    assert [step["status"] for step in execution["steps"]] == ["completed"] * 3
    assert execution["steps"][1]["outputs"] == {"number": 21}
    counted = {"total": 3, "completed": 3, "failed": 0, "skipped": 0, "percent": 100}
    ended = {"remaining_seconds": 0, "expected_at": execution["finished_at"], "based_on": 0}
    assert execution["progress"] == counted | ended
    assert all(step["duration"] >= 0 for step in execution["steps"])


def test_a_stream_tells_everything_once_and_in_order_and_resumes_behind_any_event(api: Api) -> None:
    execution = api.execute(api.create([transform("a", x=1), transform("b", "a", x=2)]))
    events = list(api.events(execution))
    assert [event["type"] for event in events] == [
        "execution_started",
        "step_started",
        "step_completed",
        "step_started",
        "step_completed",
        "execution_completed",
    ]
    assert [event["progress"]["percent"] for event in events if "progress" in event] == [50, 100, 100]
    for position, event in enumerate(events[:-1]):
        assert list(api.events(execution, after=event["id"])) == events[position + 1 :]
    assert list(api.events(execution, after=events[-1]["id"])) == []


def test_events_are_pages_for_whoever_asks_for_json(api: Api) -> None:
    execution = api.execute(api.create([transform("a", x=1)]))
    live = [event["type"] for event in api.events(execution)]
    paged, cursor = [], None
    while True:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = api.client.get(f"/executions/{execution}/events", params=query).json()
        paged += [event["type"] for event in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert paged == live


def test_a_failed_step_stops_what_depends_on_it_and_lets_the_rest_finish(api: Api) -> None:
    execution = api.run(
        [
            {"id": "broken", "action": "assert", "condition": "1 == 2", "message": "one is not two"},
            transform("behind", "broken"),
            transform("further", "behind"),
            transform("apart"),
        ]
    )
    assert execution["status"] == "failed"
    assert execution["error"]["step"] == "broken"
    assert "one is not two" in execution["error"]["message"]
    assert step_states(execution) == {
        "broken": "failed",
        "behind": "skipped",
        "further": "skipped",
        "apart": "completed",
    }
    assert execution["progress"]["percent"] == 100


def test_a_failure_that_is_tolerated_does_not_stop_what_depends_on_it(api: Api) -> None:
    execution = api.run(
        [
            {"id": "broken", "action": "assert", "condition": "false", "continue_on_error": True},
            transform("behind", "broken"),
        ]
    )
    assert step_states(execution) == {"broken": "failed", "behind": "completed"}


def test_a_step_whose_condition_does_not_hold_is_skipped(api: Api) -> None:
    execution = api.run(
        [transform("no") | {"when": "size(execution.id) == 0"}, transform("yes", "no") | {"when": "1 < 2"}]
    )
    assert step_states(execution) == {"no": "skipped", "yes": "completed"}
    assert execution["status"] == "completed"


def test_a_request_that_fails_is_tried_again_with_backoff(api: Api, service: str) -> None:
    build = {"id": "build", "action": "http-request", "method": "POST", "url": f"{service}/builds"}
    retry = {"max_attempts": 3, "initial_interval": 0.1}
    execution = api.run(
        [
            build | {"body": {"application": "shop", "version": "1"}, "expect_status": 201},
            {
                "id": "smoke",
                "action": "http-request",
                "method": "POST",
                "url": f"{service}/builds/${{{{ steps.build.outputs.body.id }}}}/tests/smoke",
                "retry": retry,
            },
        ]
    )
    assert execution["status"] == "completed", execution
    assert execution["steps"][1]["attempts"] == 2
    types = [event["type"] for event in api.events(execution["execution_id"])]
    assert types.count("step_retrying") == 1


def test_a_step_that_is_too_slow_fails_with_timeout(api: Api, slow_service: str) -> None:
    execution = api.run([{"id": "slow", "action": "http-request", "url": slow_service, "timeout": 1}])
    assert execution["status"] == "failed"
    assert execution["error"]["code"] == "TIMEOUT"


def test_a_cancelled_execution_gives_up_what_runs_and_never_begins_the_rest(
    api: Api, slow_service: str
) -> None:
    slow = {"id": "slow", "action": "http-request", "url": slow_service}
    execution = api.execute(
        api.create(
            [slow, {"id": "sleep", "action": "wait", "seconds": 600}, transform("after", "slow", "sleep")]
        )
    )
    for event in api.events(execution):
        if event["type"] == "step_started" and event["step"] == "slow":
            break
    response = api.client.post(f"/executions/{execution}/cancel")
    assert response.status_code == 202, response.text
    last = list(api.events(execution))[-1]
    assert last["type"] == "execution_cancelled"
    found = api.get(execution)
    assert found["status"] == "cancelled"
    assert set(step_states(found).values()) == {"cancelled"}
    again = api.client.post(f"/executions/{execution}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "CONFLICT")


def test_executions_are_listed_newest_first_and_page_by_page(api: Api) -> None:
    intent = api.create([transform("a")])
    made = [api.execute(intent) for _ in range(5)]
    found, cursor = [], None
    while True:
        query = {"intent": intent, "limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = api.client.get("/executions", params=query).json()
        found += [item["execution_id"] for item in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert found == made[::-1]


def test_another_tenant_sees_nothing_of_an_execution(api: Api, host: hosting.Host) -> None:
    execution = api.execute(api.create([transform("secret", value="ours")]))
    with Api(host, tenant="other", user="eve") as eve:
        for method, path in (
            ("GET", f"/executions/{execution}"),
            ("GET", f"/executions/{execution}/events"),
            ("POST", f"/executions/{execution}/cancel"),
        ):
            response = eve.client.request(method, path)
            assert (response.status_code, response.json()["code"]) == (404, "NOT_FOUND")
        assert eve.client.get("/executions").json() == {"items": [], "next_cursor": None}


@pytest.mark.parametrize("count", [1, 40, 300])
def test_steps_without_edges_between_them_run_side_by_side(api: Api, count: int) -> None:
    steps = [transform("root"), *(transform(f"s{number}", "root", n=number) for number in range(count))]
    execution = api.run(steps)
    assert execution["status"] == "completed"
    assert execution["progress"]["completed"] == count + 1


def test_a_long_chain_completes_with_every_step_recorded_once(api: Api) -> None:
    steps = [{"id": f"s{number}", "action": "transform", "outputs": {"n": number}} for number in range(150)]
    execution = api.execute(api.create(steps))
    completed = [event["step"] for event in api.events(execution) if event["type"] == "step_completed"]
    assert completed == [step["id"] for step in steps]


def test_a_wait_takes_its_time_and_costs_no_attempt(api: Api) -> None:
    started = time.monotonic()
    execution = api.run([{"id": "pause", "action": "wait", "seconds": 1.5}])
    assert execution["status"] == "completed"
    assert time.monotonic() - started >= 1.5
    assert execution["steps"][0]["attempts"] == 1
