"""The setting that names the trusted issuers, and tokens of the OpenID Connect issuers that it names."""

import json
from typing import Any

import httpx
import pytest

from shared.adapters.jwt.configured import token_issuers
from shared.adapters.jwt.issuers import ASYMMETRIC
from shared.adapters.jwt.keys import JwksSource
from shared.adapters.jwt.verifier import JwtTokens
from shared.domain.errors import UnauthenticatedError
from shared.settings_values import SettingsError
from tests.security.entra import APP_ID_URI, CLIENT_ID, HOME, LOGIN, PARTNER
from tests.security.forge import AUDIENCE, ISSUER, Forge

KEYS = "https://keys.example/jwks?p=1"
ENTRA = {"kind": "entra", "client_id": CLIENT_ID, "tenants": [HOME]}
OIDC = {"kind": "oidc", "url": ISSUER, "audiences": [AUDIENCE]}


def mistakes(*entries: Any) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        token_issuers(json.dumps(entries))
    return str(refused.value).replace("QUANTUM_TOKEN_ISSUERS", "").splitlines()


@pytest.mark.parametrize("text", ["", "  \n", "[]"])
def test_no_setting_names_no_issuer(text: str) -> None:
    assert token_issuers(text) == ()


def test_each_tenant_and_version_is_an_issuer_with_its_own_metadata() -> None:
    entry = ENTRA | {"tenants": [HOME, PARTNER.upper(), HOME], "versions": ["v1", "v2"]}
    issuers = token_issuers(json.dumps([entry | {"audiences": [APP_ID_URI]}]))
    assert [(one.discovery_url.removeprefix(LOGIN), one.audiences) for one in issuers] == [
        (f"/{HOME}/.well-known/openid-configuration", (CLIENT_ID, APP_ID_URI)),
        (f"/{PARTNER}/.well-known/openid-configuration", (CLIENT_ID, APP_ID_URI)),
        (f"/{HOME}/v2.0/.well-known/openid-configuration", (CLIENT_ID,)),
        (f"/{PARTNER}/v2.0/.well-known/openid-configuration", (CLIENT_ID,)),
    ]


@pytest.mark.parametrize(
    ("cloud", "names"),
    [
        ("public", (f"https://sts.windows.net/{HOME}/", f"https://login.microsoftonline.com/{HOME}/v2.0")),
        ("usgov", (f"https://sts.windows.net/{HOME}/", f"https://login.microsoftonline.us/{HOME}/v2.0")),
        (
            "china",
            (
                f"https://sts.chinacloudapi.cn/{HOME}/",
                f"https://login.partner.microsoftonline.cn/{HOME}/v2.0",
            ),
        ),
    ],
)
def test_a_national_cloud_has_issuers_of_its_own(cloud: str, names: tuple[str, ...]) -> None:
    issuers = token_issuers(json.dumps([ENTRA | {"cloud": cloud, "versions": ["v1", "v2"]}]))
    assert tuple(name for one in issuers for name in one.names) == names


def test_every_mistake_is_told_at_once_with_its_place() -> None:
    assert mistakes(
        {"kind": "entra", "tenants": "any", "client_id": "nope", "audiences": [APP_ID_URI]},
        ENTRA | {"tenants": ["home.example", 7], "versions": ["v3"], "cloud": "moon", "secret": "x"},
        ENTRA | {"tenants": [], "versions": []},
        ENTRA | {"allow": [HOME]},
        {"kind": "oidc", "url": "http://issuer.example", "audiences": [], "algorithms": ["none", "RS256"]},
        OIDC | {"url": "https://[::1", "algorithms": [], "jwks_url": "file:///etc/keys"},
        OIDC | {"url": f"{ISSUER}?tenant=x"},
        {"kind": "saml"},
        "entra",
    ) == [
        "[0].client_id: 'nope' is not a GUID",
        '[0].allow: tenants is "any", so the ids of those whose tokens are taken must be here',
        "[0].audiences: the audience of a v2 token is the client_id; only v1 tokens name App ID URIs",
        "[1].tenants[0]: 'home.example' is not a GUID",
        "[1].tenants[1]: input should be a valid string",
        "[1].versions[0]: input should be 'v1' or 'v2'",
        "[1].cloud: input should be 'public', 'usgov' or 'china'",
        "[1].secret: there is no such key",
        '[2].tenants: it is a list of tenant ids, or "any" with such a list under allow',
        "[2].versions: at least one is needed",
        "[3].allow: tenants lists the ids already; leave it out",
        "[4].url: 'http://issuer.example' must be an https URL (http only on loopback)",
        "[4].audiences: at least one is needed",
        f"[4].algorithms[0]: 'none' is not one of {', '.join(sorted(ASYMMETRIC))}",
        "[5].url: 'https://[::1' is not a URL",
        "[5].algorithms: at least one is needed",
        "[5].jwks_url: 'file:///etc/keys' must be an https URL (http only on loopback)",
        f"[6].url: '{ISSUER}?tenant=x' must have no query",
        (
            "[7]: input tag 'saml' found using 'kind' does not match any of the expected tags: 'entra', "
            "'oidc', 'shared-secret'"
        ),
        "[8]: input should be an object",
    ]


