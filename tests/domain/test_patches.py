"""The patches are applied by another's implementation of RFC 6902."""

from typing import Any

import jsonpatch
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.domain.canonical import canonical_json
from shared.domain.patches import MAX_ALIGNED, MAX_MOVES, MAX_OPERATIONS, json_patch

SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0]) | st.text(max_size=3)
NAMES = st.sampled_from(["id", "action", "a", "b", "", "/", "~1", "é"])
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)
STEPS = st.lists(
    st.fixed_dictionaries(
        {"action": st.sampled_from(["wait", "assert"])},
        optional={"id": st.sampled_from("abcdefgh"), "x": st.integers(0, 2), "depends_on": JSON},
    ),
    max_size=9,
)


def applied(patch: list[dict[str, Any]], value: Any) -> bytes:
    return canonical_json(jsonpatch.apply_patch(value, patch))


@given(JSON | STEPS, JSON | STEPS)
@example([{"id": "a", "depends_on": [1, 1, 0.5]}], [{"id": "a", "depends_on": [1.0, 1, 0.5]}])
@example([{"id": "a", "x": [1.0, 2]}, [1.0]], [[1], {"id": "a", "x": [2, 1]}])
def test_a_patch_makes_the_one_of_the_other(before: Any, after: Any) -> None:
    patch = json_patch(before, after)
    assert applied(patch, before) == canonical_json(after)
    assert (patch == []) == (canonical_json(before) == canonical_json(after))


@given(st.permutations(range(9)))
def test_a_patch_of_steps_in_another_order_only_moves_them(order: list[int]) -> None:
    before = [{"id": f"s{number}"} for number in range(9)]
    after = [before[number] for number in order]
    patch = json_patch(before, after)
    assert applied(patch, before) == canonical_json(after)
    assert {operation["op"] for operation in patch} <= {"move"}
    assert len(patch) < len(before)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": 1}, {"a": True}, [{"op": "replace", "path": "/a", "value": True}]),
        ({}, {"a/b~": None}, [{"op": "add", "path": "/a~1b~0", "value": None}]),
        ({"a": None}, {}, [{"op": "remove", "path": "/a"}]),
        ([], {}, [{"op": "replace", "path": "", "value": {}}]),
        (["a", "b"], ["a", "c"], [{"op": "replace", "path": "/1", "value": "c"}]),
        ([1, 2, 3], [2, 3, 1], [{"op": "move", "from": "/0", "path": "/2"}]),
        ([1, 1, 0.5], [1.0, 1, 0.5], []),
        ([[1], "a"], ["a", [1.0]], [{"op": "move", "from": "/0", "path": "/1"}]),
        (["x", "x"], ["x"], [{"op": "remove", "path": "/1"}]),
        (
            [{"id": "a", "n": 1}, {"id": "b"}],
            [{"id": "new"}, {"id": "a", "n": 2}, {"id": "b"}],
            [
                {"op": "add", "path": "/0", "value": {"id": "new"}},
                {"op": "replace", "path": "/1/n", "value": 2},
            ],
        ),
        (
            [{"action": "wait", "seconds": 1}, {"action": "assert"}],
            [{"action": "transform"}, {"action": "wait", "seconds": 2}, {"action": "assert"}],
            [
                {"op": "add", "path": "/0", "value": {"action": "transform"}},
                {"op": "replace", "path": "/1/seconds", "value": 2},
            ],
        ),
    ],
)
def test_a_patch_says_no_more_than_what_changed(before: Any, after: Any, expected: list[Any]) -> None:
    assert json_patch(before, after) == expected


@pytest.mark.parametrize("length", [MAX_ALIGNED + 1, MAX_MOVES + 2])
def test_what_is_too_much_to_read_is_replaced(length: int) -> None:
    before = list(range(length))
    after = before[::-1]
    assert json_patch(before, after) == [{"op": "replace", "path": "", "value": after}]
    assert json_patch(before, list(before)) == []


def test_a_patch_that_nobody_would_read_replaces_the_whole() -> None:
    before = {str(number): number for number in range(MAX_OPERATIONS + 1)}
    after = dict.fromkeys(before, -1)
    assert json_patch(before, after) == [{"op": "replace", "path": "", "value": after}]
