"""What the tokens port promises, of every kind of issuer."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from localhost.identity.issuer import AUDIENCE, LOCAL_ISSUER, local_issuer
from localhost.identity.keystore import KeyStore
from localhost.identity.minting import mint
from shared.adapters.jwt.keys import JwksSource
from shared.adapters.jwt.verifier import JwtTokens
from shared.domain.errors import UnauthenticatedError, UnavailableError
from shared.ports.tokens import Tokens
from tests.security.forge import ISSUER, Forge, FrozenClock


@dataclass
class Subject:
    """An implementation, and how to make tokens for it: ``make(issuer, subject, lifetime)``."""

    tokens: Tokens
    issuer: str
    make: Callable[[str, str, int], str]
    clock: FrozenClock
    lose_keys: Callable[[], Tokens]


def _forged(alg: str) -> Subject:
    forge = Forge(alg)

    def make(issuer: str, subject: str, lifetime: int) -> str:
        return forge.token(iss=issuer, sub=subject, exp=forge.clock.unix() + lifetime)

    def lose_keys() -> Tokens:
        forge.keys.down = True
        return JwtTokens([forge.issuer], keys=forge.keys, clock=forge.clock)

    return Subject(forge.tokens, ISSUER, make, forge.clock, lose_keys)


def _local(data: Path) -> Subject:
    clock = FrozenClock()
    keys, issuer = KeyStore(data), local_issuer(data, "http://127.0.0.1:7071")

    def make(iss: str, subject: str, lifetime: int) -> str:
        return mint(keys, issuer=iss, subject=subject, now=clock.unix(), lifetime=lifetime, extra="x")

    def lose_keys() -> Tokens:
        keys.jwks_path.unlink()
        return JwtTokens([issuer], keys=JwksSource(), clock=clock)

    return Subject(JwtTokens([issuer], keys=JwksSource(), clock=clock), LOCAL_ISSUER, make, clock, lose_keys)


@pytest.fixture(params=["local", "RS256", "PS256", "ES256", "EdDSA"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    return _local(tmp_path) if request.param == "local" else _forged(request.param)


async def test_a_good_token_says_who_it_speaks_for(subject: Subject) -> None:
    token = subject.make(subject.issuer, "ada", 600)
    for _ in range(2):
        identity = await subject.tokens.verify(token)
        assert (identity.issuer, identity.subject) == (subject.issuer, "ada")
        assert identity.claims["aud"] == AUDIENCE


async def test_it_says_of_which_issuers_identities_may_be(subject: Subject) -> None:
    identity = await subject.tokens.verify(subject.make(subject.issuer, "ada", 600))
    assert set(subject.tokens.issuers) == {identity.issuer}


async def test_each_subject_is_its_own(subject: Subject) -> None:
    ada = await subject.tokens.verify(subject.make(subject.issuer, "ada", 600))
    bob = await subject.tokens.verify(subject.make(subject.issuer, "bob", 600))
    assert (ada.subject, bob.subject) == ("ada", "bob")


async def test_a_token_ends_with_its_time(subject: Subject) -> None:
    token = subject.make(subject.issuer, "ada", 600)
    await subject.tokens.verify(token)
    subject.clock.advance(700)
    with pytest.raises(UnauthenticatedError) as refused:
        await subject.tokens.verify(token)
    assert refused.value.reason


@pytest.mark.parametrize("issuer", ["https://evil.example", "urn:quantum:other"])
async def test_a_token_of_an_issuer_that_is_not_trusted_is_refused(subject: Subject, issuer: str) -> None:
    with pytest.raises(UnauthenticatedError):
        await subject.tokens.verify(subject.make(issuer, "ada", 600))


async def test_a_token_that_was_altered_is_refused(subject: Subject) -> None:
    token = subject.make(subject.issuer, "ada", 600)
    header, payload, signature = token.split(".")
    other = subject.make(subject.issuer, "root", 600).split(".")[1]
    for altered in (f"{header}.{other}.{signature}", f"{header}.{payload}.{signature[:-4]}", ""):
        with pytest.raises(UnauthenticatedError):
            await subject.tokens.verify(altered)


async def test_without_the_issuers_keys_nothing_is_said_about_a_token(subject: Subject) -> None:
    token = subject.make(subject.issuer, "ada", 600)
    with pytest.raises(UnavailableError):
        await subject.lose_keys().verify(token)


async def test_it_is_ready_while_the_issuers_keys_can_be_had(subject: Subject) -> None:
    await subject.tokens.ready()
    with pytest.raises(UnavailableError) as refused:
        await subject.lose_keys().ready()
    assert subject.issuer in refused.value.message


async def test_it_stays_ready_on_the_keys_that_it_has(subject: Subject) -> None:
    token = subject.make(subject.issuer, "ada", 6000)
    await subject.tokens.verify(token)
    subject.lose_keys()
    subject.clock.advance(1000)
    await subject.tokens.ready()
    await subject.tokens.verify(token)
