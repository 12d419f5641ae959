"""The ``token`` and ``client`` commands."""

import argparse
import asyncio
from pathlib import Path

import pytest

from localhost.identity.issuer import local_issuer
from localhost.identity.store import IdentityStore
from localhost.identity.token import add_token_command, issue_token, settings_of_host
from localhost.sqlite.documents import SqliteDocuments
from shared.adapters.jwt.keys import JwksSource
from shared.adapters.jwt.verifier import JwtTokens
from shared.adapters.system import SystemClock
from shared.domain.errors import ValidationFailedError
from shared.domain.paging import Cursors
from shared.services.audit.chains import Chains
from shared.services.callers import Caller
from shared.services.tenancy.authentication import Authentication
from shared.services.tenancy.members import Members
from shared.services.tenancy.quotas import Room
from shared.services.tenancy.strangers import Strangers
from shared.services.tenancy.tenants import Tenants
from shared.settings import Settings


def _run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    add_token_command(parser.add_subparsers(required=True))
    options = parser.parse_args(arguments)
    status: int = options.run(options)
    return status


async def _enter(data: Path, token: str, tenant: str | None = None) -> Caller:
    """What the platform makes of a token, with the verifier and the stores of a host on that folder."""
    tokens = JwtTokens([local_issuer(data, "http://127.0.0.1:7071")], keys=JwksSource(), clock=SystemClock())
    documents = SqliteDocuments(data / "documents.db")
    try:
        members = Members(
            documents, chains=Chains(), cursors=Cursors(b"k"), clock=SystemClock(), room=Room(documents)
        )
        strangers = Strangers(SystemClock(), failures=None, requests=None)
        tenants = Tenants(documents, SystemClock())
        door = Authentication(members, tenants, tokens, SystemClock(), strangers)
        return await door.authenticate(f"Bearer {token}", tenant)
    finally:
        documents.close()


def test_it_prints_a_token_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "new" / "folder"
    assert _run("token", "--tenant", "acme", "--user", "ada", "--role", "admin", "--data", str(data)) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    caller = asyncio.run(_enter(data, printed.out.removesuffix("\n")))
    assert (caller.principal.name, caller.principal.roles) == ("ada@acme", frozenset({"admin"}))
    assert IdentityStore(data).has_user("ada"), "who has a token may sign in through the browser, too"


def local(data: Path) -> Settings:
    return settings_of_host(data, {})


def test_a_member_of_two_tenants_has_one_identity(tmp_path: Path) -> None:
    for tenant in ("acme", "globex"):
        token = issue_token(local(tmp_path), tenant=tenant, user="ada", role="viewer")
    for tenant in ("acme", "globex"):
        assert asyncio.run(_enter(tmp_path, token, tenant)).principal.tenant_id == tenant


def test_another_role_replaces_the_one_before(tmp_path: Path) -> None:
    first = issue_token(local(tmp_path), tenant="acme", user="ada", role="viewer")
    issue_token(local(tmp_path), tenant="acme", user="ada", role="operator")
    assert asyncio.run(_enter(tmp_path, first)).principal.roles == {"operator"}


def test_it_works_beside_a_running_host(tmp_path: Path) -> None:
    documents = SqliteDocuments(tmp_path / "documents.db")
    try:
        token = issue_token(local(tmp_path), tenant="acme", user="ada", role="viewer")
        assert asyncio.run(_enter(tmp_path, token)).principal.user == "ada"
    finally:
        documents.close()


def test_a_service_is_a_member_of_another_name_space_than_users(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        _run("client", "--tenant", "acme", "--user", "ci", "--role", "operator", "--data", str(tmp_path)) == 0
    )
    assert IdentityStore(tmp_path).is_client("ci", capsys.readouterr().out.strip())
    assert not IdentityStore(tmp_path).has_user("ci")


@pytest.mark.parametrize(
    ("option", "value", "place"),
    [("--tenant", "Acme", "tenant_id"), ("--user", "a da", "user"), ("--lifetime", "0", "lifetime")],
)
def test_a_bad_option_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, value: str, place: str
) -> None:
    good = {"--tenant": "acme", "--user": "ada", "--role": "admin", "--data": str(tmp_path)}
    given = [word for pair in (good | {option: value}).items() for word in pair]
    assert _run("token", *given) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert f"  {place}: " in printed.err


def test_the_platform_has_administrators_of_its_own_and_no_other_tenant_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = ("--user", "root", "--role", "platform-admin", "--data", str(tmp_path))
    assert _run("token", "--tenant", "platform", *root) == 0
    caller = asyncio.run(_enter(tmp_path, capsys.readouterr().out.strip()))
    assert (caller.principal.name, *caller.principal.roles) == ("root@platform", "platform-admin")
    assert _run("token", "--tenant", "acme", *root) == 1
    assert "'platform-admin' is not a role" in capsys.readouterr().err


def test_a_data_folder_that_cannot_be_used_is_told_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    given = ("--tenant", "acme", "--user", "ada", "--role", "admin", "--data", str(tmp_path / "file"))
    assert _run("token", *given) == 1
    assert "the data folder cannot be used" in capsys.readouterr().err


def test_a_token_cannot_be_made_for_ever(tmp_path: Path) -> None:
    with pytest.raises(ValidationFailedError):
        issue_token(local(tmp_path), tenant="acme", user="ada", role="admin", lifetime=10**9)
