"""The sections of a definition beside its steps: finally and outputs."""

from typing import Any

import pytest

from tests.domain.validation.looks import errors, report

A = {"id": "a", "action": "build"}


def last(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"finally": list(steps)}


def test_what_runs_last_may_refer_to_every_step_and_depend_on_its_own() -> None:
    assert not errors(
        A,
        **last(
            {"id": "f", "action": "build", "image": "${{ steps.a.outputs.image }}"},
            {"id": "g", "action": "build", "depends_on": ["f"], "when": "execution.status == 'failed'"},
        ),
        outputs={"image": "${{ steps.f.outputs.image }}"},
    )


@pytest.mark.parametrize(
    ("steps", "section", "expected"),
    [
        ([A | {"depends_on": ["f"]}], [{"id": "f", "action": "build"}], {"/steps/0/depends_on/0": "FINALLY"}),
        (
            [A | {"when": "steps.f.status == 'x'"}],
            [{"id": "f", "action": "build"}],
            {"/steps/0/when": "FINALLY"},
        ),
        ([A], [{"id": "f", "action": "build", "depends_on": ["a"]}], {"/finally/0/depends_on/0": "FINALLY"}),
        ([A], [A], {"/finally/0/id": "DUPLICATE"}),
        ([A], [{"id": "f", "action": "nope"}], {"/finally/0/action": "UNKNOWN_ACTION"}),
        ([A], [{"id": "f", "action": "build", "timeout": 0}], {"/finally/0/timeout": "VALUE"}),
        ([A], ["text"], {"/finally/0": "TYPE"}),
        ([A], "text", {"/finally": "TYPE"}),
    ],
)
def test_what_is_wrong_with_finally_is_told_with_its_place(
    steps: list[Any], section: Any, expected: dict[str, str]
) -> None:
    assert errors(*steps, **{"finally": section}) == expected


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ({"x": "${{ steps.b.outputs.x }}"}, {"/outputs/x": "UNKNOWN_STEP"}),
        ({"x": ["${{ steps.a.nope }}"]}, {"/outputs/x/0": "UNKNOWN_NAME"}),
        ({"x": "${{ 1 + }}"}, {"/outputs/x": "EXPRESSION"}),
        ([], {"/outputs": "TYPE"}),
    ],
)
def test_what_is_wrong_with_the_outputs_is_told_with_its_place(
    outputs: Any, expected: dict[str, str]
) -> None:
    assert errors(A, outputs=outputs) == expected


def test_messages_about_the_outputs_name_them() -> None:
    (error,) = report(A, outputs={"x": "${{ steps.b.outputs.x }}"}).errors
    assert error.message == "an output refers to 'b', which is not a step of this intent"


def test_a_parameter_that_only_the_outputs_use_is_used() -> None:
    properties = {"properties": {"region": {"type": "string", "description": "Where"}}}
    found = report(A, parameters=properties, outputs={"region": "${{ parameters.region }}"})
    assert [warning.code for warning in found.warnings] == []


def test_both_sections_together_keep_to_the_limit_of_steps() -> None:
    many = [{"action": "build"}] * 600
    both: dict[str, Any] = {"finally": many}
    assert errors(*many, **both) == {"/steps": "TOO_MANY"}


EACH: dict[str, Any] = {"id": "each", "action": "build", "foreach": ["a"], "image": "${{ item }}"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, {}),
        ({"foreach": "${{ parameters.list }}"}, {}),
        ({"foreach": ["a", "${{ target }}"], "concurrency": 100}, {}),
        ({"foreach": "text"}, {"/steps/0/foreach": "FOREACH"}),
        ({"foreach": "x ${{ target }}"}, {"/steps/0/foreach": "FOREACH"}),
        ({"foreach": "${{ target"}, {"/steps/0/foreach": "EXPRESSION"}),
        ({"foreach": "${{ item }}"}, {"/steps/0/foreach": "UNKNOWN_NAME"}),
        ({"foreach": "${{ steps.nope.outputs.x }}"}, {"/steps/0/foreach": "UNKNOWN_STEP"}),
        ({"when": "item == 1"}, {"/steps/0/when": "UNKNOWN_NAME"}),
        ({"foreach": None}, {"/steps/0/image": "UNKNOWN_NAME"}),
        ({"foreach": ["a"] * 10_001}, {"/steps/0/foreach": "TOO_MANY"}),
        ({"concurrency": 0}, {"/steps/0/concurrency": "VALUE"}),
        ({"concurrency": 101}, {"/steps/0/concurrency": "VALUE"}),
        ({"compensate": {"action": "build", "image": "${{ item }}, ${{ steps.each.outputs.x }}"}}, {}),
        ({"compensate": {"action": "build", "foreach": [1]}}, {"/steps/0/compensate/foreach": "VALUE"}),
    ],
)
def test_what_is_wrong_with_foreach_is_told_with_its_place(
    change: dict[str, Any], expected: dict[str, str]
) -> None:
    assert errors({**EACH, **change}) == expected


def test_what_undoes_a_step_without_foreach_knows_no_item() -> None:
    undone = {"action": "build", "image": "${{ item }}"}
    assert errors(A | {"compensate": undone}) == {"/steps/0/compensate/image": "UNKNOWN_NAME"}


def test_concurrency_without_foreach_says_nothing() -> None:
    assert errors(A | {"concurrency": 3}) == {"/steps/0/concurrency": "FOREACH"}


def test_what_runs_last_has_no_compensation() -> None:
    section = last({"id": "f", "action": "build", "compensate": {"action": "build"}})
    assert errors(A, **section) == {"/finally/0/compensate": "FINALLY"}
