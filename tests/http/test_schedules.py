"""Schedules over the wire."""

from typing import Any

import pytest

from tests.http.harness import Stage, World

BODY = {"intent": "deploy", "cron": "30 2 * * 1-5", "timezone": "Europe/Berlin"}


async def put(world: World, name: str = "nightly", **fields: Any) -> dict[str, Any]:
    response = await world.send("operator", "PUT", f"/schedules/{name}", json=BODY | fields)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def test_a_schedule_is_shown_as_it_was_put_with_defaults_and_its_next_times(stage: Stage) -> None:
    world = stage.world
    await world.intent()
    made = await put(world, description="for the morning")
    assert made == (await world.send("viewer", "GET", "/schedules/nightly")).json()
    assert {name: made[name] for name in BODY} == BODY
    assert (made["overlap"], made["catch_up"], made["paused"], made["parameters"]) == ("skip", 1, False, {})
    assert (made["status"], made["reason"], made["updated_by"]) == ("active", None, "operator@acme")
    assert len(made["next_fire_times"]) == 5
    assert all(time[11:19] in {"01:30:00", "00:30:00"} for time in made["next_fire_times"])


async def test_putting_it_paused_pauses_it(world: World) -> None:
    await world.intent()
    await put(world)
    paused = await put(world, paused=True)
    assert (paused["status"], paused["next_fire_times"]) == ("paused", [])
    assert "paused false" in paused["reason"]


async def test_the_etag_guards_a_schedule_against_overwriting(world: World) -> None:
    await world.intent()
    await put(world)
    etag = (await world.send("viewer", "GET", "/schedules/nightly")).headers["etag"]
    path, headers = "/schedules/nightly", {"If-Match": etag}
    changed = await world.send("admin", "PUT", path, json=BODY | {"catch_up": 3}, headers=headers)
    assert (changed.status_code, changed.json()["updated_by"]) == (200, "admin@acme")
    assert changed.headers["etag"] != etag
    stale = await world.send("admin", "PUT", path, json=BODY, headers=headers)
    assert (stale.status_code, stale.json()["code"]) == (412, "STALE")


async def test_times_are_taken_with_any_offset_and_shown_in_utc(world: World) -> None:
    await world.intent()
    made = await put(world, start="2190-01-01T01:00:00+01:00", end="2191-01-01T00:00:00Z")
    assert (made["start"], made["end"]) == ("2190-01-01T00:00:00.000000Z", "2191-01-01T00:00:00.000000Z")
    assert made["next_fire_times"][0] == "2190-01-01T01:30:00.000000Z"


async def test_every_fault_is_named_with_its_remedy(world: World) -> None:
    body = {"intent": "nothing", "cron": "30 25 * * *", "timezone": "Berlin", "catch_up": 1000}
    response = await world.send("operator", "PUT", "/schedules/Nightly", json=body)
    assert (response.status_code, response.json()["code"]) == (422, "VALIDATION_FAILED")
    faults = {error["pointer"]: error["message"] for error in response.json()["errors"]}
    assert set(faults) == {"/name", "/cron", "/timezone", "/catch_up", "/intent"}
    assert "hour field" in faults["/cron"]
    assert "Europe/Berlin" in faults["/timezone"]


@pytest.mark.parametrize(
    "change",
    [
        {"cron": 7},
        {"overlap": "forbid"},
        {"catch_up": "1"},
        {"start": "tomorrow"},
        {"end": 7},
        {"colour": "red"},
    ],
    ids=str,
)
async def test_a_body_of_another_shape_is_refused(world: World, change: dict[str, Any]) -> None:
    response = await world.send("operator", "PUT", "/schedules/nightly", json=BODY | change)
    assert (response.status_code, response.json()["code"]) == (400, "BAD_REQUEST")
    (error,) = response.json()["errors"]
    assert error["pointer"] == "/" + next(iter(change))


async def test_schedules_are_listed_by_name_page_by_page(world: World) -> None:
    await world.intent()
    for name in ("c", "a", "b"):
        await put(world, name)
    first = (await world.send("viewer", "GET", "/schedules", params={"limit": "2"})).json()
    query = {"limit": "2", "cursor": first["next_cursor"]}
    second = (await world.send("viewer", "GET", "/schedules", params=query)).json()
    assert [item["name"] for item in (*first["items"], *second["items"])] == ["a", "b", "c"]
    assert second["next_cursor"] is None


async def test_a_deleted_schedule_is_gone(world: World) -> None:
    await world.intent()
    await put(world)
    response = await world.send("operator", "DELETE", "/schedules/nightly")
    assert (response.status_code, response.content) == (204, b"")
    for method in ("GET", "DELETE"):
        assert (await world.send("operator", method, "/schedules/nightly")).status_code == 404


