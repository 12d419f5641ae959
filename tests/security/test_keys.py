"""Issuers' keys: rotation, outages, and who may cause a fetch."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from shared.adapters.jwt.issuers import Issuer
from shared.adapters.jwt.keys import MAX_AGE, MIN_INTERVAL, JwksSource
from shared.adapters.jwt.verifier import JwtTokens
from shared.domain.errors import UnauthenticatedError, UnavailableError
from tests.security.forge import AUDIENCE, ISSUER, Forge, Keys, jwk, private_key


async def test_a_new_key_is_found_when_its_first_token_comes() -> None:
    forge = Forge()
    old = forge.token()
    await forge.tokens.verify(old)
    forge.keys.entries.append(jwk("RS256", "second", "second"))
    forge.clock.advance(MIN_INTERVAL)
    await forge.tokens.verify(forge.token({"kid": "second"}, key=private_key("RS256", "second")))
    await forge.tokens.verify(old)
    assert forge.keys.fetches == 2


async def test_a_withdrawn_key_ends_remembered_tokens_too() -> None:
    forge = Forge()
    token = forge.token()
    await forge.tokens.verify(token)
    forge.keys.entries[:] = [jwk("RS256", "second", "second")]
    forge.clock.advance(MAX_AGE)
    with pytest.raises(UnauthenticatedError) as refused:
        await forge.tokens.verify(token)
    assert "no key of this id" in refused.value.reason


async def test_a_key_replaced_under_its_own_id_ends_remembered_tokens_too() -> None:
    forge = Forge()
    token = forge.token()
    await forge.tokens.verify(token)
    forge.keys.entries[:] = [jwk("RS256", "first", "second")]
    forge.clock.advance(MAX_AGE)
    with pytest.raises(UnauthenticatedError) as refused:
        await forge.tokens.verify(token)
    assert refused.value.reason == "the signature does not verify"


async def test_keys_are_rotated_without_a_refused_request() -> None:
    """Both keys are published while tokens of the old one live; two verifiers look at other times."""
    forge = Forge()
    verifiers = [forge.tokens, JwtTokens([forge.issuer], keys=forge.keys, clock=forge.clock)]
    published = ["first"]
    signing, tokens, accepted = "first", [forge.token()], 0

    def publish(*kids: str) -> None:
        published[:] = kids
        forge.keys.entries[:] = [jwk("RS256", kid, kid) for kid in kids]

    life = 600
    for second in range(0, 6 * life, 20):
        if second == life:
            publish("first", "second")
        if second == life + MAX_AGE:  # by then every verifier has looked
            signing = "second"
        if second == life + MAX_AGE + life:
            publish("second")
        tokens.append(forge.token({"kid": signing}, key=private_key("RS256", signing), jti=str(second)))
        alive = tokens[-life // 20 :]
        for number, verifier in enumerate(verifiers):
            if (second // 20 + number) % 3 == 0:  # not every verifier is asked all the time
                for token in alive:
                    assert (await verifier.verify(token)).subject == "ada"
                    accepted += 1
        forge.clock.advance(20)
    assert published == ["second"]
    with pytest.raises(UnauthenticatedError):
        await forge.tokens.verify(forge.token(jti="late"))
    assert accepted > 1000


async def test_a_new_key_that_signs_at_once_is_found_at_its_first_token() -> None:
    forge = Forge()
    await forge.tokens.verify(forge.token())
    for number in range(5):
        forge.clock.advance(MIN_INTERVAL)
        kid = f"key-{number}"
        forge.keys.entries.insert(0, jwk("RS256", kid, "second"))
        await forge.tokens.verify(forge.token({"kid": kid}, key=private_key("RS256", "second")))
        await forge.tokens.verify(forge.token(jti=str(number)))


async def test_a_shared_secret_is_rotated_by_two_settings_without_a_refused_request() -> None:
    forge = Forge()
    old, new = ("2025", b"o" * 32), ("2026", b"n" * 32)

    def token(secret: tuple[str, bytes]) -> str:
        return jwt.encode(forge.claims(), secret[1], "HS256", headers={"kid": secret[0], "typ": "JWT"})

    def verifier(*secrets: tuple[str, bytes]) -> JwtTokens:
        issuer = Issuer(ISSUER, (AUDIENCE,), algorithms=("HS256",), secrets=secrets)
        return JwtTokens([issuer], keys=JwksSource(), clock=forge.clock)

    await verifier(old).verify(token(old))
    between = verifier(old, new)
    assert [(await between.verify(token(one))).subject for one in (old, new, old)] == ["ada"] * 3
    with pytest.raises(UnauthenticatedError):
        await verifier(new).verify(token(old))


async def test_random_key_ids_cause_one_fetch_in_a_while() -> None:
    forge = Forge()
    await forge.tokens.verify(forge.token())
    forge.clock.advance(MIN_INTERVAL)
    for number in range(20):
        with pytest.raises(UnauthenticatedError):
            await forge.tokens.verify(forge.token({"kid": f"random-{number}"}))
    assert forge.keys.fetches == 2


@pytest.mark.parametrize("outage", ["down", "empty", "malformed"])
async def test_the_last_good_keys_are_kept_through_an_outage(outage: str) -> None:
    forge = Forge()
    await forge.tokens.verify(forge.token())
    forge.keys.down = outage == "down"
    forge.keys.entries[:] = [] if outage == "empty" else [{"kty": "RSA"}]
    forge.clock.advance(MAX_AGE)
    await forge.tokens.verify(forge.token(jti="another"))
    assert forge.keys.fetches == 2
    await forge.tokens.verify(forge.token(jti="a third"))
    assert forge.keys.fetches == 2, "an issuer that is down is left alone for a while"


async def test_without_any_keys_the_platform_is_unavailable_and_recovers() -> None:
    forge = Forge()
    forge.keys.down = True
    for _ in range(3):
        with pytest.raises(UnavailableError):
            await forge.tokens.verify(forge.token())
    assert forge.keys.fetches == 1
    forge.keys.down = False
    forge.clock.advance(MIN_INTERVAL)
    await forge.tokens.verify(forge.token())


@pytest.mark.parametrize(
    "entry",
    [
        jwk("RS256", "first", use="enc"),
        jwk("RS256", "first") | {"alg": "RS512"},
        jwk("RS256", "first", "weak"),
        jwk("ES256", "first"),
        {"kty": "oct", "kid": "first", "k": "c2VjcmV0"},
        {"kty": "RSA", "kid": "first", "n": "!", "e": "AQAB"},
        {"kty": "RSA", "kid": 7},
        "first",
    ],
    ids=["encryption", "other-alg", "weak", "other-type", "secret", "broken", "kid-a-number", "text"],
)
async def test_a_key_that_is_not_fit_is_not_used(entry: Any) -> None:
    forge = Forge()
    forge.keys.entries[:] = [entry, jwk("RS256", "second", "second")]
    with pytest.raises(UnauthenticatedError):
        await forge.tokens.verify(forge.token())


async def test_a_p384_key_does_not_verify_es256() -> None:
    forge = Forge("ES256")
    forge.keys.entries[:] = [jwk("ES384", "first")]
    with pytest.raises(UnauthenticatedError):
        await forge.tokens.verify(forge.token())


async def test_keys_in_a_file_are_read_from_it(tmp_path: Path) -> None:
    forge = Forge()
    path = tmp_path / "a folder" / "jwks.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"keys": forge.keys.entries}))
    issuer = Issuer(ISSUER, (AUDIENCE,), jwks_url=path.as_uri())
    await JwtTokens([issuer], keys=JwksSource(), clock=forge.clock).verify(forge.token())
    path.unlink()
    with pytest.raises(UnavailableError):
        await JwtTokens([issuer], keys=JwksSource(), clock=forge.clock).verify(forge.token())


def _served(answers: dict[str, httpx.Response]) -> JwksSource:
    def answer(request: httpx.Request) -> httpx.Response:
        return answers.get(str(request.url), httpx.Response(404))

    return JwksSource(client=lambda: httpx.AsyncClient(transport=httpx.MockTransport(answer)))


DISCOVERY = ISSUER + "/.well-known/openid-configuration"
JWKS = "https://issuer.example/keys"


async def test_keys_are_found_by_discovery() -> None:
    forge = Forge()
    source = _served(
        {
            DISCOVERY: httpx.Response(200, json={"issuer": ISSUER, "jwks_uri": JWKS}),
            JWKS: httpx.Response(200, json={"keys": forge.keys.entries}),
        }
    )
    await JwtTokens([forge.issuer], keys=source, clock=forge.clock).verify(forge.token())


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {DISCOVERY: httpx.Response(200, text="<html>")},
        {DISCOVERY: httpx.Response(200, json=[])},
        {DISCOVERY: httpx.Response(302, headers={"location": "https://evil.example"})},
        {DISCOVERY: httpx.Response(200, json={"issuer": "https://evil.example", "jwks_uri": JWKS})},
        {DISCOVERY: httpx.Response(200, json={"issuer": ISSUER, "jwks_uri": "http://issuer.example/keys"})},
        {DISCOVERY: httpx.Response(200, json={"issuer": ISSUER, "jwks_uri": "file:///etc/passwd"})},
        {DISCOVERY: httpx.Response(200, json={"issuer": ISSUER})},
        {DISCOVERY: httpx.Response(200, content=b" " * 300_000)},
    ],
    ids=["404", "html", "array", "redirect", "other-issuer", "plain-http", "file", "no-jwks", "endless"],
)
async def test_a_discovery_that_is_not_in_order_yields_no_keys(answers: dict[str, httpx.Response]) -> None:
    forge = Forge()
    answers = answers | {JWKS: httpx.Response(200, json={"keys": forge.keys.entries})}
    tokens = JwtTokens([forge.issuer], keys=_served(answers), clock=forge.clock)
    with pytest.raises(UnavailableError):
        await tokens.verify(forge.token())


class Slow(Keys):
    """A key source that answers when a test lets it."""

    gate: asyncio.Event

    async def fetch(self, issuer: Issuer) -> Mapping[str, Any]:
        await self.gate.wait()
        return await super().fetch(issuer)


@pytest.mark.parametrize("down", [False, True])
async def test_a_probe_without_patience_does_not_break_off_the_fetch(down: bool) -> None:
    forge = Forge()
    keys = Slow(forge.keys.entries, down=down)
    keys.gate = asyncio.Event()
    tokens = JwtTokens([forge.issuer], keys=keys, clock=forge.clock)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await tokens.ready()
    waiting = asyncio.create_task(tokens.verify(forge.token()))
    keys.gate.set()
    if down:
        with pytest.raises(UnavailableError):
            await waiting
    else:
        assert (await waiting).subject == "ada"
    assert keys.fetches == 1
