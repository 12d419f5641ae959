"""Signing in through the browser: authorization code with PKCE."""

import re
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest

from localhost.identity.issuer import LOCAL_ISSUER
from localhost.identity.pending import CODE_LIFETIME
from shared.domain.errors import UnauthenticatedError
from tests.identity.conftest import BASE, REDIRECT, Issuer


async def test_discovery_says_where_everything_is(issuer: Issuer) -> None:
    found = (await issuer.http.get("/identity/.well-known/openid-configuration")).json()
    assert found["issuer"] == f"{BASE}/identity"
    for name in ("authorization_endpoint", "token_endpoint", "device_authorization_endpoint", "jwks_uri"):
        assert found[name].startswith(f"{BASE}/identity/")
    keys = (await issuer.http.get(found["jwks_uri"])).json()["keys"]
    assert [set(key) for key in keys] == [{"kty", "use", "alg", "kid", "n", "e"}], "public members only"


async def test_a_user_signs_in_with_the_code_of_the_data_folder(issuer: Issuer) -> None:
    page = await issuer.http.get("/identity/authorize", params=issuer.authorization())
    assert page.status_code == 200
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert 'value="a state &amp; more"' in page.text

    sent = await issuer.sign_in()
    assert sent.status_code == 303
    address = urlsplit(sent.headers["location"])
    assert f"{address.scheme}://{address.netloc}{address.path}" == REDIRECT
    answer = dict(parse_qsl(address.query))
    assert (answer["state"], answer["iss"]) == ("a state & more", f"{BASE}/identity")

    response = await issuer.redeem(answer["code"])
    assert response.headers["cache-control"] == "no-store"
    tokens = response.json()
    identity = await issuer.tokens.verify(tokens["access_token"])
    assert (identity.issuer, identity.subject) == (LOCAL_ISSUER, "ada")
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 3600)


async def test_the_id_token_is_for_the_program_and_is_no_access_token(issuer: Issuer) -> None:
    tokens = (await issuer.redeem(await issuer.authorization_code())).json()
    claims = jwt.decode(tokens["id_token"], options={"verify_signature": False})
    assert (claims["aud"], claims["nonce"], claims["iss"]) == ("quantum-cli", "n-1", f"{BASE}/identity")
    with pytest.raises(UnauthenticatedError) as refused:
        await issuer.tokens.verify(tokens["id_token"])
    assert refused.value.reason == "the token is for another audience"


@pytest.mark.parametrize(
    ("user", "code"), [("ada", "wrong"), ("ada", ""), ("eve", None), ("", None), ("ada' OR 1=1 --", None)]
)
async def test_who_is_no_user_or_does_not_know_the_code_is_not_let_in(
    issuer: Issuer, user: str, code: str | None
) -> None:
    form = issuer.authorization() | {"user": user, "code": issuer.code if code is None else code}
    page = await issuer.http.post("/identity/authorize", data=form)
    assert page.status_code == 403
    assert "The user or the sign-in code is wrong." in page.text
    assert issuer.code not in page.text


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://evil.example/done",
        "http://127.0.0.1.evil.example/",
        "http://127.0.0.1@evil.example/",
        "http://localhost:1/#fragment",
        "http://localhost:99999/",
        "javascript:alert(1)",
        "//localhost/",
        "http://[::1%;x]/",
        "http://localhost/\r\nx: y",
    ],
)
async def test_an_address_that_is_not_on_loopback_is_never_redirected_to(
    issuer: Issuer, address: str
) -> None:
    for response in (
        await issuer.http.get("/identity/authorize", params=issuer.authorization(redirect_uri=address)),
        await issuer.sign_in(redirect_uri=address),
    ):
        assert response.status_code == 400
        assert "location" not in response.headers
        assert "on loopback" in response.text


async def test_an_unknown_program_is_told_to_the_user_and_sent_nowhere(issuer: Issuer) -> None:
    response = await issuer.sign_in(client_id="<b>evil</b>")
    assert response.status_code == 400
    assert "<b>evil" not in response.text
    assert "location" not in response.headers


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"scope": "openid root"}, "invalid_scope"),
    ],
)
async def test_a_request_that_is_not_in_order_is_told_to_the_program(
    issuer: Issuer, changes: dict[str, str], error: str
) -> None:
    response = await issuer.sign_in(**changes)
    answer = dict(parse_qsl(urlsplit(response.headers["location"]).query))
    assert (answer["error"], answer["state"]) == (error, "a state & more")
    assert "code" not in answer


async def test_a_program_may_ask_for_the_answer_as_a_form(issuer: Issuer) -> None:
    page = await issuer.sign_in(response_mode="form_post")
    assert page.status_code == 200
    assert f'action="{REDIRECT}"' in page.text
    code = re.search(r'name="code" value="([^"]+)"', page.text)
    assert code is not None
    assert (await issuer.redeem(code[1])).status_code == 200


async def test_a_code_is_good_once(issuer: Issuer) -> None:
    code = await issuer.authorization_code()
    assert (await issuer.redeem(code)).status_code == 200
    again = await issuer.redeem(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


async def test_a_code_is_good_for_a_minute(issuer: Issuer) -> None:
    code = await issuer.authorization_code()
    issuer.clock.advance(CODE_LIFETIME)
    assert (await issuer.redeem(code)).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": "x" * 43},
        {"redirect_uri": "http://localhost:1/done"},
        {"client_id": "quantum-console"},
    ],
)
async def test_a_stolen_code_is_worth_nothing(issuer: Issuer, changes: dict[str, str]) -> None:
    response = await issuer.redeem(await issuer.authorization_code(), **changes)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")
