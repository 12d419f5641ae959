"""What is too much is refused at once, and nothing else looks at it."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.definitions import MAX_DEFINITION_BYTES as MAX_SIZE
from shared.domain.validation.bounds import MAX_KEY, MAX_SCHEMA
from shared.domain.validation.stages import MAX_FINDINGS, validate
from shared.domain.validation.subject import MAX_EXPRESSIONS, Context, Sent
from tests.domain.actions import ACTIONS
from tests.domain.validation.looks import errors, report

BOMBS: dict[str, tuple[Any, str]] = {
    "characters": ({"x": "x" * (MAX_SIZE + 1)}, "TOO_LARGE"),
    "escapes": ({"x": "é" * (MAX_SIZE // 6 + 1)}, "TOO_LARGE"),
    "values": ({"x": [0] * MAX_SIZE}, "TOO_LARGE"),
    "key": ({"k" * (MAX_KEY + 1): 1}, "TOO_LONG"),
    "number": ({"x": 10**5000}, "VALUE"),
    "schema": ({"parameters": {"properties": {f"p{n}": {} for n in range(MAX_SCHEMA)}}}, "TOO_LARGE"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_one_error_of_the_security_stage(name: str) -> None:
    bomb, code = BOMBS[name]
    found = validate(Sent(bomb), Context(ACTIONS)).errors
    assert [(error.code, error.stage) for error in found] == [(code, "security")]


def test_expressions_that_would_take_long_to_read_are_refused() -> None:
    text = "${{ target == '" + "x" * 2000 + "' }}"
    steps = [{"id": f"s{n}", "action": "build", "x": text} for n in range(MAX_EXPRESSIONS // len(text) + 1)]
    assert errors(*steps) == {"/steps": "TOO_LARGE"}


def test_no_more_errors_are_told_than_anybody_reads() -> None:
    steps = [{"id": f"s{number}", "action": "build", "depends_on": ["nope"] * 50} for number in range(900)]
    assert len(report(*steps).errors) == MAX_FINDINGS


WORDS = """id action depends_on when retry timeout steps parameters properties pattern $ref type image url
intent condition password max_attempts finally target default"""
PIECES = """a build call check run-intent ${{ ( ((a{9}){9}){9} # false steps[' https://[ object
${{steps.a.outputs.x}} parameters.x.map(y,y.map(z,z)) -----BEGIN"""
KEYS = st.sampled_from(WORDS.split())
TEXTS = st.text(max_size=20) | st.sampled_from(PIECES.split())
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=30,
)


@given(VALUES, st.lists(VALUES, max_size=5), VALUES)
@settings(max_examples=300, deadline=None)
def test_whatever_is_sent_is_judged(head: Any, steps: list[Any], declared: Any) -> None:
    for definition in (head, {"steps": steps, "parameters": declared}):
        found = validate(Sent(definition, "name", "", {}), Context(ACTIONS))
        assert all(error.pointer == "" or error.pointer.startswith("/") for error in found.errors)
        assert len({error.stage for error in found.errors}) <= 3
