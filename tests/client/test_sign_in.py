"""Signing in with MSAL at a real local host, as people and services do."""

import re
import stat
import threading
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from examples import hosting
from localhost.identity.issuer import sign_in_code
from localhost.identity.store import IdentityStore
from quantum.client import Client
from quantum.client.errors import SignInError, UnreachableError
from quantum.client.sign_in import Browser, ClientCredentials, DeviceCode, Issuer, SignedIn, default_cache


@pytest.fixture
def issuer(host: hosting.Host, token: str) -> Issuer:
    assert token, "so ada is a member"
    return Issuer.local(host.url)


class Person(webbrowser.BaseBrowser):
    """Ada, with a browser: fills in what the page that she is sent to asks for."""

    def __init__(self, host: hosting.Host) -> None:
        super().__init__("ada")
        self.host = host
        self.threads: list[threading.Thread] = []

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
        self.threads.append(threading.Thread(target=self.sign_in, args=(url,)))
        self.threads[-1].start()
        return True

    def sign_in(self, url: str) -> None:
        known = {"user": "ada", "code": sign_in_code(self.host.data)}
        with httpx.Client(timeout=30) as http:
            page = http.get(url).text
            fields = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page))
            sent = http.post(url.partition("?")[0], data=fields | known)
            if sent.is_redirect:
                http.get(sent.headers["location"])
            elif forwarded := re.search(r'action="(http://localhost[^"]*)"', sent.text):
                values = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', sent.text))
                http.post(forwarded[1], data=values)

    def type_code(self, url: str, code: str) -> None:
        known = {"user": "ada", "code": sign_in_code(self.host.data)}
        assert httpx.post(url, data=known | {"user_code": code}).status_code == 200


@pytest.fixture
def person(host: hosting.Host, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    made = Person(host)
    monkeypatch.setattr(webbrowser, "_tryorder", [])
    webbrowser.register("ada", None, made, preferred=True)
    yield made
    for thread in made.threads:
        thread.join(timeout=30)


async def test_a_device_code_signs_a_person_in_and_the_next_program_needs_none(
    issuer: Issuer, person: Person, host: hosting.Host, tmp_path: Path
) -> None:
    cache = tmp_path / "new" / "tokens.json"
    async with Client(host.url, token=DeviceCode(issuer, show=person.type_code, cache=cache)) as client:
        assert (await client.members.me()).principal == "ada@acme"
    assert stat.S_IMODE(cache.stat().st_mode) == 0o600
    assert stat.S_IMODE(cache.parent.stat().st_mode) == 0o700

    again = SignedIn(issuer, cache=cache)
    assert again.accounts() == ["ada"]
    async with Client(host.url, token=again) as client:
        assert (await client.members.me()).principal == "ada@acme"
    first = await again.token()
    assert await again.token(refused=first) != first, "a token that was refused is not given again"
    assert again.sign_out() == 1
    with pytest.raises(SignInError, match="sign in again"):
        await SignedIn(issuer, cache=cache).token()


async def test_who_has_signed_in_is_forgotten_although_the_issuer_is_away(
    issuer: Issuer, person: Person, host: hosting.Host, tmp_path: Path
) -> None:
    cache = tmp_path / "tokens.json"
    await DeviceCode(issuer, show=person.type_code, cache=cache).token()
    away = SignedIn(Issuer.local("http://127.0.0.1:9"), cache=cache)
    with pytest.raises(UnreachableError):
        away.accounts()
    assert away.sign_out() == 1, "MSAL tells issuers apart by their hosts"
    assert "secret" not in cache.read_text()
    assert SignedIn(issuer, cache=cache).accounts() == []


async def test_the_browser_signs_a_person_in(
    issuer: Issuer, person: Person, host: hosting.Host, tmp_path: Path
) -> None:
    async with Client(host.url, token=Browser(issuer, cache=tmp_path / "tokens.json")) as client:
        assert (await client.members.me()).principal == "ada@acme"
    assert len(person.threads) == 1


async def test_a_service_signs_in_with_its_secret(host: hosting.Host, tmp_path: Path) -> None:
    secret = IdentityStore(host.data).put_client("robot")
    issuer = Issuer(f"{host.url}/identity", client_id="robot")
    tokens = ClientCredentials(issuer, secret, cache=tmp_path / "tokens.json")
    first = await tokens.token()
    assert await tokens.token() == first
    assert await tokens.token(refused=first) != first
    with pytest.raises(SignInError, match="gives no token"):
        await ClientCredentials(issuer, "wrong", cache=tmp_path / "other.json").token()


async def test_an_issuer_that_is_not_there_is_named(tmp_path: Path) -> None:
    nowhere = Issuer.local("http://127.0.0.1:9")
    with pytest.raises(UnreachableError, match=r"http://127\.0\.0\.1:9/identity does not answer"):
        await ClientCredentials(nowhere, "secret", cache=tmp_path / "tokens.json").token()


def test_tokens_are_kept_in_the_users_own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "quantum" / "tokens.json"
    assert default_cache(Issuer("https://login.microsoftonline.com/t")) == default_cache()
    caches = {default_cache(Issuer.local(f"http://127.0.0.1:{port}")) for port in (7071, 7072)}
    assert len(caches | {default_cache()}) == 3, "who signs in at one is not taken for somebody at another"
    assert urlsplit(Issuer.local("http://127.0.0.1:7071/").authority).path == "/identity"
