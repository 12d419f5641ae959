"""The members of a tenant as its administrators keep them, over both stores."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from shared.domain.errors import (
    BadCursorError,
    ConflictError,
    NotFoundError,
    StaleError,
    ValidationFailedError,
)
from shared.domain.members import MAX_ATTRIBUTES, MAX_ELEMENTS, MAX_TEXT, NewMember
from shared.domain.paging import Cursors
from shared.ports.documents import TENANCY, Container, Document, Documents, Operation
from shared.security.scope import TenantScope
from shared.services.audit.chains import Chains
from shared.services.tenancy.members import Members
from shared.services.tenancy.membership import PARTITION
from shared.services.tenancy.quotas import Room
from shared.services.watched import WatchedDocuments
from tests.fakes.documents import Killed, Moment
from tests.services.bench import ISSUER, Bench, open_bench
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES


@pytest.fixture
async def bench(request: pytest.FixtureRequest, store: str, tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(request, store, tmp_path) as opened:
        yield opened


def new(subject: str | None, *roles: str, **more: Any) -> NewMember:
    issuer = ISSUER if subject else None
    fields: dict[str, Any] = {"attributes": {}, "issuer": issuer, "subject": subject} | more
    return NewMember(roles or ("viewer",), **fields)


async def records(bench: Bench) -> list[Mapping[str, Any]]:
    changes = await bench.documents.changes(
        bench.workshop.ada.scope, container=TENANCY, partition="members", kind="audit"
    )
    return [change.document.body for change in changes]


async def test_a_member_is_made_changed_and_removed_and_each_is_told(bench: Bench) -> None:
    ada, members = bench.workshop.ada, bench.members
    made = await members.put(ada, "bo", new("b", "author", "viewer", "author", attributes={"team": "web"}))
    assert (made.roles, made.attributes, made.kind) == (["author", "viewer"], {"team": "web"}, "user")
    assert await members.tenants(ISSUER, "b") == {"acme": "bo"}
    changed = await members.put(ada, "bo", new(None, "operator"))
    assert (changed.roles, changed.attributes, changed.subject) == (["operator"], {}, "b")
    assert await members.get(ada, "bo") == changed
    await members.delete(ada, "bo")
    assert await members.tenants(ISSUER, "b") == {}
    with pytest.raises(NotFoundError):
        await members.get(ada, "bo")
    told = await records(bench)
    assert [(one["action"], one["principal"]) for one in told] == [
        ("member.put", "ada@acme"),
        ("member.put", "ada@acme"),
        ("member.delete", "ada@acme"),
    ]
    assert told[1]["before"]["roles"] == ["author", "viewer"]
    assert told[1]["after"]["roles"] == ["operator"]
    assert told[2]["after"] is None


async def test_who_a_member_is_is_fixed(bench: Bench) -> None:
    ada, members = bench.workshop.ada, bench.members
    with pytest.raises(ValidationFailedError) as refused:
        await members.put(ada, "bo", new(None))
    assert [error.pointer for error in refused.value.errors] == ["/issuer", "/subject"]
    await members.put(ada, "bo", new("b", kind="service"))
    same = await members.put(ada, "bo", new("b", "author", kind="service"))
    assert (same.kind, same.roles) == ("service", ["author"])
    for other in (new("c"), new("b", issuer="urn:other"), new("b", kind="user")):
        with pytest.raises(ConflictError, match="stays as it was made"):
            await members.put(ada, "bo", other)
    with pytest.raises(ConflictError, match="is the member 'bo' already"):
        await members.put(ada, "bob", new("b"))


async def test_everything_wrong_with_a_member_is_told_at_once(bench: Bench) -> None:
    attributes = {
        "fine": ["a", "b"],
        "number": 1.5,
        "9": "begins with a digit",
        "none": None,
        "object": {"a": 1},
        "long": "x" * (MAX_TEXT + 1),
        "mixed": ["a", 1],
        "many": ["a"] * (MAX_ELEMENTS + 1),
    }
    for user in ("a b", "chain"):
        wanted = new("b", "viewer", "root", attributes=attributes)
        with pytest.raises(ValidationFailedError) as refused:
            await bench.members.put(bench.workshop.ada, user, wanted)
        assert [error.pointer for error in refused.value.errors] == [
            "/user",
            "/roles/1",
            *(f"/attributes/{name}" for name in ("9", "none", "object", "long", "mixed", "many")),
        ]
    too_many = {f"a{number}": 1 for number in range(MAX_ATTRIBUTES + 1)}
    with pytest.raises(ValidationFailedError):
        await bench.members.put(bench.workshop.ada, "bo", new("b", attributes=too_many))
    assert await records(bench) == []


async def test_a_stale_etag_is_refused(bench: Bench) -> None:
    ada, members = bench.workshop.ada, bench.members
    with pytest.raises(StaleError):
        await members.put(ada, "bo", new("b"), if_match={"*"})
    old = (await members.put(ada, "bo", new("b"))).etag.strip('"')
    await members.put(ada, "bo", new(None, "author"), if_match={old})
    with pytest.raises(StaleError):
        await members.put(ada, "bo", new(None), if_match={old})
    with pytest.raises(StaleError):
        await members.delete(ada, "bo", if_match={old})
    await members.delete(ada, "bo", if_match={"*"})


async def test_they_are_listed_by_name_and_by_role(bench: Bench) -> None:
    ada, members = bench.workshop.ada, bench.members
    for user in ("dan", "bo", "cy"):
        await members.put(ada, user, new(user, "viewer", "author" if user != "cy" else "operator"))
    first, cursor = await members.list(ada, limit=3)
    second, end = await members.list(ada, limit=3, cursor=cursor)
    assert [one.user for one in (*first, *second)] == ["ada", "bo", "cy", "dan"]
    assert end is None
    authors, _ = await members.list(ada, role="author")
    assert [one.user for one in authors] == ["bo", "dan"]
    with pytest.raises(BadCursorError):
        await members.list(ada, role="author", cursor=cursor)


async def test_the_last_administrator_stays(bench: Bench) -> None:
    ada, members = bench.workshop.ada, bench.members
    for change in (members.delete(ada, "ada"), members.put(ada, "ada", new(None, "viewer"))):
        with pytest.raises(ConflictError, match="last administrator"):
            await change
    await members.put(ada, "ada", new(None, "admin", attributes={"team": "web"}))
    await members.put(ada, "bo", new("b", "admin"))
    await members.delete(ada, "ada")
    with pytest.raises(ConflictError, match="last administrator"):
        await members.delete(ada, "bo")


class Meeting(WatchedDocuments):
    """A process's way to the store, whose first write of members waits until the other's is due as well."""

    def __init__(self, documents: Documents, barrier: asyncio.Barrier) -> None:
        super().__init__(documents)
        self._barrier: asyncio.Barrier | None = barrier

    async def transact(
        self, scope: TenantScope, *, container: Container, partition: str, operations: Sequence[Operation]
    ) -> Sequence[Document | None]:
        if partition == PARTITION and self._barrier is not None:
            barrier, self._barrier = self._barrier, None
            await barrier.wait()
        return await super().transact(scope, container=container, partition=partition, operations=operations)


def two_processes(bench: Bench) -> list[Members]:
    barrier = asyncio.Barrier(2)
    clock = bench.workshop.clock
    return [
        Members(
            Meeting(bench.documents, barrier),
            chains=Chains(),
            cursors=Cursors(b"k"),
            clock=clock,
            room=Room(bench.documents),
        )
        for _ in range(2)
    ]


@pytest.mark.parametrize("demotes", [False, True], ids=["removed", "demoted"])
async def test_of_two_administrators_that_go_at_the_same_time_one_stays(bench: Bench, demotes: bool) -> None:
    ada = bench.workshop.ada
    await bench.members.put(ada, "bo", new("b", "admin"))

    async def goes(process: Members, user: str) -> None:
        if demotes:
            await process.put(ada, user, new(None, "viewer"))
        else:
            await process.delete(ada, user)

    changes = map(goes, two_processes(bench), ("ada", "bo"))
    outcomes = await asyncio.gather(*changes, return_exceptions=True)
    assert sorted(type(one).__name__ for one in outcomes) == ["ConflictError", "NoneType"]
    left, _ = await bench.members.list(ada, role="admin")
    assert len(left) == 1


async def test_of_two_names_for_one_identity_at_the_same_time_one_is_given(bench: Bench) -> None:
    ada, members = bench.workshop.ada, bench.members
    processes = zip(two_processes(bench), ("bo", "bob"), strict=True)
    changes = (process.put(ada, user, new("b")) for process, user in processes)
    outcomes = await asyncio.gather(*changes, return_exceptions=True)
    assert sum(isinstance(one, ConflictError) for one in outcomes) == 1
    found = await members.identified(ada.scope, ISSUER, "b")
    assert found is not None
    assert [one.user for one in (await members.list(ada))[0]] == ["ada", found.user]


@pytest.mark.parametrize("removes", [False, True], ids=["made", "removed"])
async def test_wherever_the_process_dies_the_directory_never_says_too_little(
    bench: Bench, removes: bool
) -> None:
    """It may list a member that is none, which lets nobody in; one that it does not list could not enter."""
    ada, members = bench.workshop.ada, bench.members
    for point in range(20):
        user = f"bo{point}"
        if removes:
            await members.put(ada, user, new(user))
        interruption = Death(point)
        bench.documents.interrupt = interruption
        with suppress(Killed):
            await (members.delete(ada, user) if removes else members.put(ada, user, new(user)))
        bench.documents.interrupt = None
        if await members.find(ada.scope, user) is not None:
            assert await members.tenants(ISSUER, user) == {"acme": user}, point
        if not interruption.happened:
            assert point >= 4
            return
    pytest.fail("it never came to an end")


class Death:
    """Kills at the moment number ``point``: before or after one of the transactions."""

    def __init__(self, point: int) -> None:
        self._point = point
        self._asked = 0

    def __call__(self, moment: Moment, container: Container) -> None:
        self._asked += 1
        if self._asked == self._point + 1:
            raise Killed

    @property
    def happened(self) -> bool:
        return self._asked > self._point