def test_what_is_not_json_is_told() -> None:
    with pytest.raises(SettingsError, match="QUANTUM_TOKEN_ISSUERS: invalid JSON"):
        token_issuers("[{")


def test_an_issuer_cannot_be_named_twice() -> None:
    assert mistakes(OIDC, OIDC | {"audiences": ["x"]}) == [f": two issuers are called {ISSUER}"]
    assert "two issuers are called" in mistakes(ENTRA, ENTRA | {"client_id": PARTNER})[0]


@pytest.mark.parametrize("url", ["http://127.0.0.1:7071/identity", "http://localhost/x", "http://[::1]:80/x"])
def test_plain_http_will_do_on_loopback(url: str) -> None:
    (issuer,) = token_issuers(json.dumps([OIDC | {"url": url}]))
    assert issuer.url == url


def served(forge: Forge, **changes: Any) -> JwtTokens:
    """A verifier that trusts the forge as the OpenID Connect issuer of a setting."""
    discovery = {"issuer": ISSUER, "jwks_uri": KEYS}

    def answer(request: httpx.Request) -> httpx.Response:
        if str(request.url) == f"{ISSUER}/.well-known/openid-configuration" and "jwks_url" not in changes:
            return httpx.Response(200, json=discovery)
        known = str(request.url) == KEYS
        return httpx.Response(200, json={"keys": forge.keys.entries}) if known else httpx.Response(404)

    source = JwksSource(client=lambda: httpx.AsyncClient(transport=httpx.MockTransport(answer)))
    setting = json.dumps([OIDC | {"algorithms": [forge.alg]} | changes])
    return JwtTokens(token_issuers(setting), keys=source, clock=forge.clock)


@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "EdDSA"])
async def test_an_issuer_signs_with_the_algorithms_of_its_setting(alg: str) -> None:
    forge = Forge(alg)
    identity = await served(forge).verify(forge.token(azp="cli"))
    assert (identity.issuer, identity.subject) == (ISSUER, "ada")
    assert (identity.kind, identity.client) == (None, "cli"), "such an issuer does not tell kinds apart"
    with pytest.raises(UnauthenticatedError) as refused:
        await served(forge, algorithms=["RS512"]).verify(forge.token())
    assert refused.value.reason == "the algorithm is not one this issuer signs with"


async def test_keys_may_be_where_the_setting_says_instead_of_where_discovery_does() -> None:
    forge = Forge()
    assert (await served(forge, jwks_url=KEYS).verify(forge.token(idtyp="app"))).kind == "service"


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"aud": "api://other"}, "the token is for another audience"),
        ({"iss": "https://issuer.example"}, "the issuer is not a trusted one"),
        ({"sub": None}, "the token has no sub"),
    ],
)
async def test_a_token_that_is_not_for_us_is_refused_with_its_reason(
    claims: dict[str, Any], reason: str
) -> None:
    forge = Forge()
    with pytest.raises(UnauthenticatedError) as refused:
        await served(forge).verify(forge.token(**claims))
    assert (refused.value.reason, refused.value.message) == (reason, UnauthenticatedError.title)


SHARED = {"kind": "shared-secret", "url": ISSUER, "audiences": [AUDIENCE], "secrets": {"one": "a0" * 32}}


def test_an_issuer_that_shares_a_secret_signs_with_it_and_nothing_else() -> None:
    (issuer,) = token_issuers(json.dumps([SHARED]))
    assert (issuer.algorithms, issuer.secrets) == (("HS256",), (("one", b"\xa0" * 32),))
    assert "\\xa0" not in repr(issuer)


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        (SHARED | {"secrets": {"one": "a0" * 31}}, "the secret of 'one' must be 32 random bytes or more"),
        (SHARED | {"secrets": {"one": "not digits a0a0a0a0"}}, "the secret of 'one' must be 32 random bytes"),
        (SHARED | {"secrets": {"one": 7}}, "the secret of 'one' must be 32 random bytes or more"),
        (SHARED | {"secrets": {}}, "it is an object of secrets under their key ids"),
        (SHARED | {"secrets": {"": "a0" * 32}}, "it is an object of secrets under their key ids"),
        (SHARED | {"secrets": "a0" * 32}, "it is an object of secrets under their key ids"),
        (SHARED | {"algorithms": ["HS256"]}, "there is no such key"),
        (SHARED | {"jwks_url": KEYS}, "there is no such key"),
        (OIDC | {"secrets": {"one": "a0" * 32}}, "there is no such key"),
        (OIDC | {"algorithms": ["HS256"]}, "'HS256' is not one of ES256"),
        (OIDC | {"algorithms": ["RS256", "HS256"]}, "'HS256' is not one of ES256"),
    ],
)
def test_a_secret_is_long_and_alone_and_never_shown(entry: dict[str, Any], line: str) -> None:
    (told,) = mistakes(entry)
    assert line in told
    assert "a0a0" not in told
