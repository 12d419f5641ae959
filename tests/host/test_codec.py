"""The short way of the codec for plain JSON comes to what the SDK's own codec comes to."""

import json
from typing import Any

import pytest
from azure.durable_functions.internal.serialization import FunctionsDataConverter
from hypothesis import given
from hypothesis import strategies as st

from localhost.triggers.codec import PlainFirst, is_plain

pytestmark = pytest.mark.filterwarnings("ignore:azure.functions:DeprecationWarning")  # its advice on types

SDK, SHORT = FunctionsDataConverter(), PlainFirst()

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.just("__class__"),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("__data__"), inner),
)
types = st.sampled_from([None, dict, list, str, int, float, object])


class Point:
    """What an app's own class needs for the codec to know it."""

    def __init__(self, x: int) -> None:
        self.x = x

    @staticmethod
    def to_json(point: "Point") -> dict[str, int]:
        return {"x": point.x}

    @staticmethod
    def from_json(written: dict[str, int]) -> "Point":
        return Point(written["x"])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Point) and other.x == self.x

    def __hash__(self) -> int:
        return self.x


@given(values)
def test_plain_values_are_written_alike(value: Any) -> None:
    assert SHORT.serialize(value) == SDK.serialize(value)


@given(values, types)
def test_texts_are_read_alike(value: Any, expected: type | None) -> None:
    text = json.dumps(value)
    assert SHORT.deserialize(text, expected) == SDK.deserialize(text, expected)
    raw = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    assert SHORT.deserialize(raw, expected) == SDK.deserialize(raw, expected)


@pytest.mark.parametrize("value", [Point(3), [Point(3)], {"at": {"there": Point(3)}}])
def test_objects_of_the_apps_own_classes_stay_what_they_are(value: Any) -> None:
    text = SHORT.serialize(value)
    assert text is not None
    assert text == SDK.serialize(value)
    assert not is_plain(text)
    assert SHORT.deserialize(text) == value
    escaped = text.replace("__class__", "\\u005f_class__")
    assert not is_plain(escaped)
    assert SHORT.deserialize(escaped) == value


def test_what_is_no_json_is_refused_alike() -> None:
    for text in ("{", "not json", '{"a": }'):
        with pytest.raises(json.JSONDecodeError):
            SDK.deserialize(text)
        with pytest.raises(json.JSONDecodeError):
            SHORT.deserialize(text)


def test_nothing_is_read_from_nothing() -> None:
    assert SHORT.deserialize("") is None
    assert SHORT.deserialize(None) is None
    assert SHORT.serialize(None) is None
