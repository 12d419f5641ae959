"""The secrets port: what a tenant's name stands for, in which version."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.domain.secrets import MAX_VALUE_BYTES
from shared.ports.secrets import Secrets
from shared.security.scope import TenantScope
from tests.contracts.conftest import Hands
from tests.vaults import VAULTS, opened_vault

ACME, GLOBEX = TenantScope("acme"), TenantScope("globex")
LONGEST = "x" * MAX_VALUE_BYTES


@pytest.fixture(params=VAULTS)
async def secrets(request: pytest.FixtureRequest, tmp_path: Path, clock: Hands) -> AsyncIterator[Secrets]:
    async with opened_vault(request.param, request, tmp_path, clock) as vault:
        yield vault


async def names(secrets: Secrets, scope: TenantScope) -> list[str]:
    return sorted([name async for name in secrets.names(scope)])


async def test_a_secret_that_was_never_put_is_none(secrets: Secrets) -> None:
    assert await secrets.resolve(ACME, name="token") is None
    assert await secrets.resolve(ACME, name="token", version="0" * 32) is None
    assert await names(secrets, ACME) == []


@pytest.mark.parametrize(
    "value",
    ["s3cret", " \n", 'é😀\n"\\', LONGEST, "é" * (MAX_VALUE_BYTES // 2)],
    ids=["text", "blank", "any", "longest", "longest in bytes"],
)
async def test_a_secret_resolves_to_its_value_to_the_letter(secrets: Secrets, value: str) -> None:
    version = await secrets.put(ACME, name="token", value=value)
    assert await secrets.resolve(ACME, name="token") == value
    assert await secrets.resolve(ACME, name="token", version=version) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [("token", ""), ("token", LONGEST + "x"), ("token", "\ud800"), ("", "x"), ("a b", "x"), ("n" * 33, "x")],
    ids=["empty", "too long", "no text", "no name", "no such name", "long name"],
)
async def test_what_cannot_be_stored_is_refused(secrets: Secrets, name: str, value: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - what it says is for developers
        await secrets.put(ACME, name=name, value=value)
    assert await names(secrets, ACME) == []


async def test_a_rotated_secret_resolves_to_its_latest_value_and_each_version_to_its_own(
    secrets: Secrets,
) -> None:
    first = await secrets.put(ACME, name="token", value="old")
    second = await secrets.put(ACME, name="token", value="new")
    same = await secrets.put(ACME, name="token", value="new")
    assert len({first, second, same}) == 3
    assert await secrets.resolve(ACME, name="token") == "new"
    assert await secrets.resolve(ACME, name="token", version=first) == "old"
    assert await secrets.resolve(ACME, name="token", version=second) == "new"
    assert await secrets.resolve(GLOBEX, name="token", version=first) is None


async def test_tenants_have_their_own_secrets(secrets: Secrets) -> None:
    await secrets.put(ACME, name="token", value="acme's")
    assert await secrets.resolve(GLOBEX, name="token") is None
    await secrets.delete(GLOBEX, name="token")
    await secrets.put(GLOBEX, name="token", value="globex's")
    assert await secrets.resolve(ACME, name="token") == "acme's"


async def test_names_are_told_apart_to_the_letter(secrets: Secrets) -> None:
    await secrets.put(ACME, name="token", value="lower")
    await secrets.put(ACME, name="Token", value="upper")
    await secrets.put(ACME, name="TOKEN_" + "x" * 26, value="long")
    assert await secrets.resolve(ACME, name="token") == "lower"
    assert await secrets.resolve(ACME, name="Token") == "upper"
    assert await secrets.resolve(ACME, name="TOKEN") is None


async def test_a_deleted_secret_is_gone_with_every_version(secrets: Secrets) -> None:
    versions = [await secrets.put(ACME, name="token", value=value) for value in ("a", "b")]
    await secrets.put(ACME, name="other", value="c")
    await secrets.delete(ACME, name="token")
    await secrets.delete(ACME, name="token")
    assert await secrets.resolve(ACME, name="token") is None
    assert [await secrets.resolve(ACME, name="token", version=one) for one in versions] == [None, None]
    assert await names(secrets, ACME) == ["other"]


async def test_a_deleted_name_can_be_put_again(secrets: Secrets) -> None:
    before = await secrets.put(ACME, name="token", value="old")
    await secrets.delete(ACME, name="token")
    after = await secrets.put(ACME, name="token", value="new")
    assert after != before
    assert await secrets.resolve(ACME, name="token") == "new"
    assert await secrets.resolve(ACME, name="token", version=after) == "new"
    assert await secrets.resolve(ACME, name="token", version=before) in {None, "old"}
    await secrets.delete(ACME, name="token")
    assert await secrets.resolve(ACME, name="token", version=before) is None


async def test_everything_is_listed_however_much_there_is(secrets: Secrets) -> None:
    for number in range(30):
        await secrets.put(ACME, name=f"n{number:02}", value="x")
        await secrets.put(GLOBEX, name=f"n{number:02}", value="x")
    assert await names(secrets, ACME) == [f"n{number:02}" for number in range(30)]
