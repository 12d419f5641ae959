import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import BadCursorError
from shared.domain.paging import Cursors

CURSORS = Cursors(b"k" * 32)
LIST = ["acme", "intents", {"status": None, "labels": [["team", "web"]]}]


@given(st.text(st.characters(codec="utf-8")))
def test_a_cursor_gives_back_its_position(position: str) -> None:
    assert CURSORS.open(CURSORS.seal(position, of=LIST), of=LIST) == position


@given(st.data())
def test_a_cursor_with_any_character_changed_is_refused(data: st.DataObject) -> None:
    cursor = CURSORS.seal(data.draw(st.text("ab", max_size=4)), of=LIST)
    place = data.draw(st.integers(0, len(cursor) - 1))
    altered = (
        cursor[:place]
        + data.draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefz0189-_ =é"))
        + cursor[place + 1 :]
    )
    if altered != cursor:
        with pytest.raises(BadCursorError):
            CURSORS.open(altered, of=LIST)


@pytest.mark.parametrize(
    "of", [["globex", *LIST[1:]], ["acme", "executions", LIST[2]], ["acme", "intents", {}]]
)
def test_a_cursor_is_bound_to_tenant_list_and_filter(of: list[object]) -> None:
    with pytest.raises(BadCursorError):
        CURSORS.open(CURSORS.seal("position", of=LIST), of=of)


def test_a_cursor_of_another_installation_is_refused() -> None:
    with pytest.raises(BadCursorError):
        Cursors(b"other").open(CURSORS.seal("position", of=LIST), of=LIST)


@pytest.mark.parametrize("text", ["", "x", "====", "\ud800", "a" * 100_000])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(BadCursorError):
        CURSORS.open(text, of=LIST)
