"""What the verifier takes, remembers and lets go of; what it refuses is in ``attacks.py``."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.adapters.jwt.issuers import Issuer
from shared.adapters.jwt.verifier import JwtTokens
from shared.domain.errors import UnauthenticatedError
from tests.security.forge import ISSUER, Forge, private_key


async def test_a_refused_token_is_refused_again() -> None:
    forge = Forge()
    bad = forge.token(key=private_key("RS256", "attacker"))
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
def test_an_issuer_without_a_secret_has_only_asymmetric_algorithms(algorithm: str) -> None:
    with pytest.raises(ValueError, match="not an asymmetric algorithm"):
        Issuer(ISSUER, ("a",), algorithms=("RS256", algorithm))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"algorithms": ("RS256",)}, "its one algorithm is HS256"),
        ({"algorithms": ("HS256", "RS256")}, "its one algorithm is HS256"),
        ({"algorithms": ("HS512",)}, "its one algorithm is HS256"),
        ({"jwks_url": "https://issuer.example/keys"}, "it has no public keys"),
        ({"metadata_url": "https://issuer.example/metadata"}, "it has no public keys"),
        ({"secrets": (("one", bytes(32)), ("two", bytes(31)))}, "a secret has 32 bytes or more"),
        ({"secrets": (("", bytes(32)),)}, "and a key id"),
    ],
)
def test_an_issuer_with_a_secret_has_nothing_else(fields: dict[str, Any], message: str) -> None:
    good: dict[str, Any] = {"algorithms": ("HS256",), "secrets": (("one", bytes(32)),)}
    Issuer(ISSUER, ("a",), **good)
    with pytest.raises(ValueError, match=message):
        Issuer(ISSUER, ("a",), **(good | fields))


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
