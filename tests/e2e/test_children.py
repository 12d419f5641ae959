"""Intents that run intents, on a host of its own."""

from time import monotonic
from typing import Any, Final

from tests.e2e.api import Api

SECONDS: Final = 30.0
"""After so long, what is waited for does not come."""


def run(intent: str, id: str = "sub", **step: Any) -> dict[str, Any]:
    return {"id": id, "action": "run-intent", "intent": intent, **step}


def finished(api: Api, intent: str) -> dict[str, Any]:
    """Execute it; the execution as it is after its terminal event."""
    execution = api.execute(intent)
    list(api.events(execution))
    return api.get(execution)


def children(api: Api, execution: dict[str, Any]) -> list[dict[str, Any]]:
    found = api.client.get("/executions", params={"parent": execution["execution_id"]}).json()["items"]
    return sorted(found, key=lambda child: (child["parent"]["step"], child["parent"]["item"] or 0))


def test_children_run_below_children_for_each_item_at_last_and_to_undo(api: Api) -> None:
    says = {"type": "object", "properties": {"who": {"type": "string", "default": "nobody"}}}
    leaf = api.create(
        [{"id": "say", "action": "transform", "value": "hello, ${{ parameters.who }}"}],
        parameters=says,
        outputs={"said": "${{ steps.say.outputs.value }}"},
    )
    middle = api.create(
        [run(leaf, foreach=["ada", "bob"], parameters={"parameters": {"who": "${{ item }}"}})],
        outputs={"said": "${{ steps.sub.outputs.items.map(one, one.outputs.outputs.said) }}"},
    )
    root = api.create(
        [
            run(middle, compensate={"action": "run-intent", "intent": leaf}),
            {"id": "fail", "action": "assert", "condition": "1 > 2", "depends_on": ["sub"]},
        ],
        **{"finally": [run(leaf, "last")]},
    )
    found = finished(api, root)
    assert (found["status"], found["error"]["step"]) == ("failed", "fail")
    sub, _, last = found["steps"]
    assert (sub["status"], sub["compensation"]["status"]) == ("compensated", "completed")
    assert sub["outputs"]["outputs"] == {"said": ["hello, ada", "hello, bob"]}
    assert last["outputs"]["outputs"] == {"said": "hello, nobody"}
    below = children(api, found)
    assert sorted(child["intent_id"] for child in below) == sorted([middle, leaf, leaf])
    assert {child["status"] for child in below} == {"completed"}
    deeper = children(api, api.get(sub["child"]))
    assert [(child["parent"]["item"], child["parent"]["depth"]) for child in deeper] == [(0, 2), (1, 2)]
    assert {child["parent"]["root"] for child in deeper} == {found["execution_id"]}


def test_a_child_that_fails_fails_its_parent_with_its_cause(api: Api) -> None:
    leaf = api.create([{"id": "fail", "action": "assert", "condition": "1 > 2", "message": "no"}])
    found = finished(api, api.create([run(api.create([run(leaf)]))]))
    assert found["status"] == "failed"
    assert found["error"]["code"] == "CHILD_FAILED"
    assert "step 'fail': ASSERTION_FAILED: no" in found["error"]["message"]


WAIT: dict[str, Any] = {"id": "wait", "action": "wait", "seconds": 600}
LAST: dict[str, Any] = {"id": "last", "action": "transform", "value": "${{ execution.status }}"}


def begun(api: Api, execution: str, count: int = 1) -> list[str]:
    """The ids of the children of an execution, once there are so many and each has begun a step."""
    deadline = monotonic() + SECONDS
    while len(found := children(api, {"execution_id": execution})) < count:
        assert monotonic() < deadline, api.get(execution)
    for child in found:
        next(event for event in api.events(child["execution_id"]) if event["type"] == "step_started")
    return [child["execution_id"] for child in found]


def test_cancelling_an_execution_cancels_all_below_it_which_tidy_up_first(api: Api) -> None:
    leaf = api.create([WAIT], **{"finally": [LAST]})
    middle = api.create([run(leaf, foreach=[1, 2])], **{"finally": [LAST]})
    root = api.execute(api.create([run(middle)], **{"finally": [LAST]}))
    (sub,) = begun(api, root)
    leaves = begun(api, sub, 2)
    assert api.client.post(f"/executions/{root}/cancel").status_code == 202
    assert list(api.events(root))[-1]["type"] == "execution_cancelled"
    ended = [api.get(execution) for execution in (*leaves, sub, root)]
    assert {one["status"] for one in ended} == {"cancelled"}
    assert {one["steps"][-1]["outputs"]["value"] for one in ended} == {"cancelled"}
    times = [one["finished_at"] for one in ended]
    assert times[3] == max(times), "a parent ends behind its children"
    assert ended[3]["steps"][0]["status"] == "cancelled"


def test_an_item_that_fails_ends_the_children_of_the_others(api: Api) -> None:
    schema = {"type": "object", "properties": {"seconds": {"type": "number"}}}
    fails = {"id": "fail", "action": "assert", "condition": "parameters.seconds > 1.0"}
    wait = {"id": "wait", "action": "wait", "seconds": "${{ parameters.seconds }}", "depends_on": ["fail"]}
    leaf = api.create([fails, wait], parameters=schema)
    given = {"parameters": {"seconds": "${{ item }}"}}
    found = finished(api, api.create([run(leaf, foreach=[600, 0], parameters=given)]))
    assert (found["status"], found["error"]["code"]) == ("failed", "CHILD_FAILED")
    assert [child["status"] for child in children(api, found)] == ["cancelled", "failed"]


def test_a_child_whose_time_is_over_is_cancelled_and_fails_its_step(api: Api) -> None:
    found = finished(api, api.create([run(api.create([WAIT]), expires_in=1)]))
    assert (found["status"], found["error"]["code"]) == ("failed", "TIMEOUT")
    assert [child["status"] for child in children(api, found)] == ["cancelled"]
