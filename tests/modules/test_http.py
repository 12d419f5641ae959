import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import ValidationError

from shared.modules.http import HttpRequest
from shared.modules.http_parameters import HttpRequestParameters
from shared.ports.actions import ActionContext, ActionError, Completed
from shared.security.egress import EgressPolicy
from tests.modules.conftest import Server


class Caller:
    """The action with this server as its outside world."""

    def __init__(self, server: Server, context: ActionContext) -> None:
        self.at = f"127.0.0.1:{server.server_port}"
        self.seen = server.seen
        self.action = HttpRequest(EgressPolicy.allowing([self.at]))
        self._context = context

    async def __call__(self, path: str, **parameters: Any) -> dict[str, Any]:
        url = f"http://{self.at}{path}" if path.startswith("/") else path
        made = HttpRequestParameters.model_validate({"url": url, **parameters})
        result = await self.action.run(made, self._context)
        assert isinstance(result, Completed)
        return dict(result.outputs)

    async def fails(self, path: str, **parameters: Any) -> ActionError:
        with pytest.raises(ActionError) as caught:
            await self(path, **parameters)
        return caught.value


@pytest.fixture
async def call(server: Server, context: ActionContext) -> AsyncIterator[Caller]:
    caller = Caller(server, context)
    yield caller
    await caller.action.aclose()


async def test_a_json_answer_comes_as_json(call: Caller) -> None:
    outputs = await call("/json")
    assert (outputs["status"], outputs["body"]) == (200, {"ok": True})
    assert outputs["headers"]["content-type"] == "application/json"


async def test_other_answers_come_as_text(call: Caller) -> None:
    assert (await call("/text"))["body"] == "größe"
    assert (await call("/broken-json"))["body"] == "{"
    assert (await call("/odd-charset"))["body"] == "x"


async def test_a_body_is_sent_as_json_and_a_text_as_it_is(call: Caller) -> None:
    await call("/json", method="POST", body={"größe": 1})
    assert call.seen.body == '{"größe":1}'.encode()
    assert call.seen.headers["content-type"] == "application/json"
    await call("/json", method="PUT", body="a,b", headers={"Content-Type": "text/csv"})
    assert (call.seen.body, call.seen.headers["content-type"]) == (b"a,b", "text/csv")


async def test_what_changes_something_carries_the_idempotency_key(call: Caller) -> None:
    await call("/json", method="POST")
    assert call.seen.headers["idempotency-key"] == "01J/call"
    await call("/json", method="POST", headers={"Idempotency-Key": "mine"})
    assert call.seen.headers["idempotency-key"] == "mine"
    await call("/json")
    assert "idempotency-key" not in call.seen.headers


async def test_no_cookie_is_carried_from_one_call_to_the_next(call: Caller) -> None:
    await call("/json")
    await call("/json")
    assert "cookie" not in call.seen.headers


@pytest.mark.parametrize(
    ("status", "expected"), [(204, "2xx"), (204, 204), (404, [404, "5xx"]), (503, "5xx"), (404, "404")]
)
async def test_an_expected_status_is_a_success(call: Caller, status: int, expected: Any) -> None:
    assert (await call(f"/status/{status}", expect_status=expected))["status"] == status


@pytest.mark.parametrize(
    ("status", "retryable"), [(404, False), (408, True), (425, True), (429, True), (503, True)]
)
async def test_another_status_fails_and_says_whether_to_try_again(
    call: Caller, status: int, *, retryable: bool
) -> None:
    error = await call.fails(f"/status/{status}?token=secret")
    assert (error.code, error.retryable, error.retry_after) == ("HTTP_STATUS", retryable, 7)
    assert error.message == f"GET http://{call.at}/status/{status} answered {status}, not 2xx"


async def test_redirects_are_followed_and_not_for_ever(call: Caller) -> None:
    assert (await call("/redirect//json"))["body"] == {"ok": True}
    assert (await call.fails("/redirect//redirect/")).code == "HTTP_REDIRECTS"


async def test_a_redirect_to_where_nothing_may_go_is_refused(call: Caller) -> None:
    assert (await call.fails("/redirect/http://169.254.169.254/json")).code == "EGRESS_REFUSED"
    assert (await call.fails("/redirect/http://127.0.0.1:1/json")).code == "EGRESS_REFUSED"
    for location in ("file:///etc/hostname", "ws://169.254.169.254/"):
        assert (await call.fails(f"/redirect/{location}")).code == "HTTP_URL"


async def test_a_private_address_is_refused_by_name_and_by_number(call: Caller) -> None:
    port = call.at.rpartition(":")[2]
    for host in ("localhost", "[::1]", "127.1", "0x7f000001", "2130706433", "[::ffff:127.0.0.1]", "0.0.0.0"):
        error = await call.fails(f"http://{host}:{port}/json")
        assert (error.code, error.retryable) == ("EGRESS_REFUSED", False), host


async def test_a_connection_that_fails_may_be_tried_again(call: Caller) -> None:
    for path in ("/hang-up", "http://no-such-name.invalid/"):
        error = await call.fails(path)
        assert (error.code, error.retryable) == ("HTTP_CONNECTION", True)


async def test_a_closed_port_may_be_tried_again(server: Server, context: ActionContext) -> None:
    caller = Caller(server, context)
    caller.action = HttpRequest(EgressPolicy.allowing(["127.0.0.1:1"]))
    error = await caller.fails("http://127.0.0.1:1/")
    assert (error.code, error.retryable) == ("HTTP_CONNECTION", True)
    await caller.action.aclose()


async def test_an_answer_that_is_too_large_fails_for_good(call: Caller) -> None:
    error = await call.fails("/large")
    assert (error.code, error.retryable) == ("HTTP_TOO_LARGE", False)


async def test_many_calls_share_one_client(call: Caller) -> None:
    answers = await asyncio.gather(*(call("/json") for _ in range(30)))
    assert {answer["status"] for answer in answers} == {200}


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"url": "ftp://example.com"},
        {"url": "example.com"},
        {"url": "http://"},
        {"url": "http://user:pass@example.com"},
        {"url": "http://example.com:99999"},
        {"url": "http://example.com", "method": "get"},
        {"url": "http://example.com", "headers": {"a": "b\r\nc: d"}},
        {"url": "http://example.com", "headers": {"a b": "c"}},
        {"url": "http://example.com", "headers": {"Host": "other"}},
        {"url": "http://example.com", "headers": {"a": 1}},
        {"url": "http://example.com", "expect_status": "ok"},
        {"url": "http://example.com", "expect_status": [200, 700]},
        {"url": "http://example.com", "verify": False},
    ],
)
def test_a_request_that_makes_no_sense_is_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HttpRequest.Parameters.model_validate(parameters)
