"""Entra ID: where its tenants' keys are, and whom its access tokens speak for.

The facts are those of Microsoft's documents "Access tokens in the Microsoft identity platform" (validating
tokens, issuers and signing keys) and "Access token claims reference".
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from shared.adapters.jwt.issuers import TENANT, EntraTokens, Issuer
from shared.domain.errors import UnauthenticatedError
from shared.ports.tokens import Identity
from shared.security.principals import PrincipalKind

GUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

type Version = Literal["v1", "v2"]


@dataclass(frozen=True, slots=True)
class Cloud:
    """A cloud's sign-in service, and what its v1 tokens are issued by."""

    authority: str
    v1_issuer: str


CLOUDS: Final = {
    "public": Cloud("https://login.microsoftonline.com", "https://sts.windows.net"),
    "usgov": Cloud("https://login.microsoftonline.us", "https://sts.windows.net"),
    "china": Cloud("https://login.partner.microsoftonline.cn", "https://sts.chinacloudapi.cn"),
}


def entra_issuer(
    cloud: Cloud, version: Version, *, tenants: Sequence[str], metadata: str, audiences: Sequence[str]
) -> Issuer:
    """Entra ID as the issuer of one version of tokens, for one registration.

    Args:
        cloud: one of :data:`CLOUDS`.
        version: of the access tokens; each version has metadata of its own.
        tenants: the ids of the tenants whose tokens are taken.
        metadata: whose metadata: that of the one tenant, ``organizations`` or ``common``.
        audiences: what ``aud`` may be.
    """
    v2 = f"{cloud.authority}/{TENANT}/v2.0"
    template = v2 if version == "v2" else f"{cloud.v1_issuer}/{TENANT}/"
    path = "/v2.0" if version == "v2" else ""
    return Issuer(
        # The metadata of one tenant name it; the shared ones have the template.
        url=template.replace(TENANT, metadata) if GUID.fullmatch(metadata) else template,
        audiences=tuple(audiences),
        metadata_url=f"{cloud.authority}/{metadata}{path}/.well-known/openid-configuration",
        entra=EntraTokens(
            version="2.0" if version == "v2" else "1.0",
            template=template,
            identities=v2,
            tenants=tuple(tenants),
        ),
    )


def stranger(name: Any, issuers: Sequence[Issuer]) -> str:
    """Why no token of the issuer ``name`` is taken, for the log."""
    for entra in (issuer.entra for issuer in issuers if issuer.entra is not None):
        head, _, tail = entra.template.partition(TENANT)
        if isinstance(name, str) and name.startswith(head) and name.endswith(tail):
            tenant = name[len(head) : len(name) - len(tail)]
            if not GUID.fullmatch(tenant):
                return "the issuer's tenant is not a GUID"
            return f"the tenant {tenant} is not on the list of those whose tokens are taken"
    return "the issuer is not a trusted one"


def may_sign(bound: str, name: str, entra: EntraTokens | None) -> bool:
    """Whether a key whose entry in the key set names the issuer ``bound`` may sign for ``name``.

    Keys of the shared metadata carry such a name: the template, or one tenant's (that of personal accounts).
    It is a v2 name whatever the version of the token.
    """
    if entra is None:
        return bound == name
    tenant = next(tenant for tenant in entra.tenants if entra.name(tenant) == name)
    return bound.replace(TENANT, tenant) in {name, entra.identity_issuer(tenant)}


def entra_identity(entra: EntraTokens, claims: Mapping[str, Any]) -> Identity:
    """Whom a token speaks for, its signature, issuer, audience and times being good: (tid, oid).

    Never ``email``, ``upn`` or ``preferred_username``: those change hands.

    Raises:
        UnauthenticatedError: it is not an access token of this version, or does not say whose it is.
    """
    if claims.get("ver") != entra.version:
        raise UnauthenticatedError(f"the token's ver is not {entra.version}")
    tenant = _guid(claims, "tid")
    if entra.name(tenant) != claims["iss"]:
        raise UnauthenticatedError("the token's tid is not the tenant of its issuer")
    subject = _guid(claims, "oid")
    client = claims.get("appid" if entra.version == "1.0" else "azp")
    if not isinstance(client, str) or not client:  # an ID token, for one, names none
        raise UnauthenticatedError("the token does not name the application that got it")
    return Identity(
        entra.identity_issuer(tenant), subject, claims, kind=_kind(claims, subject), client=client
    )


def _guid(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if value is None:
        raise UnauthenticatedError(f"the token has no {name}")
    if not isinstance(value, str) or not GUID.fullmatch(value):
        raise UnauthenticatedError(f"the token's {name} is not a GUID")
    return value


def _kind(claims: Mapping[str, Any], oid: str) -> PrincipalKind:
    """A user's (delegated) token has ``scp``; an application's own has none, and may say ``idtyp``."""
    scopes, idtyp = claims.get("scp"), claims.get("idtyp")
    if scopes is not None:
        if not isinstance(scopes, str) or not scopes.strip() or idtyp == "app":
            raise UnauthenticatedError("the token's scp is not that of a user's token")
        return "user"
    # Without the optional claim idtyp: an application is its own subject, a user has another per application.
    if idtyp == "app" or (idtyp is None and claims["sub"] == oid):
        return "service"
    raise UnauthenticatedError("the token is neither a user's, with scp, nor an application's own")
