"""Rate limits on the wire: headers of every authenticated response, and what a refused request is told."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from localhost.sqlite.documents import SqliteDocuments
from localhost.sqlite.events import SqliteEvents
from shared.adapters.system import SystemClock
from shared.domain.rates import RateLimits
from shared.ports.documents import TENANCY, Patch
from shared.security.scope import TenantScope
from tests.fakes.clock import FrozenClock
from tests.http.harness import Identity, World, build

LIMITS = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit", "ratelimit-policy")
WINDOW = 3600
type Limited = Callable[..., AbstractAsyncContextManager[World]]


@pytest.fixture
def clock() -> FrozenClock:
    """Ten seconds after an hour began, so that the token of a test is good."""
    now = SystemClock().now()
    clock = FrozenClock(now)
    clock.advance(WINDOW + 10 - now.timestamp() % WINDOW)
    return clock


@pytest.fixture
def limited(data: Path, identity: Identity, clock: FrozenClock) -> Limited:
    """Opens the platform with these limits."""

    @asynccontextmanager
    async def open_(**limits: int) -> AsyncIterator[World]:
        with (
            closing(SqliteDocuments(data / "documents.db", now=clock.now)) as documents,
            closing(SqliteEvents(data / "events.db")) as events,
        ):
            made = await build(
                data, identity, documents=documents, events=events, clock=clock,
                rate_limits=RateLimits(**limits),
            )  # fmt: skip
            async with made.http:
                yield made

    return open_


async def test_every_authenticated_response_says_what_is_left(limited: Limited, clock: FrozenClock) -> None:
    async with limited(hour=1000, burst=100) as world:
        first = await world.send("viewer", "GET", "/intents")
        assert first.headers["x-ratelimit-limit"] == "1000"
        assert first.headers["x-ratelimit-remaining"] == "999"
        assert int(first.headers["x-ratelimit-reset"]) == clock.now().timestamp() // WINDOW * WINDOW + WINDOW
        assert first.headers["ratelimit"] == '"hour";r=999;t=3590, "burst";r=99;t=50'
        assert first.headers["ratelimit-policy"] == '"hour";q=1000;w=3600, "burst";q=100;w=60'
        for method, path, status in (
            ("GET", "/intents/nothing", 404), ("POST", "/intents", 403), ("GET", "/intents?limit=x", 400),
        ):  # fmt: skip
            response = await world.send("viewer", method, path)
            assert response.status_code == status
            assert all(name in response.headers for name in LIMITS)
        assert response.headers["x-ratelimit-remaining"] == "996"


async def test_a_stream_says_it_too(limited: Limited) -> None:
    async with limited(burst=100) as world:
        execution = await world.ended()
        told = {"Accept": "text/event-stream"}
        response = await world.send("viewer", "GET", f"/executions/{execution}/events", headers=told)
        assert response.headers["content-type"].startswith("text/event-stream")
        assert all(name in response.headers for name in LIMITS)


async def test_the_fields_are_structured_as_the_draft_has_them(limited: Limited) -> None:
    async with limited(hour=5, burst=3) as world:
        for _ in range(5):
            headers = (await world.send("viewer", "GET", "/intents")).headers
            item = r'"[a-z_]+";r=\d+;t=\d+'
            assert re.fullmatch(rf"{item}(, {item})*", headers["ratelimit"])
            policy = r'"[a-z_]+";q=\d+;w=\d+'
            assert re.fullmatch(rf"{policy}(, {policy})*", headers["ratelimit-policy"])


async def test_who_has_had_enough_is_refused_until_the_window_ends(
    limited: Limited, clock: FrozenClock
) -> None:
    async with limited(hour=1000, burst=3) as world:
        for _ in range(3):
            assert (await world.send("viewer", "GET", "/intents")).status_code == 200
        refused = await world.send("viewer", "GET", "/intents")
        _is_refused(refused, ["burst"], seconds=50)
        assert refused.headers["x-ratelimit-limit"] == "3"
        assert refused.headers["x-ratelimit-remaining"] == "0"
        assert (await world.send("author", "GET", "/intents")).status_code == 200
        clock.advance(50)
        again = await world.send("viewer", "GET", "/intents")
        assert (again.status_code, again.headers["x-ratelimit-remaining"]) == (200, "996")


async def test_an_hours_limit_says_to_come_back_after_the_hour(limited: Limited) -> None:
    async with limited(hour=1) as world:
        await world.send("viewer", "GET", "/intents")
        _is_refused(await world.send("viewer", "GET", "/intents"), ["hour"], seconds=3590)


async def test_the_limit_comes_before_the_permission_and_the_body_and_behind_the_token(
    limited: Limited,
) -> None:
    async with limited(burst=1) as world:
        assert (await world.send("viewer", "POST", "/intents", content=b"{")).status_code == 403
        assert (await world.send("viewer", "POST", "/intents", content=b"{")).status_code == 429
        anonymous = await world.send(None, "GET", "/intents")
        assert anonymous.status_code == 401
        assert not any(name in anonymous.headers for name in LIMITS)


async def test_a_refused_request_changes_nothing_and_its_key_is_still_good(
    limited: Limited, clock: FrozenClock
) -> None:
    body = {"name": "once", "definition": {"steps": [{"action": "assert", "condition": "true"}]}}
    key = {"Idempotency-Key": "one"}
    async with limited(burst=1) as world:
        await world.send("author", "GET", "/intents")
        refused = await world.send("author", "POST", "/intents", json=body, headers=key)
        assert refused.status_code == 429
        clock.advance(60)
        made = await world.send("author", "POST", "/intents", json=body, headers=key)
        assert made.status_code == 201
        clock.advance(60)
        replayed = await world.send("author", "POST", "/intents", json=body, headers=key)
        assert replayed.headers["idempotency-replayed"] == "true"
        assert replayed.headers["ratelimit"] == '"burst";r=0;t=50'


async def test_without_a_limit_there_is_nothing_to_tell(world: World) -> None:
    response = await world.send("viewer", "GET", "/intents")
    assert response.status_code == 200
    assert not any(name in response.headers for name in LIMITS)


async def test_an_administrator_sets_the_tenants_limits_one_by_one_and_each_change_is_recorded(
    limited: Limited,
) -> None:
    async with limited(hour=1000, burst=100) as world:
        none: dict[str, Any] = dict.fromkeys(("hour", "burst", "tenant_hour", "tenant_burst"))
        before = await world.send("admin", "GET", "/tenants/acme")
        assert before.json()["settings"]["rate_limits"] == none
        steps: list[tuple[dict[str, Any], dict[str, Any]]] = [
            ({"burst": 2, "tenant_hour": 500}, {"burst": 2, "tenant_hour": 500}),
            ({"burst": None}, {"tenant_hour": 500}),
            ({"tenant_hour": None, "burst": 2}, {"burst": 2}),
        ]
        for asked, then in steps:
            changed = await world.send(
                "admin", "PATCH", "/tenants/acme", json={"settings": {"rate_limits": asked}}
            )
            assert changed.json()["settings"]["rate_limits"] == none | then, changed.text
        told = (await world.send("viewer", "GET", "/intents")).headers["ratelimit-policy"]
        assert told == '"hour";q=1000;w=3600, "burst";q=2;w=60'
        await world.send("viewer", "GET", "/intents")
        _is_refused(await world.send("viewer", "GET", "/intents"), ["burst"], seconds=50)
        assert (await world.send("eve", "GET", "/intents")).headers["ratelimit-policy"].endswith("q=100;w=60")
        changes = await world.platform.adapters.documents.changes(
            TenantScope("acme"), container=TENANCY, partition="tenant", kind="audit"
        )
        records = [change.document.body for change in changes]
        assert [record["action"] for record in records] == ["tenant.configure"] * 3
        assert records[-1]["after"] == {"settings": {"rate_limits": {"burst": 2}}}


async def test_an_administrator_lowers_a_limit_and_never_raises_it_above_what_the_platform_allows(
    limited: Limited,
) -> None:
    async with limited(hour=1000, burst=100) as world:
        asked = {"settings": {"rate_limits": {"hour": 1001, "burst": 100, "tenant_hour": 5_000_000}}}
        refused = await world.send("admin", "PATCH", "/tenants/acme", json=asked)
        assert (refused.status_code, refused.json()["code"]) == (422, "VALIDATION_FAILED")
        (error,) = refused.json()["errors"]
        assert (error["pointer"], error["code"]) == ("/settings/rate_limits/hour", "CEILING")
        ceiling = (await world.send("admin", "GET", "/tenants/acme")).json()["ceiling"]
        assert ceiling["rate_limits"] == {
            "hour": 1000, "burst": 100, "tenant_hour": None, "tenant_burst": None,
        }  # fmt: skip


async def test_what_the_platform_allows_one_tenant_goes_before_what_it_allows_all(
    limited: Limited,
) -> None:
    async with limited(hour=1000, burst=100) as world:
        ceiling = {"ceiling": {"rate_limits": {"hour": 5000}, "max_concurrent_executions": 7}}
        await world.platform.adapters.documents.transact(
            TenantScope("acme"),
            container=TENANCY,
            partition="tenant",
            operations=[Patch("tenant", set={(name,): value for name, value in ceiling.items()})],
        )
        asked = {"settings": {"rate_limits": {"hour": 4000}, "max_concurrent_executions": 8}}
        refused = await world.send("admin", "PATCH", "/tenants/acme", json=asked)
        assert [error["pointer"] for error in refused.json()["errors"]] == [
            "/settings/max_concurrent_executions"
        ]
        asked["settings"] |= {"max_concurrent_executions": 7}
        assert (await world.send("admin", "PATCH", "/tenants/acme", json=asked)).status_code == 200
        told = (await world.send("viewer", "GET", "/intents")).headers["ratelimit-policy"]
        assert told == '"hour";q=4000;w=3600, "burst";q=100;w=60'


@pytest.mark.parametrize(
    ("limits", "status", "pointer"),
    [
        ({"burst": 0}, 422, "/settings/rate_limits/burst"),
        ({"tenant_hour": 10_000_001}, 422, "/settings/rate_limits/tenant_hour"),
        ({"minute": 5}, 400, "/settings/rate_limits/minute"),
        ({"hour": "5"}, 400, "/settings/rate_limits/hour"),
    ],
)
async def test_limits_that_are_none_are_refused(
    world: World, limits: dict[str, object], status: int, pointer: str
) -> None:
    asked = {"settings": {"rate_limits": limits}}
    refused = await world.send("admin", "PATCH", "/tenants/acme", json=asked)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (status, pointer)
    assert (await world.send("viewer", "PATCH", "/tenants/acme", json=asked)).status_code == 403


def _is_refused(response: httpx.Response, violated: list[str], *, seconds: int) -> None:
    problem = response.json()
    assert (response.status_code, problem["code"]) == (429, "RATE_LIMITED")
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["violated_policies"] == violated
    assert response.headers["retry-after"] == str(seconds)
    assert all(name in response.headers for name in LIMITS)


async def test_who_is_asked_for_without_a_tenant_is_counted_in_the_first_of_them(limited: Limited) -> None:
    async with limited(burst=1) as world:
        assert (await world.send("both", "GET", "/me")).headers["ratelimit"] == '"burst";r=0;t=50'
        _is_refused(await world.send("both", "GET", "/me"), ["burst"], seconds=50)
        elsewhere = await world.send("both", "GET", "/me", headers={"X-Tenant-ID": "globex"})
        assert elsewhere.status_code == 200


async def test_what_members_of_a_suspended_tenant_ask_counts_like_everything(limited: Limited) -> None:
    async with limited(hour=2) as world:
        reason = {"reason": "a dispute"}
        assert (await world.send("root", "POST", "/tenants/acme/suspend", json=reason)).is_success
        answers = [await world.send("viewer", "GET", path) for path in ("/intents", "/me", "/intents")]
        assert [one.status_code for one in answers] == [403, 403, 429]
        assert [one.headers["x-ratelimit-remaining"] for one in answers] == ["1", "0", "0"]
