"""``POST /callbacks/{token}``: for whoever has the address, and for nobody else."""

import json
import logging
from typing import Any

import httpx
import pytest

from functions.routes.callbacks import CALL_BACK
from shared.services.steps.callbacks import PATH
from tests.http.harness import World
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES

DONE: dict[str, Any] = {"status": "completed", "outputs": {"image": "shop:7"}}


async def call(world: World, token: str, body: Any = DONE, **more: Any) -> httpx.Response:
    return await world.send(None, "POST", f"/callbacks/{token}", json=body, **more)


async def test_whoever_has_the_address_says_what_a_step_came_to(world: World) -> None:
    assert CALL_BACK.path.replace("{token}", "") == PATH.removeprefix("/api/")
    execution, token = await world.called()
    for _ in range(2):
        response = await call(world, token)
        assert (response.status_code, response.json()) == (202, {"status": "completed"})
    assert world.orchestrations.events == [(execution, "nudge", {"step": "ask"})]
    shown = await world.send("viewer", "GET", f"/executions/{execution}/events")
    types = [event["type"] for event in shown.json()["items"]]
    assert types.count("callback_received") == 1
    assert token not in shown.text


async def test_something_else_at_the_same_address_is_a_conflict(world: World) -> None:
    _, token = await world.called()
    await call(world, token)
    other = await call(world, token, {"status": "failed", "error": {"code": "NO", "message": "no"}})
    assert (other.status_code, other.json()["code"]) == (409, "CONFLICT")


async def test_whatever_is_wrong_with_an_address_one_answer_says_it(world: World) -> None:
    execution, token = await world.called()
    end: Any = {"status": "cancelled", "failed": [], "blocked": [], "cancelled": ["ask"]}
    await world.platform.endings.finish({"tenant_id": "acme", "execution_id": execution, **end})
    altered = token[:-1] + ("A" if token[-1] != "A" else "B")
    answers = [await call(world, wrong, "no answer at all") for wrong in (token, altered, "nothing")]
    told = {(answer.status_code, answer.json()["code"], answer.json()["detail"]) for answer in answers}
    assert told == {(404, "NOT_FOUND", "There is nothing to be called back here")}


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"status": "running"}, 400, "/status"),
        ({"status": "completed", "output": {}}, 400, "/output"),
        ({"status": "completed", "outputs": []}, 400, "/outputs"),
        ({"status": "failed"}, 422, "/error"),
        ({"status": "failed", "error": {"code": "X"}}, 400, "/error/message"),
    ],
)
async def test_what_is_no_answer_is_refused_and_another_may_follow(
    world: World, body: Any, status: int, pointer: str
) -> None:
    _, token = await world.called()
    refused = await call(world, token, body)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (status, pointer)
    assert token not in refused.text
    assert (await call(world, token)).status_code == 202


async def test_an_answer_is_bounded(world: World) -> None:
    _, token = await world.called()
    large = {"status": "completed", "outputs": {"text": "x" * 300_000}}
    assert (await call(world, token, large)).status_code == 413


async def test_no_log_has_an_address(world: World, caplog: pytest.LogCaptureFixture) -> None:
    _, token = await world.called()
    with caplog.at_level(logging.DEBUG):
        for body in (DONE, {"status": "no"}):
            await call(world, token, body)
        await call(world, token + "x")
    ours = [record for record in caplog.records if not record.name.startswith(("httpx", "azure", "httpcore"))]
    assert ours
    assert token not in json.dumps([[record.getMessage(), str(record.__dict__)] for record in ours])
