"""Requests that are answered later: by a call, or where the service says to ask."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from shared.domain.callbacks import Answer, Callback
from shared.domain.waiting import POLL, Waiting
from shared.modules.http import POLL_EVERY, HttpRequest
from shared.modules.http_parameters import HttpRequestParameters
from shared.ports.actions import ActionContext, ActionError, Completed, Pending
from shared.security.egress import EgressPolicy
from tests.fakes.callbacks import ADDRESS, StandingCallbacks
from tests.fakes.clock import START, FrozenClock
from tests.modules.conftest import ANSWERS, Server


@dataclass
class Caller:
    server: Server
    context: ActionContext
    action: HttpRequest = field(init=False)

    def __post_init__(self) -> None:
        self.port = self.server.server_port
        self.at = f"http://127.0.0.1:{self.port}"
        self.action = HttpRequest(EgressPolicy.allowing([f"127.0.0.1:{self.port}", f"localhost:{self.port}"]))

    def made(self, path: str, **parameters: Any) -> HttpRequestParameters:
        return HttpRequestParameters.model_validate({"url": self.at + path, **parameters})

    async def __call__(self, path: str, **parameters: Any) -> Completed | Pending:
        return await self.action.run(self.made(path, **parameters), self.context)

    async def ask(self, token: Any, path: str = "/json", **parameters: Any) -> Completed | Pending:
        return await self.action.poll(token, self.made(path, **parameters), self.context)

    @property
    def callbacks(self) -> StandingCallbacks:
        assert isinstance(self.context.callbacks, StandingCallbacks)
        return self.context.callbacks


@pytest.fixture
async def call(
    server: Server, context: ActionContext, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Caller]:
    for path, headers in {
        "/accepted": {"location": "/job?key=1", "retry-after": "7"},
        "/accepted-bare": {},
        "/accepted-far": {"location": "/" + "x" * 5000},
        "/job": {},
    }.items():
        monkeypatch.setitem(ANSWERS, path, (202, b"", headers))
    caller = Caller(server, context)
    yield caller
    await caller.action.aclose()


async def test_the_address_is_sent_and_an_expected_answer_leaves_the_step_waiting(
    call: Caller, clock: FrozenClock
) -> None:
    body = {"method": "POST", "body": {"app": "shop"}}
    found = await call("/json", callback={"timeout": "10m", "field": "notify"}, **body)
    until = START + timedelta(minutes=10)
    assert found == Pending(600, {"status": 200}, Waiting("callback", until), own_time=True)
    assert call.server.seen.headers["x-quantum-callback"] == ADDRESS
    assert call.server.seen.body == f'{{"app":"shop","notify":"{ADDRESS}"}}'.encode()
    clock.advance(100)
    again = await call.ask({"status": 200}, callback={})
    assert isinstance(again, Pending)
    assert again.delay == 500


async def test_an_answer_that_is_not_expected_fails_at_once(call: Caller) -> None:
    with pytest.raises(ActionError) as failed:
        await call("/status/404", callback={})
    assert failed.value.code == "HTTP_STATUS"


async def test_what_was_said_becomes_the_outputs(call: Caller) -> None:
    call.callbacks.callback = Callback("answered", START, Answer("completed", {"image": "shop:7"}))
    found = await call.ask({"status": 202}, callback={})
    assert found == Completed({"status": 202, "headers": {}, "body": None, "callback": {"image": "shop:7"}})


@pytest.mark.parametrize(
    ("callback", "code"),
    [
        (Callback("answered", START, Answer("failed", {}, {"code": "SCAN", "message": "no"})), "SCAN"),
        (Callback("expired", START), "TIMEOUT"),
    ],
)
async def test_a_failure_and_silence_fail_the_attempt(call: Caller, callback: Callback, code: str) -> None:
    call.callbacks.callback = callback
    with pytest.raises(ActionError) as failed:
        await call.ask({"status": 202}, callback={})
    assert (failed.value.code, failed.value.retryable) == (code, True)


async def test_an_address_goes_into_a_field_of_an_object_only(call: Caller) -> None:
    with pytest.raises(ActionError, match="no object"):
        await call("/json", method="POST", body="text", callback={"field": "notify"})


async def test_an_accepted_request_is_asked_about_where_it_says(call: Caller) -> None:
    found = await call("/accepted", method="POST", poll=True)
    assert found == Pending(7, {"poll": f"{call.at}/job?key=1"}, POLL)
    assert await call.ask(found.token, poll=True) == Pending(POLL_EVERY, found.token, POLL)
    done = await call.ask({"poll": f"{call.at}/json"}, poll=True)
    assert isinstance(done, Completed)
    assert done.outputs["body"] == {"ok": True}


async def test_an_accepted_request_that_does_not_say_where_fails(call: Caller) -> None:
    for path in ("/accepted-bare", "/accepted-far"):
        with pytest.raises(ActionError) as failed:
            await call(path, poll=True)
        assert (failed.value.code, failed.value.retryable) == ("HTTP_POLL", False)


async def test_without_poll_an_accepted_request_is_done(call: Caller) -> None:
    assert isinstance(await call("/accepted", method="POST"), Completed)


async def test_a_look_that_fails_for_now_is_no_failure_and_one_that_fails_for_good_is(call: Caller) -> None:
    for path in ("/status/503", "/nobody"):
        token = {"poll": call.at + path}
        found = await call.ask(token, poll=True)
        assert isinstance(found, Pending)
        assert (found.token, found.own_time) == (token, False)
    with pytest.raises(ActionError) as failed:
        await call.ask({"poll": f"{call.at}/status/404"}, poll=True)
    assert failed.value.code == "HTTP_STATUS"


async def test_what_is_meant_for_one_origin_is_sent_to_no_other(call: Caller) -> None:
    headers = {"Authorization": "Bearer x", "Content-Type": "text/csv"}
    await call.ask({"poll": f"{call.at}/json"}, poll=True, headers=headers)
    assert call.server.seen.headers["authorization"] == "Bearer x"
    assert "content-type" not in call.server.seen.headers
    await call.ask({"poll": f"http://localhost:{call.port}/json"}, poll=True, headers=headers)
    assert "authorization" not in call.server.seen.headers


async def test_where_to_ask_is_held_to_the_egress_rule(call: Caller) -> None:
    with pytest.raises(ActionError) as failed:
        await call.ask({"poll": "http://169.254.169.254/"}, poll=True)
    assert failed.value.code == "EGRESS_REFUSED"


@pytest.mark.parametrize(
    "parameters",
    [
        {"callback": {}, "poll": True},
        {"callback": {"timeout": 0}},
        {"callback": {"timeout": "31d"}},
        {"callback": True},
        {"callback": {"header": "x"}},
    ],
)
def test_a_request_waits_in_one_way_and_for_so_long(parameters: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HttpRequestParameters.model_validate({"url": "https://example.com", **parameters})
