"""The console's rules that show best by examples, run where they run: in the browser."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from tests.console.conftest import Visit

type Run = Callable[..., Any]


@pytest.fixture
def run(visit: Visit) -> Run:
    """Call a function of a file of the console's ``lib``."""
    page = visit("ada").page
    base = page.locator("script[type=module]").get_attribute("src")
    assert base is not None

    def call(file: str, name: str, *arguments: Any) -> Any:
        address = base.replace("app.js", f"lib/{file}.js")
        return page.evaluate(
            "async ([address, name, given]) => (await import(address))[name](...given)",
            [address, name, list(arguments)],
        )

    return call


def levels(run: Run, steps: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    found: list[list[str]] = run("drafts", "sketch", {"steps": steps})["levels"]
    return found


def test_a_definition_that_names_no_order_runs_from_top_to_bottom(run: Run) -> None:
    assert levels(run, [{"id": "a"}, {"id": "b"}, {"id": "c"}]) == [["a"], ["b"], ["c"]]


def test_references_make_edges_as_depends_on_does(run: Run) -> None:
    steps: list[dict[str, Any]] = [
        {"id": "a"},
        {"id": "b", "x": "${{ steps.a.outputs.x }}"},
        {"id": "c", "depends_on": ["a"]},
    ]
    assert levels(run, steps) == [["a"], ["b", "c"]]


def test_steps_that_wait_for_each_other_are_drawn_all_the_same(run: Run) -> None:
    steps = [{"id": "a", "depends_on": ["b"]}, {"id": "b", "depends_on": ["a"]}]
    assert sorted(step for level in levels(run, steps) for step in level) == ["a", "b"]


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        ("", "{"),
        ("/steps/0/id", r'"a \"{\" \\"'),
        ("/steps/1/a~1b", "[true, null, -1.5]"),
        ("/steps/1/missing", '{"a/b"'),
        ("/no", "{"),
    ],
)
def test_a_pointer_leads_to_its_value_or_to_what_is_above_it(run: Run, pointer: str, found: str) -> None:
    text = json.dumps({"steps": [{"id": 'a "{" \\', "x": 1}, {"a/b": [True, None, -1.5]}]})
    place = run("drafts", "placeOf", text, pointer)
    assert text[place["from"] : place["to"]].startswith(found)


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ('{"a": 1,}', 8, "expected a name in double quotes"),
        ('{"a" 1}', 5, "expected a colon"),
        ('{"a": [1 2]}', 9, "expected a comma or ]"),
        ('{"a": yes}', 6, "expected a value"),
        ('{"a": "b', 6, "expected the end of this text"),
        ("{} {}", 3, "expected nothing more"),
    ],
)
def test_what_is_no_json_says_where_it_is_wrong_and_what_should_be_there(
    run: Run, text: str, at: int, message: str
) -> None:
    assert run("drafts", "read", text)["wrong"] == {"at": at, "message": message}


def test_what_may_be_written_is_told_by_the_schema_and_the_actions_of_the_tenant(
    run: Run, visit: Visit
) -> None:
    page = visit("ada")
    served = page.api("GET", "/schemas/intent.json")
    own = {"name": "crm/notify", "description": "Tell them", "parameters": {"properties": {"who": {}}}}
    schema = run("completing", "tailored", served, [{"built_in": False, "actions": [own]}])
    steps = [{"id": "a", "action": "http-request", "url": "x"}, {"id": "b", "action": "crm/notify"}]
    definition = {"steps": steps, "parameters": {"properties": {"tag": {}}}}

    def labels(name: str, path: Sequence[str | int]) -> set[str]:
        return {one["label"] for one in run("completing", name, schema, definition, path)}

    assert {"steps", "finally", "parameters", "outputs"} & labels("keysAt", []) == {"finally", "outputs"}
    assert {"method", "retry"} <= labels("keysAt", ["steps", 0])
    assert "url" not in labels("keysAt", ["steps", 0])  # it is there
    assert "who" in labels("keysAt", ["steps", 1])
    assert {'"crm/notify"', '"approval"'} <= labels("valuesAt", ["steps", 1, "action"])
    assert '"PATCH"' in labels("valuesAt", ["steps", 0, "method"])
    assert labels("valuesAt", ["steps", 1, "depends_on", 0]) == {'"a"'}
    actions = [{"name": "http-request", "outputs": {"properties": {"status": {}}}}]
    names = {one["label"] for one in run("completing", "names", definition, actions)}
    assert {"parameters.tag", "steps.a.outputs.status"} <= names


