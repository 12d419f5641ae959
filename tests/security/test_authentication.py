"""From the headers of a request to a caller: who is let in, and as whom."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from localhost.sqlite.documents import SqliteDocuments
from shared.domain.errors import (
    BadRequestError,
    ConflictError,
    NotFoundError,
    UnauthenticatedError,
    UnavailableError,
    ValidationFailedError,
)
from shared.domain.paging import Cursors
from shared.domain.strangers import FAILURES
from shared.ports.documents import TENANCY, Container, Delete, Document, Operation, Patch
from shared.security.scope import TenantScope
from shared.services.audit.chains import Chains
from shared.services.callers import Caller
from shared.services.tenancy.authentication import CALLER_LIFE, Authentication
from shared.services.tenancy.directory import DIRECTORY, Directory
from shared.services.tenancy.members import Members
from shared.services.tenancy.quotas import Room
from shared.services.tenancy.strangers import Strangers
from shared.services.tenancy.tenants import Tenants
from tests.security.forge import ISSUER, Forge


class Gate(SqliteDocuments):
    """Documents that can fail to write one partition, and count their reads."""

    refuses: str | None = None
    reads: int = 0

    async def read(
        self, scope: TenantScope, *, container: Container, partition: str, id: str
    ) -> Document | None:
        self.reads += 1
        return await super().read(scope, container=container, partition=partition, id=id)

    async def transact(
        self, scope: TenantScope, *, container: Container, partition: str, operations: Sequence[Operation]
    ) -> Sequence[Document | None]:
        if scope.tenant_id == self.refuses:
            raise UnavailableError
        return await super().transact(scope, container=container, partition=partition, operations=operations)


@dataclass
class Platform:
    forge: Forge
    documents: Gate
    members: Members
    authentication: Authentication

    async def add(self, tenant: str, user: str = "ada", *, subject: str | None = None, **more: Any) -> None:
        await Tenants(self.documents, self.forge.clock).ensure(tenant)
        fields = {"roles": ["viewer"], "issuer": ISSUER, "subject": subject or user} | more
        await self.members.ensure_member(tenant, user=user, **fields)

    async def enter(self, subject: str = "ada", tenant: str | None = None) -> Caller:
        return await self.authentication.authenticate(f"Bearer {self.forge.token(sub=subject)}", tenant)

    async def change(self, tenant: str, operation: Operation) -> None:
        await self.documents.transact(
            TenantScope(tenant), container=TENANCY, partition="members", operations=[operation]
        )


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    forge = Forge()
    documents = Gate(tmp_path / "documents.db")
    members = Members(
        documents, chains=Chains(), cursors=Cursors(b"k"), clock=forge.clock, room=Room(documents)
    )
    tenants, strangers = (
        Tenants(documents, forge.clock),
        Strangers(forge.clock, failures=FAILURES, requests=None),
    )
    door = Authentication(members, tenants, forge.tokens, forge.clock, strangers)
    yield Platform(forge, documents, members, door)
    documents.close()


async def test_a_member_enters_its_only_tenant_without_naming_it(platform: Platform) -> None:
    await platform.add("acme", roles=["author", "operator", "author"], attributes={"department": "web"})
    caller = await platform.enter()
    assert caller.scope == TenantScope("acme")
    assert caller.principal.name == "ada@acme"
    assert caller.principal.roles == {"author", "operator"}
    assert caller.principal.attributes == {"department": "web"}
    assert (caller.principal.issuer, caller.principal.subject, caller.principal.kind) == (
        ISSUER,
        "ada",
        "user",
    )


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Token x", "Bearer x", "Bearer a b"]
)
async def test_who_brings_no_valid_token_is_not_authenticated(
    platform: Platform, authorization: str | None
) -> None:
    with pytest.raises(UnauthenticatedError):
        await platform.authentication.authenticate(authorization, "acme")


async def test_the_scheme_has_no_case(platform: Platform) -> None:
    await platform.add("acme")
    caller = await platform.authentication.authenticate(f"bEARER  {platform.forge.token()}", None)
    assert caller.principal.user == "ada"


@pytest.mark.parametrize("tenant", [None, "acme", "no such", DIRECTORY])
async def test_a_valid_token_of_nobodys_member_is_refused_whatever_it_names(
    platform: Platform, tenant: str | None
) -> None:
    await platform.add("acme")
    with pytest.raises(UnauthenticatedError) as refused:
        await platform.enter("eve", tenant)
    assert "member of no tenant" in refused.value.reason


@pytest.mark.parametrize("tenant", ["globex", "nowhere", DIRECTORY])
async def test_another_tenant_answers_as_one_that_does_not_exist(platform: Platform, tenant: str) -> None:
    await platform.add("acme")
    await platform.add("globex", "bob")
    with pytest.raises(NotFoundError, match=f"There is no tenant '{tenant}'"):
        await platform.enter("ada", tenant)


@pytest.mark.parametrize("tenant", ["", "ACME", "acme ", "a.b", "-a", "é", "x" * 64, "acme\n"])
async def test_what_is_not_a_tenants_id_is_a_bad_request(platform: Platform, tenant: str) -> None:
    await platform.add("acme")
    with pytest.raises(BadRequestError, match="X-Tenant-ID"):
        await platform.enter("ada", tenant)


async def test_a_member_of_several_tenants_must_name_one(platform: Platform) -> None:
    await platform.add("acme")
    await platform.add("globex", "ada.l", subject="ada", roles=["admin"])
    with pytest.raises(BadRequestError, match=r"\(acme, globex\): name one in X-Tenant-ID"):
        await platform.enter()
    assert (await platform.enter(tenant="acme")).principal.roles == {"viewer"}
    caller = await platform.enter(tenant="globex")
    assert (caller.principal.name, caller.principal.roles) == ("ada.l@globex", frozenset({"admin"}))


async def test_the_same_subject_of_another_issuer_is_somebody_else(platform: Platform) -> None:
    await platform.add("acme", issuer="https://elsewhere.example")
    with pytest.raises(UnauthenticatedError):
        await platform.enter()


async def test_a_known_caller_costs_no_read_and_new_roles_are_felt_in_time(platform: Platform) -> None:
    await platform.add("acme")
    first = await platform.enter()
    reads = platform.documents.reads
    assert await platform.enter() is first
    assert platform.documents.reads == reads
    await platform.change("acme", Patch("ada", set={("roles",): ["admin"]}))
    platform.forge.clock.advance(CALLER_LIFE)
    assert (await platform.enter()).principal.roles == {"admin"}


async def test_a_change_of_roles_by_this_process_is_felt_at_once(platform: Platform) -> None:
    await platform.add("acme", attributes={"department": "web"})
    await platform.enter()
    await platform.add("acme", roles=["admin"])
    principal = (await platform.enter()).principal
    assert principal.roles == {"admin"}
    assert principal.attributes == {"department": "web"}


async def test_who_is_a_member_no_more_is_kept_out_although_the_directory_still_lists_it(
    platform: Platform,
) -> None:
    await platform.add("acme")
    await platform.enter()
    await platform.change("acme", Delete("ada"))
    platform.forge.clock.advance(CALLER_LIFE)
    with pytest.raises(UnauthenticatedError):
        await platform.enter()
    with pytest.raises(NotFoundError):
        await platform.enter(tenant="acme")


async def test_a_directory_entry_lets_nobody_in_under_another_identitys_name(platform: Platform) -> None:
    await platform.add("acme")
    await platform.change("acme", Patch("ada", set={("subject",): "somebody-else"}))
    with pytest.raises(UnauthenticatedError):
        await platform.enter()


async def test_a_name_that_is_taken_is_not_given_to_another(platform: Platform) -> None:
    await platform.add("acme")
    with pytest.raises(ConflictError, match="name of another member"):
        await platform.add("acme", "ada", subject="eve", roles=["admin"])
    assert (await platform.enter()).principal.roles == {"viewer"}
    with pytest.raises(UnauthenticatedError):
        await platform.enter("eve")


async def test_a_crash_between_member_and_directory_is_mended_by_adding_again(platform: Platform) -> None:
    platform.documents.refuses = DIRECTORY
    with pytest.raises(UnavailableError):
        await platform.add("acme")
    with pytest.raises(UnauthenticatedError):
        await platform.enter()
    platform.documents.refuses = None
    await platform.add("acme")
    assert (await platform.enter()).principal.name == "ada@acme"


@pytest.mark.parametrize(
    ("tenant", "user", "roles", "pointers"),
    [
        (DIRECTORY, "ada", ["viewer"], ["/tenant_id"]),
        ("Acme", "ada", ["viewer"], ["/tenant_id"]),
        ("acme", "a b", ["viewer", "root", "boss"], ["/user", "/roles/0", "/roles/1"]),
        ("acme", "ada@globex", ["viewer"], ["/user"]),
        ("acme", "", ["viewer"], ["/user"]),
    ],
)
async def test_a_name_that_cannot_be_given_is_refused_and_nothing_is_stored(
    platform: Platform, tenant: str, user: str, roles: list[str], pointers: list[str]
) -> None:
    with pytest.raises(ValidationFailedError) as refused:
        await platform.members.ensure_member(tenant, user=user, roles=roles, issuer=ISSUER, subject="ada")
    assert [error.pointer for error in refused.value.errors] == pointers
    assert await platform.members.tenants(ISSUER, "ada") == {}


@pytest.mark.parametrize(("kind", "idtyp"), [("user", "app"), ("service", "app"), ("service", None)])
async def test_a_services_token_does_not_stand_in_for_a_persons(
    platform: Platform, kind: str, idtyp: str | None
) -> None:
    await platform.add("acme", kind=kind)
    token = f"Bearer {platform.forge.token(idtyp=idtyp)}"
    if (kind, idtyp) == ("user", "app"):
        with pytest.raises(UnauthenticatedError) as refused:
            await platform.authentication.authenticate(token, "acme")
        assert refused.value.reason == "a service's token of ada@acme, which is none"
        await platform.enter()
    else:
        assert (await platform.authentication.authenticate(token, "acme")).principal.kind == "service"


async def test_what_the_directory_lists_wrongly_is_nobodys_tenant(platform: Platform) -> None:
    await platform.add("acme")
    await platform.add("globex")
    await platform.change("globex", Delete("ada"))
    known = await platform.authentication.recognize(f"Bearer {platform.forge.token()}", "acme")
    assert [(one.tenant_id, one.user) for one in known.memberships] == [("acme", "ada")]
    await platform.change("acme", Delete("ada"))
    with pytest.raises(UnauthenticatedError):
        await platform.authentication.recognize(f"Bearer {platform.forge.token()}", None)


async def test_who_is_listed_under_a_tenant_that_is_over_need_not_choose(platform: Platform) -> None:
    await platform.add("acme")
    await platform.add("globex")
    await platform.change("globex", Delete("ada"))
    assert (await platform.enter()).principal.name == "ada@acme"
    await platform.change("acme", Delete("ada"))
    platform.forge.clock.advance(CALLER_LIFE)
    with pytest.raises(UnauthenticatedError):
        await platform.enter()


async def test_a_directory_that_has_another_name_for_a_member_leads_to_it_all_the_same(
    platform: Platform,
) -> None:
    await platform.add("acme", "ada", subject="a")
    await Directory(platform.documents).point(ISSUER, "a", tenant_id="acme", user="somebody")
    assert (await platform.enter("a")).principal.name == "ada@acme"
