import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.expressions import ExpressionError, condition, resolve
from shared.domain.mentions import named_steps, references
from shared.domain.templates import split

NAMES: dict[str, Any] = {
    "parameters": {"replicas": 3, "name": "web", "flags": ["a", "b"], "none": None},
    "target": "production",
    "steps": {
        "build-image": {"status": "completed", "outputs": {"image": {"tag": "1.2"}, "n": 5}},
        "test": {"status": "failed", "outputs": {}},
    },
    "execution": {"id": "01J"},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("${{ parameters.replicas }}", 3),
        ("${{ parameters.none }}", None),
        ("${{parameters.flags}}", ["a", "b"]),
        ("${{ steps.build-image.outputs.image }}", {"tag": "1.2"}),
        ("${{ steps['build-image'].outputs.image.tag }}", "1.2"),
        ("${{ steps.build-image.outputs.n-1 }}", 4),
        ("${{ parameters.replicas > 2 ? 'many' : 'few' }}", "many"),
        ("${{ parameters.flags.map(f, f + '!') }}", ["a!", "b!"]),
        ("${{ {'a': {'b': 1}} }}", {"a": {"b": 1}}),
        ("${{ 'a }} b' }}", "a }} b"),
        ("${{ timestamp('2026-01-01T00:00:00Z') }}", "2026-01-01T00:00:00.000000Z"),
        ("${{ duration('1m30s') }}", 90.0),
        ("n=${{ parameters.replicas }}, ${{ target }}!", "n=3, production!"),
        ("${{ parameters.flags }} ${{ parameters.none }} ${{ true }}", '["a","b"] null true'),
        ("$ { { no } }", "$ { { no } }"),
    ],
)
def test_a_text_resolves_to_its_value(text: str, value: Any) -> None:
    assert resolve(text, NAMES) == value


def test_expressions_are_found_at_any_depth_and_keys_are_left_alone() -> None:
    value = {"${{ target }}": [{"deep": "${{ target }}"}, 1, True, None]}
    assert resolve(value, NAMES) == {"${{ target }}": [{"deep": "production"}, 1, True, None]}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("${{ parameters.nope }}", "there is no 'nope'"),
        ("${{ nope }}", "nope"),
        ("${{ parameters. }}", "syntax error at character 12"),
        ("${{ }}", "syntax error"),
        ("${{ 1 / 0 }}", "division by zero"),
        ("${{ target + 1 }}", "overload|Unsupported"),
        ("${{ b'raw' }}", "cannot be kept as JSON"),
        ("${{ parameters.flags[7] }}", "index out of bounds"),
        ("${{ target", "no closing"),
        ("${{ " + "1+" * 3000 + "1 }}", "at most 4000"),
    ],
)
def test_what_cannot_be_evaluated_names_the_expression_and_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ExpressionError, match=reason) as caught:
        resolve(text, NAMES)
    assert str(caught.value).startswith("expression '")


def test_a_condition_is_bare_or_wrapped() -> None:
    assert condition("target == 'production'", NAMES)
    assert condition("${{ target == 'production' }}", NAMES)
    assert not condition("steps.test.status == 'completed'", NAMES)


def test_a_condition_that_is_not_a_truth_value_is_an_error() -> None:
    with pytest.raises(ExpressionError, match="true or false, not 3"):
        condition("parameters.replicas", NAMES)


def test_the_longest_known_step_is_meant_and_an_unknown_one_is_taken_whole() -> None:
    known = {"build", "build-image"}
    assert named_steps("steps.build-image.outputs.x", known) == {"build-image"}
    assert named_steps("steps.build-1", known) == {"build"}
    assert named_steps("steps.biuld-image.outputs.x", known) == {"biuld-image"}
    assert references({"a": ["${{ steps.build.status }}", "steps.not"]}, known) == {"build"}


def test_step_names_within_strings_and_longer_words_are_not_references() -> None:
    assert named_steps("'steps.build' + mysteps.build + a.steps.build", {"build"}) == set()


@given(st.text(alphabet="${}'\"\\ab.[]", max_size=60))
def test_any_text_is_split_without_loss_or_refused(text: str) -> None:
    try:
        pieces = split(text)
    except ValueError:
        return
    assert all(piece in text for _, piece in pieces)


def test_the_library_is_loaded_without_its_command_line() -> None:
    program = (
        "import sys; from shared.domain.expressions import resolve; "
        "assert resolve('${{ 1 + 1 }}', {}) == 2; assert not {'typer', 'rich'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
