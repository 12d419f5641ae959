"""The issuer's keys and names: made once, rotated, the same after a restart on another port."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from localhost.identity.issuer import (
    ADDRESSES_KEPT,
    LOCAL_ISSUER,
    NotLocalError,
    issuer_url,
    local_issuer,
    sign_in_code,
)
from localhost.identity.keystore import MAX_LIFETIME, KeyStore
from localhost.identity.minting import mint
from localhost.identity.routes import identity_routes
from shared.adapters.jwt.keys import MAX_AGE, JwksSource
from shared.adapters.jwt.verifier import JwtTokens
from shared.domain.errors import UnauthenticatedError
from tests.security.forge import FrozenClock

BASE = "http://127.0.0.1:7071"


def _token(keys: KeyStore, clock: FrozenClock, issuer: str = LOCAL_ISSUER) -> str:
    return mint(keys, issuer=issuer, subject="ada", now=clock.unix(), lifetime=MAX_LIFETIME)


def _tokens(data: Path, clock: FrozenClock, base_url: str = BASE) -> JwtTokens:
    return JwtTokens([local_issuer(data, base_url)], keys=JwksSource(), clock=clock)


def test_many_who_come_first_make_one_set_of_secrets(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        kids = {keys.jwks()["keys"][0]["kid"] for keys in pool.map(KeyStore, [tmp_path] * 4)}
        codes = set(pool.map(sign_in_code, [tmp_path] * 4))
    assert (len(kids), len(codes)) == (1, 1)


def test_secrets_are_the_owners_alone(tmp_path: Path) -> None:
    KeyStore(tmp_path)
    sign_in_code(tmp_path)
    folder = tmp_path / "identity"
    modes = {name: stat.S_IMODE((folder / name).stat().st_mode) for name in ("keys.json", "sign-in-code")}
    assert modes == {"keys.json": 0o600, "sign-in-code": 0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert "PRIVATE" not in (folder / "jwks.json").read_text()


async def test_tokens_go_on_verifying_through_a_rotation(tmp_path: Path) -> None:
    clock = FrozenClock()
    keys, tokens = KeyStore(tmp_path, now=clock.unix), _tokens(tmp_path, clock)
    old = _token(keys, clock)
    await tokens.verify(old)
    clock.advance(MAX_AGE)
    KeyStore(tmp_path, now=clock.unix).rotate()  # as another process does it
    new = _token(keys, clock)
    await tokens.verify(new)
    await tokens.verify(old)
    assert new.split(".")[0] != old.split(".")[0]


async def test_a_withdrawn_key_takes_its_tokens_with_it(tmp_path: Path) -> None:
    clock = FrozenClock()
    keys, tokens = KeyStore(tmp_path, now=clock.unix), _tokens(tmp_path, clock)
    token = _token(keys, clock)
    await tokens.verify(token)
    keys.rotate(withdraw=True)
    clock.advance(MAX_AGE)
    with pytest.raises(UnauthenticatedError):
        await tokens.verify(token)
    await tokens.verify(_token(keys, clock))


def test_an_old_key_is_published_until_its_last_token_has_expired(tmp_path: Path) -> None:
    clock = FrozenClock()
    keys = KeyStore(tmp_path, now=clock.unix)
    keys.rotate()
    clock.advance(MAX_LIFETIME - 1)
    keys.rotate()
    assert len(keys.jwks()["keys"]) == 3
    clock.advance(1)
    keys.rotate()
    assert len(keys.jwks()["keys"]) == 3, "the first of the four is gone"


async def test_tokens_outlive_a_restart_on_another_port(tmp_path: Path) -> None:
    clock = FrozenClock()
    keys = KeyStore(tmp_path)
    _tokens(tmp_path, clock)
    of_the_folder = _token(keys, clock)
    of_a_sign_in = _token(keys, clock, issuer_url(BASE))
    tokens = _tokens(tmp_path, clock, "http://127.0.0.1:8080")
    for token in (of_the_folder, of_a_sign_in):
        assert (await tokens.verify(token)).issuer == LOCAL_ISSUER


def test_the_addresses_that_are_remembered_are_bounded(tmp_path: Path) -> None:
    for port in range(ADDRESSES_KEPT + 5):
        issuer = local_issuer(tmp_path, f"http://127.0.0.1:{7000 + port}")
    assert len(issuer.also) == ADDRESSES_KEPT
    assert issuer.also[0] == f"http://127.0.0.1:{7000 + ADDRESSES_KEPT + 4}/identity"


async def test_another_data_folders_tokens_are_refused(tmp_path: Path) -> None:
    clock = FrozenClock()
    with pytest.raises(UnauthenticatedError):
        await _tokens(tmp_path / "ours", clock).verify(_token(KeyStore(tmp_path / "theirs"), clock))


@pytest.mark.parametrize(
    "base_url", ["http://0.0.0.0:7071", "https://quantum.example", "http://10.0.0.7", "x"]
)
def test_it_refuses_to_be_the_issuer_of_a_host_that_is_not_local(tmp_path: Path, base_url: str) -> None:
    with pytest.raises(NotLocalError, match="refuses to sign anybody in"):
        identity_routes(tmp_path, base_url)
    with pytest.raises(NotLocalError):
        local_issuer(tmp_path, base_url)
    assert identity_routes(tmp_path, base_url, allow_remote=True)


@pytest.mark.parametrize("base_url", ["http://localhost:1", "https://[::1]:2", "http://127.3.2.1/"])
def test_every_name_of_loopback_is_local(tmp_path: Path, base_url: str) -> None:
    assert identity_routes(tmp_path, base_url)
