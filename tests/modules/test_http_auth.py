"""The platform's own token on a request: for whom, to where, and nowhere else."""

import hmac
import json
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import ValidationError

from shared.domain.models import places
from shared.modules.authorization import OutboundTokens
from shared.modules.http import HttpRequest
from shared.modules.http_auth import REDACTED
from shared.modules.http_parameters import HttpRequestParameters
from shared.ports.actions import ActionContext, ActionError, Completed
from shared.ports.credentials import Credentials, CredentialsError, NoCredentials
from shared.security.egress import EgressPolicy
from shared.security.outbound import OutboundScope
from tests.modules.conftest import Server

SCOPE = "api://x/.default"
TOKEN = "eyJ.the-platforms.own_token"


@dataclass
class Purse:
    """Credentials that count, and fail on demand."""

    asked: list[str] = field(default_factory=list[str])
    failure: CredentialsError | None = None

    async def token(self, *, scope: str, on_behalf_of: str | None = None) -> str:
        self.asked.append(scope)
        if self.failure is not None:
            raise self.failure
        return TOKEN


@dataclass
class Caller:
    """The action, allowed to send a token to this server by one of its names."""

    server: Server
    context: ActionContext
    purse: Purse = field(default_factory=Purse)
    action: HttpRequest = field(init=False)

    def __post_init__(self) -> None:
        port = self.server.server_port
        self.at, self.elsewhere = f"http://127.0.0.1:{port}", f"http://localhost:{port}"
        self.action = self.made(self.purse)

    def made(self, credentials: Credentials, **changes: Any) -> HttpRequest:
        rule = {"scope": SCOPE, "origins": [self.at], "tenants": ["acme"]} | changes
        allowed = [OutboundScope.model_validate_json(json.dumps(rule))]
        egress = EgressPolicy.allowing(
            [self.at.removeprefix("http://"), self.elsewhere.removeprefix("http://"), "127.0.0.1:1"]
        )
        return HttpRequest(egress, OutboundTokens(credentials, allowed))

    async def __call__(self, path: str, scope: str = SCOPE, **parameters: Any) -> dict[str, Any]:
        url = f"{self.at}{path}" if path.startswith("/") else path
        made = HttpRequestParameters.model_validate({"url": url, "auth": {"scope": scope}, **parameters})
        result = await self.action.run(made, self.context)
        assert isinstance(result, Completed)
        return dict(result.outputs)

    async def fails(self, path: str, scope: str = SCOPE) -> tuple[str, str, bool]:
        with pytest.raises(ActionError) as caught:
            await self(path, scope)
        return caught.value.code, caught.value.message, caught.value.retryable


@pytest.fixture
async def call(server: Server, context: ActionContext) -> AsyncIterator[Caller]:
    caller = Caller(server, context)
    yield caller
    await caller.action.aclose()


async def test_the_token_is_sent_to_where_it_may_go(call: Caller) -> None:
    assert (await call("/json"))["status"] == 200
    assert call.server.seen.headers["authorization"] == f"Bearer {TOKEN}"
    assert call.purse.asked == [SCOPE]


async def test_without_auth_no_token_is_asked_for(call: Caller) -> None:
    await call("/json", auth=None)
    assert "authorization" not in call.server.seen.headers
    assert call.purse.asked == []


async def test_the_token_follows_a_redirect_within_its_origin_and_none_to_another(call: Caller) -> None:
    await call("/redirect//json")
    assert call.server.seen.headers["authorization"] == f"Bearer {TOKEN}"
    await call(f"/redirect/{call.elsewhere}/json")
    assert call.server.seen.headers["host"] == call.elsewhere.removeprefix("http://")
    assert "authorization" not in call.server.seen.headers


async def test_a_redirect_away_and_back_does_not_bring_the_token_again(call: Caller) -> None:
    await call(f"/redirect/{call.elsewhere}/redirect/{call.at}/json")
    assert call.server.seen.headers["host"] == call.at.removeprefix("http://")
    assert "authorization" not in call.server.seen.headers


@pytest.mark.parametrize(
    "other", ["http://localhost:{port}/json", "https://127.0.0.1:{port}/json", "http://127.0.0.1:1/"]
)
async def test_the_token_is_not_sent_to_another_origin(call: Caller, other: str) -> None:
    url = other.format(port=call.server.server_port)
    origin = url.removesuffix("/json").removesuffix("/")
    message = f"a token for {SCOPE} may not be sent to {origin}; an operator can allow it"
    assert await call.fails(url) == ("AUTH_REFUSED", message, False)
    assert call.purse.asked == []


@pytest.mark.parametrize("scope", ["api://y/.default", "api://x/.default ", "API://X/.default", "api://x"])
async def test_a_scope_that_no_operator_allows_is_refused(call: Caller, scope: str) -> None:
    if scope.strip() != scope:
        with pytest.raises(ValidationError):
            await call("/json", scope)
        return
    message = f"this tenant may not get a token for {scope}; an operator can allow it"
    assert await call.fails("/json", scope) == ("AUTH_REFUSED", message, False)


async def test_a_scope_of_another_tenants_is_refused_and_one_of_any_tenant_is_not(call: Caller) -> None:
    call.action = call.made(call.purse, tenants=["globex"])
    code, message, _ = await call.fails("/json")
    assert (code, message.split(";")[0]) == ("AUTH_REFUSED", f"this tenant may not get a token for {SCOPE}")
    call.action = call.made(call.purse, tenants="any")
    assert (await call("/json"))["status"] == 200
    await call.action.aclose()


