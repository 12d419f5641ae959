"""An expression is handed what it reaches, and comes to what it would come to with everything at hand."""

from typing import Any

import pytest

from shared.domain.expressions import ExpressionError, _compiled, evaluate, resolve
from shared.domain.reach import MISSING, follow, reach_of

BIG = {"rows": [{"n": 1}, {"n": 2}], "more": {"x": "y"}, "text": "abc", "none": None}
NAMES: dict[str, Any] = {
    "parameters": {"key": "rows", "list": [1, 2, 3], "a-b": 1},
    "target": "here",
    "steps": {"big": {"status": "completed", "outputs": BIG}, "b-c": {"status": "failed", "outputs": {}}},
    "execution": {"id": "E"},
    "item": {"name": "i", "size": 3},
}


@pytest.mark.parametrize(
    ("source", "path", "parts"),
    [
        ("target", ("target",), {"target": None}),
        (" steps.big . outputs.rows[1].n ", ("steps", "big", "outputs", "rows", 1, "n"),
         {"steps": {"big": {"outputs": {"rows": None}}}}),
        ('steps["b-c"].status', ("steps", "b-c", "status"), {"steps": {"b-c": {"status": None}}}),
        ("size(steps.big.outputs)", None, {"steps": {"big": {"outputs": None}}}),
        ("parameters.list.filter(n, n > 1)", None, {"parameters": {"list": None}}),
        ("steps.big.outputs[parameters.key]", None,
         {"steps": {"big": {"outputs": None}}, "parameters": {"key": None}}),
        ("steps.big.outputs.text + steps.big.outputs.more.x", None,
         {"steps": {"big": {"outputs": {"text": None, "more": {"x": None}}}}}),
        ("steps.big.outputs.more.x + string(steps.big.outputs.more)", None,
         {"steps": {"big": {"outputs": {"more": None}}}}),
        ("'steps.big' + \"parameters.x\" + target // item.name", None, {"target": None}),
        ("r'\\' == target ? item.name : parameters.key", None,
         {"target": None, "item": {"name": None}, "parameters": {"key": None}}),
        ("steps", ("steps",), {"steps": None}),
        ("[{'parameters': 1}][0].parameters", None, {}),
    ],
)  # fmt: skip
def test_how_far_an_expression_reaches(source: str, path: Any, parts: Any) -> None:
    reach = reach_of(source, frozenset())
    assert (reach.path and tuple(reach.path), reach.parts) == (path, parts)


SOURCES = [
    "steps.big.outputs.rows",
    "steps.big.outputs.rows[1].n",
    "steps.big.outputs.rows[7]",
    "steps.big.outputs.none",
    "steps.big.outputs.nope",
    "steps.big.outputs.text[0]",
    "steps.big.outputs.rows.n",
    "steps['b-c'].status",
    "steps.b-c.status == 'failed'",
    "has(steps.big.outputs.more.x) && !has(steps.big.outputs.more.z)",
    "size(steps.big.outputs.rows) + size(steps.big.outputs)",
    "steps.big.outputs == steps.big.outputs",
    "parameters.map(k, k).size()",
    "steps.big.outputs[parameters.key][0].n",
    "parameters.list.exists(item, item == 2) ? item.name : target",
    "parameters.list.map(steps, steps + 1)",
    "'x' in steps.big.outputs.more ? steps.big.outputs.more.x : 'none'",
    "[steps.big.outputs.more, {'a': parameters.list}]",
    "parameters['a-b'] + item.size",
    "execution",
    "target.startsWith(execution.id) || parameters.key == 'rows'",
    "steps.big.status + 'steps.big.outputs'",
]


@pytest.mark.parametrize("source", SOURCES)
def test_what_is_handed_over_changes_nothing_of_what_it_comes_to(source: str) -> None:
    program, _, _ = _compiled(source, frozenset(NAMES["steps"]))
    try:
        expected = program.execute(NAMES)
    except (LookupError, ValueError, TypeError, RuntimeError):
        with pytest.raises(ExpressionError):
            evaluate(source, NAMES)
    else:
        assert evaluate(source, NAMES) == expected


def test_a_path_leads_only_where_the_language_would() -> None:
    assert follow(NAMES, ("parameters", "list", 2)) == 3
    for path in (("parameters", "list", 3), ("target", 0), ("parameters", 0), ("item", "name", "x")):
        assert follow(NAMES, path) is MISSING


def test_large_values_are_named_by_a_path_and_refused_to_anything_else() -> None:
    rows = [{"n": n, "name": f"row {n}"} for n in range(200_000)]
    names = {"steps": {"big": {"outputs": {"rows": rows, "count": 3}}}}
    assert resolve({"all": "${{ steps.big.outputs.rows }}"}, names)["all"] is rows
    assert evaluate("steps.big.outputs.count + 1", names) == 4
    with pytest.raises(ExpressionError, match="more than 500000 values; name a part of it"):
        evaluate("size(steps.big.outputs.rows)", names)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("${{ item.nope }}", "expression 'item.nope': there is no 'nope' (character 6)"),
        (
            {"a": [1, "hello, ${{ target }} and ${{ 1 / 0 }}"]},
            "expression '1 / 0' at /a/1, character 26: division by zero in CEL expression",
        ),
        (
            {"x/y": {"z": "${{ size(3) }}"}},
            "expression 'size(3)' at /x~1y/z: the function 'size' does not take such values",
        ),
        ({"n": "${{ 0.0 / 0.0 }}"}, "expression '0.0 / 0.0' at /n: nan is a number that JSON does not have"),
        ("${{ " + "[" * 500 + "]" * 500 + " }}", "it is nested too deeply"),
    ],
)
def test_what_fails_is_told_with_its_place(value: Any, told: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        resolve(value, NAMES)
    assert str(refused.value).endswith(told)