def test_a_form_comes_to_values_of_the_schemas_types_and_leaves_out_what_is_empty(run: Run) -> None:
    kinds = {
        "name": {"type": "string"},
        "count": {"type": ["integer", "null"]},
        "size": {"enum": ["s", 2, None]},
        "hot": {"type": "boolean"},
        "list": {"type": "array"},
        "note": {"type": "string"},
    }
    state = {"name": "x", "count": "3", "size": "1", "hot": False, "list": "[1, 2]", "note": ""}
    made = run("schema", "values", {"properties": kinds, "required": ["hot"]}, state)
    assert made == {"name": "x", "count": 3, "size": 2, "hot": False, "list": [1, 2]}


def test_a_graph_has_room_for_every_step_of_a_level(run: Run) -> None:
    nodes = [{"id": "a", "depends_on": []}]
    nodes += [{"id": f"b{at}", "depends_on": ["a"]} for at in range(7)]
    nodes += [{"id": "c", "depends_on": [f"b{at}" for at in range(7)]}]
    order = [["a"], [f"b{at}" for at in range(7)], ["c"]]
    drawn = run("layout", "layout", nodes, order)
    assert len(drawn["edges"]) == 14
    assert drawn["height"] >= 7 * 52


def test_where_there_is_little_room_levels_lie_below_each_other_and_their_steps_side_by_side(
    visit: Visit,
) -> None:
    page = visit("ada").page
    base = page.locator("script[type=module]").get_attribute("src")
    assert base is not None
    nodes = [{"id": "a", "depends_on": []}, {"id": "b", "depends_on": []}, {"id": "c", "depends_on": ["a"]}]
    places = page.evaluate(
        """async ([address, nodes]) => Object.fromEntries(
            (await import(address)).layout(nodes, [["a", "b"], ["c"]], 2, true).places)""",
        [base.replace("app.js", "lib/layout.js"), nodes],
    )
    assert places["a"]["y"] == places["b"]["y"] < places["c"]["y"]
    assert places["a"]["x"] < places["c"]["x"] < places["b"]["x"]


def test_a_long_chain_goes_on_in_the_next_line_and_is_walked_by_arrows(run: Run) -> None:
    nodes = [{"id": f"s{at}", "depends_on": [f"s{at - 1}"] if at else []} for at in range(50)]
    drawn = run("layout", "layout", nodes, [[node["id"]] for node in nodes], 4)
    assert drawn["width"] < 4 * 200
    assert drawn["height"] > 12 * 52
    assert len(drawn["edges"]) == 49


def test_what_changed_is_told_line_by_line_without_what_is_far_from_it(run: Run) -> None:
    before = [f"line {at}" for at in range(40)]
    after = [*before[:20], "new", *before[21:]]
    found = run("diff", "lines", "\n".join(before), "\n".join(after))
    changed = [(one["kind"], one["text"]) for one in found if one["kind"] in {"gone", "added"}]
    assert changed == [("gone", "line 20"), ("added", "new")]
    assert [one["text"] for one in found if one["kind"] == "cut"] == ["…", "…"]
    assert len(found) == 2 + 3 + 2 + 3


def test_events_say_how_a_step_stands_before_the_execution_is_read_again(visit: Visit) -> None:
    """A step was read as waiting; since then it was tried again and has completed."""
    page = visit("ada").page
    base = page.locator("script[type=module]").get_attribute("src")
    assert base is not None
    progress = {"total": 2, "completed": 1, "failed": 0, "skipped": 0, "percent": 50}
    read = {"id": "a", "status": "waiting", "started_at": "T1", "finished_at": None, "attempts": 1}
    execution = {
        "steps": [read | {"waiting": [{"for": "retry", "step": "a"}]}],
        "waiting": [{"for": "retry", "step": "a"}],
        "progress": progress | {"completed": 0, "percent": 0, "expected_at": None},
    }
    events: list[dict[str, Any]] = [
        {"type": "step_started", "step": "a", "attempt": 1, "time": "T1"},
        {"type": "step_retrying", "step": "a", "attempt": 1, "time": "T2"},
        {"type": "step_started", "step": "a", "attempt": 2, "time": "T3"},
        {"type": "step_completed", "step": "a", "attempt": 2, "time": "T4", "progress": progress},
    ]
    made = page.evaluate(
        """async ([address, execution, events]) => {
            const told = new (await import(address)).Told();
            for (const event of events) told.add(event);
            return { execution: told.brought(execution), attempts: told.step("a").attempts };
        }""",
        [base.replace("app.js", "lib/told.js"), execution, events],
    )
    (step,) = made["execution"]["steps"]
    assert (step["status"], step["finished_at"], step["attempts"]) == ("completed", "T4", 2)
    assert made["execution"]["waiting"] == []
    assert made["execution"]["progress"]["percent"] == 50
    assert [(one["from"], one["to"], one["status"]) for one in made["attempts"]] == [
        ("T1", "T2", "failed"),
        ("T3", "T4", "completed"),
    ]
