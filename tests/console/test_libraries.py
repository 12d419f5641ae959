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
    ("pointer", "line"),
    [("", 1), ("/steps/0/id", 4), ("/steps/1", 7), ("/steps/1/a~1b", 8), ("/steps/1/missing", 7), ("/no", 1)],
)
def test_a_pointer_leads_to_its_line_or_to_that_of_what_is_above_it(
    run: Run, pointer: str, line: int
) -> None:
    text = json.dumps({"steps": [{"id": 'a "{" \\', "x": 1}, {"a/b": [True, None, -1.5]}]}, indent=2)
    assert run("drafts", "lineOf", text, pointer) == line


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


def test_no_two_steps_lie_upon_each_other(run: Run) -> None:
    nodes = [{"id": "a", "depends_on": []}]
    nodes += [{"id": f"b{at}", "depends_on": ["a"]} for at in range(7)]
    nodes += [{"id": "c", "depends_on": [f"b{at}" for at in range(7)]}]
    order = [["a"], [f"b{at}" for at in range(7)], ["c"]]
    drawn = run("layout", "layout", nodes, order)
    assert len(drawn["edges"]) == 14
    assert drawn["height"] >= 7 * 52
