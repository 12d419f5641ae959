"""Administrators of the platform whom its operator names."""

from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from localhost.sqlite.documents import SqliteDocuments
from localhost.sqlite.events import SqliteEvents
from shared.settings import Settings
from shared.settings_json import platform_admins
from shared.settings_values import SettingsError
from tests.http.harness import Identity, World, build, people

ISSUERS = {"https://login.example.com", "urn:quantum:local"}
ADA = {"user": "ada", "issuer": "https://login.example.com", "subject": "7f1c"}


def settings(named: Any) -> Settings:
    text = named if isinstance(named, str) else orjson.dumps(named).decode()
    values = {"QUANTUM_ADAPTERS": "localhost", "QUANTUM_HOST_URL": "http://x", "QUANTUM_DATA": "/x"}
    return Settings.from_mapping(values | {"QUANTUM_PLATFORM_ADMINS": text})


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("{", "QUANTUM_PLATFORM_ADMINS"),
        ([ADA | {"subjekt": "x"}], "QUANTUM_PLATFORM_ADMINS[0].subjekt"),
        ([{"user": "ada"}], "QUANTUM_PLATFORM_ADMINS[0].issuer: it is needed"),
        ([ADA | {"user": "Ada"}], "QUANTUM_PLATFORM_ADMINS[0].user"),
        ([ADA | {"subject": " "}], "QUANTUM_PLATFORM_ADMINS[0].subject"),
        ([ADA | {"kind": "robot"}], "QUANTUM_PLATFORM_ADMINS[0].kind"),
        (
            [ADA | {"issuer": "https://evil.example"}],
            "QUANTUM_PLATFORM_ADMINS[0].issuer: 'https://evil.example'",
        ),
        ([ADA, ADA | {"user": "bo"}], "QUANTUM_PLATFORM_ADMINS[1]: this user or identity is named before"),
    ],
    ids=["json", "unknown", "missing", "user", "subject", "kind", "issuer", "twice"],
)
def test_what_names_nobody_is_refused_with_its_place(named: Any, told: str) -> None:
    with pytest.raises(SettingsError) as refused:
        platform_admins(settings(named), ISSUERS)
    assert told in str(refused.value)


def test_without_the_setting_there_are_none() -> None:
    assert platform_admins(settings(""), ISSUERS).named == ()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """``ada`` is named by the operator, and a viewer of acme."""
    identity = Identity.of(tmp_path)
    named = [{"user": "chief", "issuer": identity.issuer.url, "subject": "viewer"}]
    with (
        closing(SqliteDocuments(tmp_path / "documents.db")) as documents,
        closing(SqliteEvents(tmp_path / "events.db")) as events,
    ):
        text = orjson.dumps(named).decode()
        made = await build(tmp_path, identity, documents=documents, events=events, platform_admins=text)
        await people(made.platform, identity.issuer.url)
        async with made.http:
            yield made


async def test_who_is_named_administers_without_being_stored(world: World) -> None:
    platform = {"X-Tenant-ID": "platform"}
    me = (await world.send("viewer", "GET", "/me", headers=platform)).json()
    assert [one["id"] for one in me["tenants"]] == ["acme", "platform"]
    assert (me["principal"], me["roles"]) == ("chief@platform", ["platform-admin"])
    first = {"user": "bill", "issuer": world.identity.issuer.url, "subject": "bill"}
    body = {"id": "initech", "administrator": first}
    assert (await world.send("viewer", "POST", "/tenants", json=body, headers=platform)).status_code == 201
    acme = await world.send("viewer", "GET", "/tenants", headers={"X-Tenant-ID": "acme"})
    assert acme.status_code == 403
    assert (await world.send("viewer", "GET", "/members/chief", headers=platform)).status_code == 404
    taken = {"roles": ["viewer"], "issuer": first["issuer"], "subject": "x"}
    refused = await world.send("viewer", "PUT", "/members/chief", json=taken, headers=platform)
    assert (refused.status_code, refused.json()["code"]) == (409, "CONFLICT")
