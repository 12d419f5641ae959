import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.canonical import canonical_json, content_hash

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | st.integers() | FLOATS | st.text(st.characters(codec="utf-8"))
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text("ab", max_size=3), inner)
)


@given(JSON)
def test_canonical_json_says_the_same_and_is_its_own_canonical_form(value: object) -> None:
    spelled = canonical_json(value)
    assert json.loads(spelled) == value
    assert canonical_json(json.loads(spelled)) == spelled


def test_equal_documents_have_equal_hashes() -> None:
    assert content_hash({"a": 1, "b": [2.0, "é"]}) == content_hash({"b": [2, "é"], "a": 1.0})
    assert content_hash({"a": 1}) != content_hash({"a": "1"})
    assert content_hash([True]) != content_hash([1])


def test_keys_are_in_order_and_nothing_is_padded() -> None:
    assert canonical_json({"b": 1.0, "a": [None, True, "ü"], "Z": -0.5}) == (
        '{"Z":-0.5,"a":[null,true,"ü"],"b":1}'.encode()
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - three kinds of it
        canonical_json(value)
