"""Signing in at Entra ID: MSAL's own branch for it, under Microsoft's names; only Microsoft is missing."""

import threading
import urllib.request
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from quantum.client.errors import SignInError
from quantum.client.sign_in import Browser, ClientCredentials, DeviceCode, Issuer, SignedIn
from tests.client.entra import SECRET, TENANT, Entra

CLIENT = "5c1d9b7a-0000-4000-8000-0000000000c1"


@pytest.fixture
def entra(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Entra]:
    made = Entra(tmp_path, getattr(request, "param", "login.microsoftonline.com"))
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, made.proxy)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1,localhost")
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.certificate))
    yield made
    made.stop()


def issuer(entra: Entra, tenant: str = TENANT) -> Issuer:
    return Issuer(f"https://{entra.host}/{tenant}", client_id=CLIENT)


@pytest.mark.parametrize(
    ("entra", "tenant"),
    [
        ("login.microsoftonline.com", TENANT),
        ("login.microsoftonline.com", "organizations"),
        ("login.microsoftonline.com", f"{TENANT}/v2.0"),
        ("login.microsoftonline.us", f"{TENANT}/"),
        ("login.partner.microsoftonline.cn", TENANT),
    ],
    indirect=["entra"],
)
async def test_a_person_signs_in_by_a_code_and_is_known_from_then_on(
    entra: Entra, tmp_path: Path, tenant: str
) -> None:
    told: list[str] = []
    cache = tmp_path / "tokens.json"
    code = DeviceCode(issuer(entra, tenant), show=lambda *said: told.extend(said), cache=cache)
    first = await code.token()
    assert told == ["https://microsoft.com/devicelogin", "AB12-CD34"]
    (asked,) = entra.forms("/devicecode")
    assert asked["client_id"] == CLIENT
    assert set(asked["scope"].split()) == {"api://quantum/.default", "openid", "profile", "offline_access"}
    authority = tenant.strip("/").removesuffix("/v2.0")
    assert {path for path, _ in entra.asked if path.endswith("/token")} == {f"/{authority}/oauth2/v2.0/token"}

    again = SignedIn(issuer(entra, tenant), cache=cache)
    assert again.accounts() == ["ada@contoso.example"]
    assert await again.token() == first, "it is in the cache"
    renewed = await again.token(refused=first)
    assert renewed != first
    assert entra.forms("/token")[-1]["grant_type"] == "refresh_token"
    assert again.sign_out() == 1
    with pytest.raises(SignInError, match="nobody is signed in"):
        await SignedIn(issuer(entra, tenant), cache=cache).token()


async def test_a_browser_signs_a_person_in_with_pkce(
    entra: Entra, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []

    class Person(webbrowser.BaseBrowser):
        def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
            asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
            assert urlsplit(url).path == f"/{TENANT}/oauth2/v2.0/authorize"
            assert asked["code_challenge_method"] == "S256"
            entra.challenges |= {"C": asked["code_challenge"], "nonce of C": asked["nonce"]}
            answer = urlencode({"code": "C", "state": asked["state"]})
            back = asked["redirect_uri"]
            reach = self.post if asked.get("response_mode") == "form_post" else self.get
            threads.append(threading.Thread(target=reach, args=(back, answer)))
            threads[-1].start()
            return True

        def get(self, back: str, answer: str) -> None:
            urllib.request.urlopen(f"{back}?{answer}").close()

        def post(self, back: str, answer: str) -> None:
            urllib.request.urlopen(back, data=answer.encode()).close()

    monkeypatch.setattr(webbrowser, "_tryorder", [])
    webbrowser.register("ada", None, Person("ada"), preferred=True)
    assert (await Browser(issuer(entra), cache=tmp_path / "tokens.json").token()).startswith("token-")
    for thread in threads:
        thread.join()


async def test_a_service_signs_in_with_its_secret_and_a_wrong_one_is_told(
    entra: Entra, tmp_path: Path
) -> None:
    tokens = ClientCredentials(issuer(entra), SECRET, cache=tmp_path / "tokens.json")
    first = await tokens.token()
    assert await tokens.token() == first
    assert await tokens.token(refused=first) != first
    assert {form["scope"] for form in entra.forms("/token")} == {"api://quantum/.default"}
    with pytest.raises(SignInError, match="AADSTS7000215"):
        await ClientCredentials(issuer(entra), "wrong", cache=tmp_path / "other.json").token()


async def test_an_authority_without_a_tenant_is_told(entra: Entra, tmp_path: Path) -> None:
    nobody = Issuer(f"https://{entra.host}", client_id=CLIENT)
    with pytest.raises(SignInError, match="signs nobody in"):
        await ClientCredentials(nobody, SECRET, cache=tmp_path / "tokens.json").token()
