"""The documents port: what is too large, or has no name, is refused the same everywhere."""

import pytest

from shared.domain.errors import TooLargeError
from shared.ports.documents import MAX_ID_BYTES, MAX_TRANSACTION_BYTES, Create, Documents, Patch, Replace
from tests.contracts.shelf import Shelf

HALF = "x" * (MAX_TRANSACTION_BYTES // 2)


@pytest.fixture
def shelf(documents: Documents) -> Shelf:
    return Shelf(documents)


@pytest.mark.parametrize("text", [HALF * 2, "é" * len(HALF)], ids=["ascii", "utf-8"])
async def test_a_document_that_is_too_large_is_refused(shelf: Shelf, text: str) -> None:
    await shelf.create("a")
    for body in ({"id": "b", "kind": "thing", "text": text}, {"id": "a", "kind": "thing", "text": text}):
        with pytest.raises(TooLargeError):
            await shelf.transact(Create(body) if body["id"] == "b" else Replace(body))
    assert await shelf.read("b") is None
    assert await shelf.body("a") == {"id": "a", "kind": "thing"}


async def test_a_transaction_that_is_too_large_is_refused_whole(shelf: Shelf) -> None:
    with pytest.raises(TooLargeError):
        await shelf.transact(*(Create({"id": name, "kind": "thing", "text": HALF}) for name in "ab"))
    assert await shelf.changes() == []


async def test_a_patch_cannot_make_a_document_too_large(shelf: Shelf) -> None:
    await shelf.create("a", n=0)
    # Each under a megabyte: the SDK's transport warns of more.
    most = HALF[: len(HALF) * 4 // 5]
    await shelf.transact(Patch("a", set={("one",): most}))
    await shelf.transact(Patch("a", set={("two",): most}))
    with pytest.raises(TooLargeError):
        await shelf.transact(Patch("a", set={("three",): most}))
    assert "three" not in await shelf.body("a")


async def test_an_id_has_a_bounded_length(shelf: Shelf) -> None:
    longest = "/" * MAX_ID_BYTES
    await shelf.create(longest)
    assert (await shelf.body(longest))["id"] == longest
    with pytest.raises(TooLargeError):
        await shelf.create("a" * (MAX_ID_BYTES + 1))


async def test_a_partition_has_a_name(documents: Documents) -> None:
    with pytest.raises(ValueError, match=r"empty"):
        await Shelf(documents, partition="").create("a")
