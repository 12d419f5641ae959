"""Who may come in. tests/http/test_routes.py asks this of every route in the table."""

import base64
import json
import time
from pathlib import Path

import pytest

from tests.http.harness import Identity, World


@pytest.mark.parametrize("path", ["/intents", "/executions"])
async def test_a_list_has_nothing_of_another_tenant(world: World, path: str) -> None:
    await world.execution()
    response = await world.send("eve", "GET", path)
    assert response.json() == {"items": [], "next_cursor": None}


async def test_an_expired_and_a_forged_token_are_refused_like_any_other(world: World, tmp_path: Path) -> None:
    expired = world.token("admin", now=time.time() - 7200, lifetime=3600)
    forged = forged_by(Identity.of(tmp_path), world.token("admin"))
    responses = [
        await world.send(None, "GET", "/intents", headers={"Authorization": f"Bearer {token}"})
        for token in (expired, forged, unsigned(world), "nonsense", "")
    ]
    assert [response.status_code for response in responses] == [401] * 5
    details = {(response.json()["code"], response.json()["detail"]) for response in responses}
    assert len(details) == 1


async def test_a_member_of_several_tenants_says_which(world: World) -> None:
    await world.intent()
    unsaid = await world.send("both", "GET", "/intents")
    assert unsaid.status_code == 400
    assert "X-Tenant-ID" in unsaid.json()["detail"]
    acme = await world.send("both", "GET", "/intents", headers={"X-Tenant-ID": "acme"})
    globex = await world.send("both", "GET", "/intents", headers={"X-Tenant-ID": "globex"})
    assert ([len(answer.json()["items"]) for answer in (acme, globex)]) == [1, 0]


async def test_a_tenant_one_is_no_member_of_does_not_exist(world: World) -> None:
    response = await world.send("eve", "GET", "/intents", headers={"X-Tenant-ID": "acme"})
    assert response.status_code == 404


def forged_by(forger: Identity, token: str) -> str:
    """The same claims in the same issuer's name, signed with somebody else's key."""
    claims = token.split(".")[1]
    return forger.keys.sign(json.loads(base64.urlsafe_b64decode(claims + "==")), typ="at+jwt")


def unsigned(world: World) -> str:
    claims = world.token("admin").split(".")[1]
    header = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').rstrip(b"=").decode()
    return f"{header}.{claims}."
