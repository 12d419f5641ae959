"""Tokens of Entra ID that are refused: for others, of others, of another kind or version."""

from collections.abc import Callable

from tests.security.entra import APP_ID_URI, CALLER, GRAPH, HOME, OTHER, PARTNER, Entra, issuer_name


def nonced(entra: Entra) -> str:
    """A token for Graph: its signature is over another header than the one it is sent with."""
    header, rest = entra.sign(entra.claims(aud=GRAPH), nonce="hashed").split(".", 1)
    del header
    return f"{entra.sign(entra.claims(), nonce='sent').split('.')[0]}.{rest}"


AUDIENCE = "the token is for another audience"
NO_SCOPE = "the token is neither a user's, with scp, nor an application's own"
NO_TENANT = "the token has no tid"
NO_GUID = "the token's tid is not a GUID"
TENANT = "the token's tid is not the tenant of its issuer"
CLIENT = "the token does not name the application that got it"
SCOPE = "the token's scp is not that of a user's token"

ENTRA: dict[str, tuple[Callable[[Entra], str], str]] = {
    "for Graph": (lambda e: e.token(aud=GRAPH), AUDIENCE),
    "for Graph by its address": (lambda e: e.token(aud="https://graph.microsoft.com"), AUDIENCE),
    "for Graph with its nonce": (nonced, "the signature does not verify"),
    "for the caller itself": (lambda e: e.token(aud=CALLER), AUDIENCE),
    "App ID URI with a slash": (lambda e: e.token(aud=APP_ID_URI + "/"), AUDIENCE),
    "without tid": (
        lambda e: e.sign({k: v for k, v in e.claims().items() if k != "tid"}),
        NO_TENANT,
    ),
    "tid of another tenant": (lambda e: e.sign(e.claims() | {"tid": PARTNER}), TENANT),
    "tid of a stranger": (lambda e: e.sign(e.claims() | {"tid": OTHER}), TENANT),
    "tid the template": (
        lambda e: e.sign(e.claims() | {"tid": "{tenantid}"}),
        NO_GUID,
    ),
    "tid a domain": (lambda e: e.sign(e.claims() | {"tid": "home.example"}), NO_GUID),
    "tid a list": (lambda e: e.sign(e.claims() | {"tid": [HOME]}), NO_GUID),
    "without oid": (lambda e: e.token(oid=None), "the token has no oid"),
    "oid a name": (lambda e: e.token(oid="ada@home.example"), "the token's oid is not a GUID"),
    "without client": (lambda e: e.token(azp=None, appid=None), CLIENT),
    "client of the other version": (
        lambda e: e.token(**({"azp": None, "appid": CALLER} if e.version == "v2" else {"appid": None})),
        CLIENT,
    ),
    "an ID token": (lambda e: e.token(scp=None, azp=None, appid=None, nonce="n"), CLIENT),
    "a user's without scp": (lambda e: e.token(scp=None), NO_SCOPE),
    "a user's with roles alone": (lambda e: e.token(scp=None, roles=["Admin"]), NO_SCOPE),
    "a user's that says so": (lambda e: e.token(scp=None, idtyp="user"), NO_SCOPE),
    "a device's": (lambda e: e.sign(e.app_claims(idtyp="device")), NO_SCOPE),
    "both kinds": (lambda e: e.token(idtyp="app"), SCOPE),
    "scp empty": (lambda e: e.token(scp=" "), SCOPE),
    "scp a list": (lambda e: e.token(scp=["access_as_user"]), SCOPE),
    "ver missing": (lambda e: e.token(ver=None), "the token's ver is not"),
    "ver of the other version": (
        lambda e: e.token(ver="1.0" if e.version == "v2" else "2.0"),
        "the token's ver is not",
    ),
    "the other version": (
        lambda e: e.token(iss=issuer_name("v1" if e.version == "v2" else "v2", HOME)),
        "the issuer is not a trusted one",
    ),
    "a tenant that is not listed": (
        lambda e: e.token(tid=OTHER),
        f"the tenant {OTHER} is not on the list of those whose tokens are taken",
    ),
    "the template": (
        lambda e: e.token(iss=issuer_name(e.version, "{tenantid}")),
        "the issuer's tenant is not a GUID",
    ),
    "the shared name": (
        lambda e: e.token(iss=issuer_name(e.version, "common")),
        "the issuer's tenant is not a GUID",
    ),
    "another tenant's path": (
        lambda e: e.token(iss=issuer_name(e.version, f"{HOME}/../{OTHER}")),
        "the issuer's tenant is not a GUID",
    ),
    "the tenant in capitals": (
        lambda e: e.token(iss=issuer_name(e.version, HOME.upper())),
        "the issuer's tenant is not a GUID",
    ),
    "no tenant": (lambda e: e.token(iss=issuer_name(e.version, "")), "the issuer"),
    "a look-alike": (
        lambda e: e.token(iss=f"https://login.microsoftonline.com.evil.example/{HOME}/v2.0"),
        "the issuer is not a trusted one",
    ),
}
