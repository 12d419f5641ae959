"""Subscriptions over the wire."""

import itertools
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.ports.documents import TENANCY, Container
from shared.services.idempotency import LEASE
from tests.fakes.documents import Killed, Moment
from tests.http.harness import Stage, World
from tests.services.test_counters import event
from tests.services.test_webhooks import event as completed

BODY = {"url": "https://hooks.example.com/quantum", "events": ["execution_completed", "execution_failed"]}
SECRET = "whsec_" + "QUJD" * 10


async def put(world: World, name: str = "hook", **fields: Any) -> dict[str, Any]:
    response = await world.send("admin", "PUT", f"/subscriptions/{name}", json=BODY | fields)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def test_a_new_subscription_shows_its_secret_once(world: World) -> None:
    made = await put(world, description="for the pager")
    assert made["secret"].startswith("whsec_")
    assert (made["enabled"], made["created_by"]) == (True, "admin@acme")
    response = await world.send("admin", "GET", "/subscriptions/hook")
    assert response.json() == {name: value for name, value in made.items() if name != "secret"}
    changed = await put(world, events=["*"])
    assert "secret" not in changed
    assert changed["created_at"] == made["created_at"]


async def test_a_secret_that_is_given_is_never_shown(world: World) -> None:
    assert "secret" not in await put(world, secret=SECRET)
    for path in ("/subscriptions", "/subscriptions/hook"):
        assert SECRET not in (await world.send("admin", "GET", path)).text


async def test_a_subscription_has_an_etag(world: World) -> None:
    await put(world)
    found = await world.send("admin", "GET", "/subscriptions/hook")
    same = await world.send(
        "admin", "GET", "/subscriptions/hook", headers={"If-None-Match": found.headers["etag"]}
    )
    assert same.status_code == 304


async def test_every_fault_of_a_subscription_is_named_at_once(world: World) -> None:
    body = {"url": "ftp://x/", "events": ["execution_completed", "lunch"], "secret": "whsec_short"}
    response = await world.send("admin", "PUT", "/subscriptions/Hook!", json=body)
    assert (response.status_code, response.json()["code"]) == (422, "VALIDATION_FAILED")
    assert {error["pointer"] for error in response.json()["errors"]} == {
        "/name",
        "/url",
        "/events/1",
        "/secret",
    }


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example.com",
        "https://",
        "https://ada:pw@hooks.example.com/",
        "https://x:99999/",
        "https://[/",
    ],
)
async def test_a_url_that_cannot_be_posted_to_is_refused(world: World, url: str) -> None:
    response = await world.send("admin", "PUT", "/subscriptions/hook", json=BODY | {"url": url})
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == ["/url"]


@pytest.mark.parametrize(
    "change",
    [{"url": 7}, {"events": "all"}, {"enabled": "yes"}, {"colour": "red"}],
    ids=str,
)
async def test_a_body_of_another_shape_is_refused(world: World, change: dict[str, Any]) -> None:
    response = await world.send("admin", "PUT", "/subscriptions/hook", json=BODY | change)
    assert (response.status_code, response.json()["code"]) == (400, "BAD_REQUEST")


async def test_subscriptions_are_listed_by_name_page_by_page(world: World) -> None:
    for name in ("c", "a", "b"):
        await put(world, name)
    first = (await world.send("admin", "GET", "/subscriptions", params={"limit": "2"})).json()
    query = {"limit": "2", "cursor": first["next_cursor"]}
    second = (await world.send("admin", "GET", "/subscriptions", params=query)).json()
    assert [item["name"] for item in (*first["items"], *second["items"])] == ["a", "b", "c"]
    assert second["next_cursor"] is None


async def test_a_deleted_subscription_is_gone(world: World) -> None:
    await put(world)
    response = await world.send("admin", "DELETE", "/subscriptions/hook")
    assert (response.status_code, response.content) == (204, b"")
    for method in ("GET", "DELETE"):
        assert (await world.send("admin", method, "/subscriptions/hook")).status_code == 404


async def test_another_tenants_subscription_does_not_exist(world: World) -> None:
    await put(world)
    for method, path in (("GET", ""), ("GET", "/deliveries"), ("DELETE", "")):
        response = await world.send("eve", method, f"/subscriptions/hook{path}")
        assert (response.status_code, response.json()["code"]) == (404, "NOT_FOUND")
    assert (await world.send("eve", "GET", "/subscriptions")).json()["items"] == []


async def test_what_was_sent_is_seen_newest_first_and_by_status(world: World) -> None:
    await put(world, events=["*"])
    for step in "abc":
        await world.platform.webhooks.notify([completed(step=step, at=datetime.now(UTC))])
    path = "/subscriptions/hook/deliveries"
    first = (await world.send("admin", "GET", path, params={"limit": "2"})).json()
    query = {"limit": "2", "cursor": first["next_cursor"]}
    second = (await world.send("admin", "GET", path, params=query)).json()
    ids = [item["event_id"] for item in (*first["items"], *second["items"])]
    assert ids == [f"run/{step}/1/step_completed" for step in "cba"]
    dead = await world.send("admin", "GET", path, params={"status": "dead"})
    assert dead.json() == {"items": [], "next_cursor": None}
    assert (await world.send("admin", "GET", path, params={"status": "lost"})).status_code == 400


async def test_days_are_counted_for_dashboards(world: World) -> None:
    now = datetime.now(UTC)
    events = [event(1, at=now), event(2, "step_failed", at=now), event(3, tenant="globex", at=now)]
    await world.platform.counters.count(events)
    today = f"{now:%Y-%m-%d}"
    for query in ({"since": today, "until": today}, {}):
        found = (await world.send("viewer", "GET", "/stats", params=query)).json()
        assert [(day["date"], day["steps_completed"], day["steps_failed"]) for day in found["days"]] == [
            (today, 1, 1)
        ]
    before = {"until": f"{now - timedelta(days=1):%Y-%m-%d}"}
    assert (await world.send("viewer", "GET", "/stats", params=before)).json() == {"days": []}


@pytest.mark.parametrize(
    "query",
    [
        {"since": "2026-02-01", "until": "2026-01-01"},
        {"since": "2020-01-01", "until": "2026-01-01"},
        {"until": "0001-01-01"},
        {"since": "yesterday"},
    ],
)
async def test_days_that_are_none_are_refused(world: World, query: dict[str, str]) -> None:
    assert (await world.send("viewer", "GET", "/stats", params=query)).status_code == 400


async def test_a_secret_whose_request_died_before_its_answer_is_shown_to_the_one_that_repeats_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time goes on between any two looks at the clock."""
    ticks = itertools.count(1)
    start = stage.clock.now()
    monkeypatch.setattr(stage.clock, "now", lambda: start + timedelta(seconds=next(ticks)))
    request: dict[str, Any] = {"json": BODY, "headers": {"Idempotency-Key": "once"}}

    def die(moment: Moment, container: Container) -> None:
        if (moment, container) == ("after", TENANCY):
            raise Killed

    stage.documents.interrupt = die
    with suppress(Killed):
        await stage.world.send("admin", "PUT", "/subscriptions/hook", **request)
    stage.documents.interrupt = None
    start += LEASE
    answer = await stage.world.send("admin", "PUT", "/subscriptions/hook", **request)
    assert answer.status_code == 200, answer.text
    assert answer.json()["secret"].startswith("whsec_")
    again = await stage.world.send("admin", "PUT", "/subscriptions/hook", json=BODY)
    assert "secret" not in again.json()
