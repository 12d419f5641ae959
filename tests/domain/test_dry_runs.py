"""What a dry run does not know: where an expression needs it, the expression is not decided."""

from collections.abc import Collection

import pytest

from shared.domain.dry_runs import UNDECIDED, pointers_of, unknown_in, why_undecided

RESULTS = {
    "call-it": {"status": "completed", "outputs": {"status": 204}},
    "open": {"status": "skipped", "outputs": {}},
    "known": {"status": "completed", "outputs": {"a": 1}},
}
UNKNOWN: dict[str, Collection[str]] = {"call-it": pointers_of(None), "open": UNDECIDED}


@pytest.mark.parametrize(
    ("source", "needs"),
    [
        ("steps.call-it.outputs.status == 204", []),
        ("steps.call-it.status == 'completed'", []),
        ("steps.call-it.outputs.body.id", ["steps.call-it.outputs.body"]),
        ("steps['call-it'].outputs['body']", ["steps.call-it.outputs.body"]),
        ("size(steps.call-it.outputs)", ["steps.call-it.outputs"]),
        ("steps.call-it.outputs.exists(k, k == 'a')", ["steps.call-it.outputs"]),
        ("has(steps.call-it.outputs.body) || true", ["steps.call-it.outputs.body"]),
        ("${{ steps.open.status == 'completed' }}", ["steps.open.status"]),
        ("steps.open.outputs.x + steps.open.outputs.y", ["steps.open.outputs.x", "steps.open.outputs.y"]),
        ("steps.known.outputs.a + steps.known.outputs.b", []),
        ("string(steps.open) + steps.known.status", ["steps.open"]),
        ("parameters.steps", []),
    ],
)
def test_an_expression_is_undecided_when_it_needs_what_is_not_known(source: str, needs: list[str]) -> None:
    assert unknown_in([source], RESULTS, UNKNOWN) == needs


def test_of_named_outputs_only_those_are_unknown() -> None:
    unknown = {"known": pointers_of(["b/c"])}
    assert unknown_in(["steps.known.outputs.a"], RESULTS, unknown) == []
    assert unknown_in(["steps.known.outputs['b/c']"], RESULTS, unknown) == ["steps.known.outputs.b/c"]
    assert unknown_in(["steps.known.outputs"], RESULTS, unknown) == ["steps.known.outputs"]


def test_why_it_is_undecided_names_all_that_is_needed() -> None:
    assert why_undecided("parameters", ["steps.a.outputs.x", "steps.b.status"]) == {
        "code": "UNKNOWN_UNTIL_RUN",
        "message": "its parameters: only a real run can tell steps.a.outputs.x, steps.b.status",
    }
