"""Every way in which a token can be bad, and the reason that the log gets."""

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.adapters.jwt.issuers import Issuer
from shared.adapters.jwt.verifier import JwtTokens
from shared.domain.errors import UnauthenticatedError
from tests.security.forge import ISSUER, Forge, jwk, private_key, raw_token, segment, sign_rs256

HEADER = {"alg": "RS256", "kid": "first", "typ": "at+jwt"}


def _hmac(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda message: hmac.digest(secret, message, hashlib.sha256)


def _public_pem() -> bytes:
    public = private_key("RS256").public_key()
    return bytes(
        public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def _own_key(forge: Forge, **header: Any) -> str:
    return forge.token(header, key=private_key("RS256", "attacker"))


def _duplicated(forge: Forge) -> str:
    text = json.dumps(forge.claims())
    return raw_token(HEADER, (text[:-1] + ', "sub": "root"}').encode(), sign_rs256)


def _signed(forge: Forge, payload: Any, **header: Any) -> str:
    return raw_token(HEADER | header, payload, sign_rs256)


def _swapped_payload(forge: Forge) -> str:
    header, _, signature = forge.token().split(".")
    return f"{header}.{segment(forge.claims(sub='root'))}.{signature}"


def _spare_bits(forge: Forge) -> str:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    token = forge.token()
    return token[:-1] + letters[letters.index(token[-1]) ^ 1]


OTHER_KEY = "the issuer has no key of this id for this algorithm"
SIGNATURE = "the signature does not verify"
NOT_BASE64 = "the token is not base64url"
NOT_UNIQUE = "is not JSON with unique names"
ALGORITHM = "the algorithm is not one this issuer signs with"

REFUSED: dict[str, tuple[Callable[[Forge], str], str]] = {
    "empty": (lambda f: "", "does not have three parts"),
    "one part": (lambda f: "x" * 40, "does not have three parts"),
    "four parts": (lambda f: f.token() + ".x", "does not have three parts"),
    "encrypted": (lambda f: "a.b.c.d.e", "does not have three parts"),
    "no signature": (lambda f: f.token().rsplit(".", 1)[0] + ".", NOT_BASE64),
    "truncated": (lambda f: f.token()[:-10], SIGNATURE),
    "truncated by one": (lambda f: f.token()[:-1], NOT_BASE64),
    "other spare bits": (_spare_bits, NOT_BASE64),
    "padded": (lambda f: f.token() + "==", NOT_BASE64),
    "not ascii": (lambda f: "é" + f.token(), NOT_BASE64),
    "lone surrogate": (lambda f: "\ud800" + f.token(), NOT_BASE64),
    "oversize": (lambda f: f.token(padding="x" * 20_000), "too long"),
    "header not json": (lambda f: raw_token(b"{", f.claims(), sign_rs256), NOT_UNIQUE),
    "header an array": (lambda f: raw_token([HEADER], f.claims(), sign_rs256), "not an object"),
    "payload a string": (lambda f: _signed(f, "root"), "not an object"),
    "payload too deep": (lambda f: _signed(f, b"[" * 9000), NOT_UNIQUE),
    "claim twice": (_duplicated, NOT_UNIQUE),
    "alg none": (lambda f: raw_token(HEADER | {"alg": "none"}, f.claims(), lambda _: b"x"), ALGORITHM),
    "alg missing": (
        lambda f: raw_token({"kid": "first", "typ": "JWT"}, f.claims(), sign_rs256),
        "no algorithm",
    ),
    "hs256 with the public key": (
        lambda f: raw_token(HEADER | {"alg": "HS256"}, f.claims(), _hmac(_public_pem())),
        ALGORITHM,
    ),
    "another alg of the same key": (lambda f: _signed(f, f.claims(), alg="PS256"), ALGORITHM),
    "kid missing": (lambda f: f.token({"kid": ""}), "names no key"),
    "kid unknown": (lambda f: f.token({"kid": "second"}), OTHER_KEY),
    "kid a path": (lambda f: f.token({"kid": "../../dev/null"}), OTHER_KEY),
    "an attacker's key": (_own_key, SIGNATURE),
    "a key in the header": (lambda f: _own_key(f, jwk=jwk("RS256", "first", "attacker")), SIGNATURE),
    "a key by jku": (lambda f: _own_key(f, jku="https://evil.example/jwks"), SIGNATURE),
    "a key by x5u": (lambda f: _own_key(f, x5u="https://evil.example/cert"), SIGNATURE),
    "a key by x5c": (lambda f: _own_key(f, x5c=["MIIB"]), SIGNATURE),
    "critical extension": (lambda f: _signed(f, f.claims(), crit=["exp"]), "extensions"),
    "unencoded payload": (lambda f: _signed(f, f.claims(), b64=False, crit=["b64"]), "extensions"),
    "an id token's type": (lambda f: f.token({"typ": "id+jwt"}), "type"),
    "no type": (lambda f: raw_token({"alg": "RS256", "kid": "first"}, f.claims(), sign_rs256), "type"),
    "swapped payload": (_swapped_payload, SIGNATURE),
    "another issuer": (lambda f: f.token(iss="https://evil.example"), "issuer is not a trusted one"),
    "issuer with a slash more": (lambda f: f.token(iss=ISSUER + "/"), "issuer is not a trusted one"),
    "issuer an array": (lambda f: _signed(f, f.claims(iss=[ISSUER])), "issuer is not a trusted one"),
    "issuer missing": (lambda f: f.token(iss=None), "issuer is not a trusted one"),
    "another audience": (lambda f: f.token(aud="api://other"), "another audience"),
    "audience a prefix": (lambda f: f.token(aud="api://quantum2"), "another audience"),
    "audience missing": (lambda f: f.token(aud=None), "has no aud"),
    "subject missing": (lambda f: f.token(sub=None), "has no sub"),
    "subject empty": (lambda f: f.token(sub=""), "sub is not a name"),
    "subject a number": (lambda f: _signed(f, f.claims(sub=7)), "sub is not a name"),
    "subject endless": (lambda f: f.token(sub="x" * 256), "sub is not a name"),
    "expiry missing": (lambda f: f.token(exp=None), "has no exp"),
    "issue time missing": (lambda f: f.token(iat=None), "has no iat"),
    "expired": (
        lambda f: f.token(iat=f.clock.unix() - 700, nbf=None, exp=f.clock.unix() - 60),
        "has expired",
    ),
    "not valid yet": (lambda f: f.token(nbf=f.clock.unix() + 61), "not valid yet"),
    "issued in the future": (lambda f: f.token(iat=f.clock.unix() + 61), "issued in the future"),
    "expires before it begins": (lambda f: f.token(exp=f.clock.unix() - 1), "expires before it begins"),
    "expiry text": (lambda f: _signed(f, f.claims(exp="2099")), "exp is not a time"),
    "expiry true": (lambda f: _signed(f, f.claims(exp=True)), "exp is not a time"),
    "expiry never": (lambda f: _signed(f, f.claims(exp=float("inf"))), "exp is not a time"),
    "expiry not a number": (lambda f: _signed(f, f.claims(exp=float("nan"))), "exp is not a time"),
    "expiry huge": (lambda f: _signed(f, f.claims(exp=10**400)), "exp is not a time"),
    "start null": (lambda f: _signed(f, f.claims() | {"nbf": None}), "nbf is not a time"),
}


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.replace(" ", "-"))
async def test_a_bad_token_is_refused_with_its_reason(case: str) -> None:
    forge = Forge()
    await forge.tokens.verify(forge.token())
    make, reason = REFUSED[case]
    with pytest.raises(UnauthenticatedError) as refused:
        await forge.tokens.verify(make(forge))
    assert reason in refused.value.reason
    assert refused.value.message == UnauthenticatedError.title, "the caller gets one answer for all"


async def test_a_refused_token_is_refused_again() -> None:
    forge = Forge()
    bad = _own_key(forge)
    for _ in range(2):
        with pytest.raises(UnauthenticatedError, match="bearer token"):
            await forge.tokens.verify(bad)


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", "application/at+jwt"])
async def test_both_types_of_access_token_are_taken_however_they_are_spelled(typ: str) -> None:
    forge = Forge()
    identity = await forge.tokens.verify(forge.token({"typ": typ}, aud=["x", "other-name-of-it"], nbf=None))
    assert (identity.issuer, identity.subject) == (ISSUER, "ada")


async def test_clocks_may_differ_by_the_leeway_and_no_more() -> None:
    forge = Forge()
    now = forge.clock.unix()
    await forge.tokens.verify(forge.token(iat=now + 60, nbf=now + 60, exp=now + 70))
    late = forge.token(exp=now + 1)
    forge.clock.advance(60)
    await forge.tokens.verify(late)
    forge.clock.advance(1)
    with pytest.raises(UnauthenticatedError):
        await forge.tokens.verify(late)


async def test_a_remembered_token_ends_when_it_expires() -> None:
    forge = Forge()
    token = forge.token()
    await forge.tokens.verify(token)
    forge.clock.advance(600 + 60)
    with pytest.raises(UnauthenticatedError) as refused:
        await forge.tokens.verify(token)
    assert refused.value.reason == "the token has expired"


async def test_claims_cannot_be_changed_by_who_reads_them() -> None:
    forge = Forge()
    identity = await forge.tokens.verify(forge.token())
    with pytest.raises(TypeError):
        identity.claims["sub"] = "root"  # type: ignore[index]


@pytest.mark.parametrize("algorithm", ["none", "HS256", "HS512", "RS1"])
def test_an_issuer_cannot_be_configured_with_an_algorithm_that_is_not_asymmetric(algorithm: str) -> None:
    with pytest.raises(ValueError, match="not an asymmetric algorithm"):
        Issuer(ISSUER, ("a",), algorithms=(algorithm,))


def test_two_issuers_cannot_share_a_name() -> None:
    forge = Forge()
    other = Issuer("https://other.example", ("a",), also=(ISSUER,))
    with pytest.raises(ValueError, match="two issuers are called"):
        JwtTokens([forge.issuer, other], keys=forge.keys, clock=forge.clock)


async def test_one_issuer_cannot_sign_for_another() -> None:
    ours, theirs = Forge(), Forge("ES256")
    other = Issuer("https://other.example", ("api://quantum",), algorithms=("ES256",))

    class BothKeys:
        async def fetch(self, issuer: Issuer) -> dict[str, Any]:
            return {"keys": (ours if issuer is ours.issuer else theirs).keys.entries}

    tokens = JwtTokens([ours.issuer, other], keys=BothKeys(), clock=ours.clock)
    await tokens.verify(theirs.token(iss=other.url))
    with pytest.raises(UnauthenticatedError):
        await tokens.verify(theirs.token(iss=ISSUER))


_FORGE = Forge()
_GOOD = _FORGE.token()


@st.composite
def mutations(draw: st.DrawFn) -> str:
    """A good token with some characters put in, taken out or changed."""
    token = _GOOD
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(token) - 1))
        new = draw(st.text("ABCDWXYZabcdwxyz0189-_.=+/ \n", max_size=3))
        token = token[:at] + new + token[at + draw(st.integers(0, 2)) :]
    return token


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutations())
async def test_no_other_spelling_of_a_good_token_verifies(token: str) -> None:
    await _FORGE.tokens.verify(_GOOD)
    if token == _GOOD:
        return
    with pytest.raises(UnauthenticatedError):
        await _FORGE.tokens.verify(token)
