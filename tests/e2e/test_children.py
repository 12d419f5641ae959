"""Intents that run intents, on a host of its own."""

from typing import Any

from tests.e2e.api import Api


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
