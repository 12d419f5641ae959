from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.ids import is_ulid, ulid, ulid_time

MOMENTS = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001  hypothesis wants bounds without a zone
    max_value=datetime(9000, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
RANDOMNESS = st.binary(min_size=10, max_size=10)


@given(MOMENTS, RANDOMNESS)
def test_an_id_remembers_its_millisecond(moment: datetime, randomness: bytes) -> None:
    text = ulid(moment, randomness)
    assert is_ulid(text)
    assert ulid_time(text) == moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@given(MOMENTS, MOMENTS, RANDOMNESS, RANDOMNESS)
def test_ids_sort_by_time(one: datetime, other: datetime, first: bytes, second: bytes) -> None:
    earlier, later = ulid(one, first), ulid(other, second)
    if ulid_time(earlier) < ulid_time(later):
        assert earlier < later


def test_the_known_example_is_spelled_as_the_specification_does() -> None:
    assert ulid(datetime(2016, 7, 30, 23, 54, 10, 259000, tzinfo=UTC), bytes(10)) == "01ARZ3NDEK" + "0" * 16


@pytest.mark.parametrize(
    "text", ["", "01ARZ3NDEK", "8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "01arz3ndektsv4rrffq69g5fav", "I" * 26]
)
def test_other_texts_are_no_ids(text: str) -> None:
    assert not is_ulid(text)
    with pytest.raises(ValueError, match="not a ULID"):
        ulid_time(text)


def test_randomness_of_the_wrong_size_is_refused() -> None:
    with pytest.raises(ValueError, match="10 random bytes"):
        ulid(datetime(2026, 1, 1, tzinfo=UTC), b"short")
