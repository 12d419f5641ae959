"""The token endpoint: devices, services, refreshing, and requests that are not in order."""

from typing import Any

import httpx
import pytest

from localhost.identity.pending import DEVICE_LIFETIME, POLL_INTERVAL
from localhost.identity.provider import DEVICE_GRANT
from localhost.identity.store import REFRESH_LIFETIME, IdentityStore
from tests.identity.conftest import SCOPE, Issuer


async def _start(issuer: Issuer) -> dict[str, Any]:
    form = {"client_id": "quantum-cli", "scope": SCOPE}
    started: dict[str, Any] = (await issuer.http.post("/identity/device_authorization", data=form)).json()
    return started


async def _poll(issuer: Issuer, code: str) -> httpx.Response:
    form = {"grant_type": DEVICE_GRANT, "client_id": "quantum-cli", "device_code": code}
    return await issuer.http.post("/identity/token", data=form)


async def _enter(
    issuer: Issuer, user_code: str, *, user: str = "ada", code: str | None = None
) -> httpx.Response:
    form = {"user_code": user_code, "user": user, "code": issuer.code if code is None else code}
    return await issuer.http.post("/identity/device", data=form)


async def test_a_device_is_let_in_by_its_user(issuer: Issuer) -> None:
    started = await _start(issuer)
    page = await issuer.http.get(started["verification_uri_complete"])
    assert started["user_code"] in page.text
    assert (await _poll(issuer, started["device_code"])).json()["error"] == "authorization_pending"
    assert (await _enter(issuer, started["user_code"].lower().replace("-", " "))).status_code == 200
    tokens = (await _poll(issuer, started["device_code"])).json()
    assert (await issuer.tokens.verify(tokens["access_token"])).subject == "ada"
    assert {"id_token", "refresh_token"} <= tokens.keys()
    assert (await _poll(issuer, started["device_code"])).json()["error"] == "invalid_grant"


async def test_a_device_that_asks_too_often_is_told_to_slow_down(issuer: Issuer) -> None:
    code = (await _start(issuer))["device_code"]
    errors = [(await _poll(issuer, code)).json()["error"] for _ in range(2)]
    issuer.clock.advance(POLL_INTERVAL)
    errors.append((await _poll(issuer, code)).json()["error"])
    assert errors == ["authorization_pending", "slow_down", "authorization_pending"]


async def test_a_device_code_ends_with_its_time(issuer: Issuer) -> None:
    started = await _start(issuer)
    issuer.clock.advance(DEVICE_LIFETIME)
    assert "No device waits" in (await _enter(issuer, started["user_code"])).text
    assert (await _poll(issuer, started["device_code"])).json()["error"] == "expired_token"


@pytest.mark.parametrize(
    "wrong", [{"user": "eve"}, {"code": "wrong"}, {"user_code": "AAAA-AAAA"}, {"user_code": ""}]
)
async def test_a_device_is_let_in_by_nobody_else(issuer: Issuer, wrong: dict[str, str]) -> None:
    started = await _start(issuer)
    form = {"user_code": started["user_code"], "user": "ada", "code": issuer.code} | wrong
    assert (await issuer.http.post("/identity/device", data=form)).status_code == 403
    assert (await _poll(issuer, started["device_code"])).json()["error"] == "authorization_pending"


async def test_a_refresh_token_is_replaced_at_each_use(issuer: Issuer) -> None:
    tokens = (await issuer.redeem(await issuer.authorization_code())).json()
    first = (await issuer.refresh(tokens["refresh_token"])).json()
    assert (await issuer.tokens.verify(first["access_token"])).subject == "ada"
    assert (await issuer.refresh(first["refresh_token"])).status_code == 200


async def test_a_refresh_token_that_comes_twice_ends_the_sign_in(issuer: Issuer) -> None:
    tokens = (await issuer.redeem(await issuer.authorization_code())).json()
    first = (await issuer.refresh(tokens["refresh_token"])).json()
    assert (await issuer.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await issuer.refresh(first["refresh_token"])).json()["error"] == "invalid_grant"


async def test_a_refresh_token_is_bound_to_its_program_and_its_time(issuer: Issuer) -> None:
    token = (await issuer.redeem(await issuer.authorization_code())).json()["refresh_token"]
    assert (await issuer.refresh(token, client_id="quantum-console")).json()["error"] == "invalid_grant"
    issuer.clock.advance(REFRESH_LIFETIME)
    assert (await issuer.refresh(token)).json()["error"] == "invalid_grant"


async def test_without_offline_access_there_is_nothing_to_refresh_with(issuer: Issuer) -> None:
    sent = await issuer.sign_in(scope="api://quantum/.default")
    code = httpx.URL(sent.headers["location"]).params["code"]
    assert not {"refresh_token", "id_token"} & (await issuer.redeem(code)).json().keys()


@pytest.mark.parametrize("how", ["basic", "form"])
async def test_a_service_signs_in_with_its_secret(issuer: Issuer, how: str) -> None:
    secret = IdentityStore(issuer.data).put_client("ci")
    form = {"grant_type": "client_credentials", "scope": "api://quantum/.default"}
    if how == "basic":
        response = await issuer.http.post("/identity/token", data=form, auth=("ci", secret))
    else:
        credentials = {"client_id": "ci", "client_secret": secret}
        response = await issuer.http.post("/identity/token", data=form | credentials)
    identity = await issuer.tokens.verify(response.json()["access_token"])
    assert (identity.subject, identity.claims["idtyp"]) == ("client:ci", "app")
    assert "refresh_token" not in response.json()


async def test_a_new_secret_ends_the_old_one(issuer: Issuer) -> None:
    store = IdentityStore(issuer.data)
    old = store.put_client("ci")
    store.put_client("ci")
    form = {"grant_type": "client_credentials"}
    response = await issuer.http.post("/identity/token", data=form, auth=("ci", old))
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    assert response.headers["www-authenticate"].startswith("Basic")


FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("content", "kind", "error"),
    [
        ("grant_type=authorization_code&client_id=quantum-cli&code=unknown", FORM, "invalid_grant"),
        ("", FORM, "invalid_request"),
        ("grant_type=password", FORM, "unsupported_grant_type"),
        (
            "grant_type=refresh_token&grant_type=password",
            "application/x-www-form-urlencoded",
            "invalid_request",
        ),
        ("grant_type=refresh_token", FORM, "invalid_client"),
        (
            "grant_type=client_credentials&client_id=nobody",
            "application/x-www-form-urlencoded",
            "invalid_client",
        ),
        ("{}", "application/json", "invalid_request"),
        (b"\xff", FORM, "invalid_request"),
        ("x=1&" * 100, FORM, "invalid_request"),
        ("x" * 70_000, FORM, "invalid_request"),
    ],
    ids=[
        "no-code",
        "empty",
        "password",
        "twice",
        "no-client",
        "no-secret",
        "json",
        "bytes",
        "fields",
        "large",
    ],
)
async def test_a_request_that_is_not_in_order_is_refused(
    issuer: Issuer, content: str | bytes, kind: str, error: str
) -> None:
    response = await issuer.http.post("/identity/token", content=content, headers={"content-type": kind})
    assert response.status_code in {400, 401, 413}
    assert response.json()["error"] == error


async def test_a_basic_header_that_is_not_one_is_refused(issuer: Issuer) -> None:
    form, headers = {"grant_type": "client_credentials"}, {"authorization": "Basic ???"}
    response = await issuer.http.post("/identity/token", data=form, headers=headers)
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