async def test_another_tenants_schedule_and_intent_do_not_exist(world: World) -> None:
    await world.intent()
    await put(world)
    for method in ("GET", "DELETE"):
        response = await world.send("eve", method, "/schedules/nightly")
        assert (response.status_code, response.json()["code"]) == (404, "NOT_FOUND")
    assert (await world.send("eve", "GET", "/schedules")).json()["items"] == []
    response = await world.send("eve", "PUT", "/schedules/nightly", json=BODY)
    assert [error["pointer"] for error in response.json()["errors"]] == ["/intent"]


async def test_an_archived_intent_is_why_a_schedule_does_not_fire(world: World) -> None:
    await world.intent()
    await put(world)
    await world.send("author", "DELETE", "/intents/deploy")
    for found in (
        (await world.send("viewer", "GET", "/schedules/nightly")).json(),
        (await world.send("viewer", "GET", "/schedules")).json()["items"][0],
    ):
        assert (found["status"], "archived" in found["reason"]) == ("blocked", True)


async def test_an_execution_shows_the_schedule_and_the_time_that_started_it(stage: Stage) -> None:
    world = stage.world
    await world.intent()
    times = (await put(world, cron="* * * * *", overlap="allow"))["next_fire_times"]
    stage.clock.advance(60)
    await world.platform.firing_schedules.run()
    (found,) = (await world.send("viewer", "GET", "/executions")).json()["items"]
    assert found["schedule"] == {"name": "nightly", "scheduled_at": times[0]}
    assert found["created_by"] == "operator@acme"
    shown = (await world.send("viewer", "GET", "/schedules/nightly")).json()
    assert shown["last_execution"]["execution_id"] == found["execution_id"]
    assert shown["next_fire_times"] == [*times[1:], shown["next_fire_times"][-1]]


async def test_a_role_that_was_taken_away_is_felt_by_the_next_time(stage: Stage) -> None:
    world = stage.world
    await world.intent()
    await put(world, cron="* * * * *")
    issuer = world.identity.issuer.url
    await world.platform.members.ensure_member(
        "acme", user="operator", roles=["author"], issuer=issuer, subject="operator"
    )
    stage.clock.advance(60)
    await world.platform.firing_schedules.run()
    found = (await world.send("viewer", "GET", "/schedules/nightly")).json()
    assert (found["status"], found["last_error"]["code"]) == ("failing", "FORBIDDEN")
    assert "intents.execute" in found["reason"]
    assert (await world.send("viewer", "GET", "/executions")).json()["items"] == []


async def test_each_change_of_a_schedule_is_in_the_audit_trail(world: World) -> None:
    await world.intent()
    await put(world)
    await world.send("operator", "DELETE", "/schedules/nightly")
    trail = (await world.send("admin", "GET", "/audit", params={"principal": "operator@acme"})).json()
    assert [record["action"] for record in trail["items"]] == ["schedule.delete", "schedule.put"]
    assert trail["items"][0]["before"]["cron"] == BODY["cron"]


async def test_it_says_when_a_schedule_would_fire_and_keeps_nothing(stage: Stage) -> None:
    world = stage.world
    asked = {"cron": "0 9 * * MON#1", "timezone": "Europe/Berlin", "start": "2190-01-01T00:00:00Z"}
    response = await world.send("viewer", "POST", "/schedules/preview", json=asked)
    assert response.status_code == 200, response.text
    assert response.json()["next_fire_times"] == [
        f"2190-{day}T{hour}:00:00.000000Z"
        for day, hour in (("01-04", "08"), ("02-01", "08"), ("03-01", "08"), ("04-05", "07"), ("05-03", "07"))
    ]
    assert (await world.send("viewer", "GET", "/schedules")).json()["items"] == []


async def test_a_preview_names_every_fault_of_its_times(world: World) -> None:
    asked = {"cron": "0 25 * * *", "timezone": "Berlin", "start": "2030-01-02T00:00:00Z"}
    asked["end"] = "2030-01-01T00:00:00Z"
    response = await world.send("viewer", "POST", "/schedules/preview", json=asked)
    assert response.status_code == 422
    pointers = [one["pointer"] for one in response.json()["errors"]]
    assert pointers == ["/cron", "/timezone", "/end"]


async def test_a_preview_ends_with_the_schedule(world: World) -> None:
    asked = {"cron": "@daily", "start": "2190-01-01T00:00:00Z", "end": "2190-01-02T00:00:00Z"}
    response = await world.send("viewer", "POST", "/schedules/preview", json=asked)
    days = [time[:10] for time in response.json()["next_fire_times"]]
    assert days == ["2190-01-01", "2190-01-02"]