@pytest.mark.parametrize("retryable", [True, False])
async def test_without_a_token_nothing_is_sent(call: Caller, *, retryable: bool) -> None:
    call.server.seen.headers = {}
    call.purse.failure = CredentialsError("the issuer is away", retryable=retryable)
    assert await call.fails("/json") == ("AUTH_UNAVAILABLE", "the issuer is away", retryable)
    assert call.server.seen.headers == {}


async def test_a_platform_without_an_identity_says_so(call: Caller) -> None:
    call.action = call.made(NoCredentials())
    code, message, retryable = await call.fails("/json")
    assert (code, retryable) == ("AUTH_UNAVAILABLE", False)
    assert "QUANTUM_CREDENTIALS" in message


@pytest.mark.parametrize("path", ["/echo", "/echo/utf-16", "/echo/escaped"])
async def test_an_answer_that_repeats_the_token_is_kept_without_it(
    call: Caller, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    outputs = await call(path)
    assert "(the platform's token)" in json.dumps(outputs["body"])
    assert outputs["headers"]["x-asked-with"] == "Bearer (the platform's token)"
    assert TOKEN not in json.dumps(outputs) + caplog.text


async def test_a_failure_does_not_tell_the_token(call: Caller) -> None:
    for path in ("/status/500", "/hang-up", "/large"):
        assert TOKEN not in str(await call.fails(path))


@pytest.mark.parametrize(
    "parameters",
    [
        {"auth": {}},
        {"auth": {"scope": ""}},
        {"auth": {"scope": "a b"}},
        {"auth": {"scope": SCOPE, "secret": "x"}},
        {"auth": "Bearer x"},
        {"auth": {"scope": SCOPE}, "headers": {"AUTHORIZATION": "Bearer x"}},
    ],
)
def test_auth_that_makes_no_sense_is_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HttpRequest.Parameters.model_validate({"url": "https://x.example", **parameters})


BASIC = "Basic Y2k6aHVudGVyMiBodW50ZXIy"
OWN: Mapping[str, tuple[dict[str, Any], str]] = {
    "bearer": ({"bearer": "t0ken-of_acme=="}, "Bearer t0ken-of_acme=="),
    "basic": ({"basic": {"username": "ci", "password": "hunter2 hunter2"}}, BASIC),
}


@pytest.mark.parametrize("kind", OWN)
async def test_a_secret_of_the_tenants_own_authorizes_and_goes_to_no_other_origin(
    call: Caller, kind: str
) -> None:
    auth, sent = OWN[kind]
    await call("/json", auth=auth)
    assert call.server.seen.headers["authorization"] == sent
    await call("/redirect//json", auth=auth)
    assert call.server.seen.headers["authorization"] == sent
    for away in (f"/redirect/{call.elsewhere}/json", f"/redirect/{call.elsewhere}/redirect/{call.at}/json"):
        await call(away, auth=auth)
        assert "authorization" not in call.server.seen.headers
    assert call.purse.asked == [], "the platform's own identity has nothing to do with it"


async def test_a_signature_is_of_the_time_and_the_body_under_the_tenants_key(call: Caller) -> None:
    now = int(call.context.clock.now().timestamp())
    for algorithm, headers in (("sha256", {}), ("sha512", {"signature_header": "X-Sum"})):
        auth = {"hmac": {"key": "a key that both have", "algorithm": algorithm, **headers}}
        await call("/json", auth=auth, method="POST", body={"text": "größe"})
        seen = call.server.seen
        assert seen.headers["x-timestamp"] == str(now)
        content = f"{now}.".encode() + seen.body
        expected = hmac.new(b"a key that both have", content, algorithm).hexdigest()
        assert seen.headers["x-sum" if headers else "x-signature"] == expected
        assert "authorization" not in seen.headers
    await call(f"/redirect/{call.elsewhere}/json", auth=auth)
    assert not {"x-sum", "x-timestamp"} & call.server.seen.headers.keys()


@pytest.mark.parametrize("auth", [*(one for one, _ in OWN.values()), {"hmac": {"key": "a key of ours"}}])
async def test_a_dry_run_tells_how_it_would_be_authorized_and_with_nothing_of_it(
    call: Caller, auth: dict[str, Any]
) -> None:
    parameters = HttpRequestParameters.model_validate({"url": "https://x.example", "auth": auth})
    foreseen = await call.action.dry_run(parameters, call.context)
    told = json.dumps(dict(foreseen.would))
    assert REDACTED in told
    assert not [text for text in ("t0ken", "hunter2", "a key of ours") if text in told]


@pytest.mark.parametrize(
    "parameters",
    [
        {"auth": {"bearer": "two words"}},
        {"auth": {"bearer": "line\nbreak"}},
        {"auth": {"bearer": "x", "scope": SCOPE}},
        {"auth": {"basic": {"username": "a:b", "password": "x"}}},
        {"auth": {"basic": {"username": "a"}}},
        {"auth": {"basic": {"username": "a", "password": "x\r\nEvil: 1"}}},
        {"auth": {"hmac": {"key": ""}}},
        {"auth": {"hmac": {"key": "k", "algorithm": "md5"}}},
        {"auth": {"hmac": {"key": "k", "signature_header": "Host"}}},
        {"auth": {"hmac": {"key": "k", "signature_header": "x-time", "timestamp_header": "X-Time"}}},
        {"auth": {"hmac": {"key": "k"}}, "headers": {"x-signature": "mine"}},
        {"auth": {"bearer": "x"}, "headers": {"Authorization": "Bearer x"}},
    ],
)
def test_a_tenants_auth_that_makes_no_sense_is_refused_and_told_without_it(
    parameters: dict[str, Any],
) -> None:
    with pytest.raises(ValidationError) as caught:
        HttpRequest.Parameters.model_validate({"url": "https://x.example", **parameters})
    told = places(caught.value, "parameters")
    assert not [text for text in ("two words", "break", "Evil") if text in told]
