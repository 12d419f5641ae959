"""Who may do what in the local registry: Docker's token authentication, with the platform's bearer tokens.

Whoever logs in gives a bearer token of the platform for a password. It is good for the repositories of the
tenants that its holder is a member of, ``<tenant>/…``: to pull for whoever may read intents there, to push
for whoever may execute them. The platform itself has a key, which is in the data folder.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from localhost.registry.errors import RegistryError
from localhost.registry.place import PLATFORM
from shared.domain.errors import (
    NotFoundError,
    RateLimitedError,
    TenantSuspendedError,
    UnauthenticatedError,
)
from shared.wiring.tenancy import TenancyServices

SERVICE: Final = "quantum"
LIFETIME: Final = 60
"""Seconds for which a token is good, the fewest that there may be: who is a member no more is out soon."""
MAX_SCOPES: Final = 16

PULL: Final = "intents.read"
PUSH: Final = "intents.execute"
_NONE: Final = frozenset[str]()
_PULL: Final = frozenset({"pull"})
_PUSH: Final = frozenset({"push", "delete"})
_ALL: Final = _PULL | _PUSH


@dataclass(frozen=True, slots=True)
class Grants:
    """What a token is good for: actions by repository.

    ``asked`` are the repositories that it was asked for, ``who`` is who got it.
    """

    actions: Mapping[str, frozenset[str]]
    asked: frozenset[str]
    who: str

    def require(self, repository: str, action: str) -> bool:
        """Whether the action is permitted there; False: by this token it is not known.

        Raises:
            RegistryError: it is not.
        """
        if action in self.actions.get(repository, ()):
            return True
        if repository in self.asked:
            message = (
                f"you may not {action} there: the repositories of a tenant are <tenant>/…, for its members"
            )
            raise RegistryError("DENIED", message)
        return False


class Access:
    """Gives and reads the registry's tokens. Those of another process are not known, so clients ask again."""

    def __init__(self, key: str, tenancy: TenancyServices, *, now: Callable[[], float] = time.time) -> None:
        """``key`` is the platform's."""
        self._key = key
        self._authentication = tenancy.authentication
        self._tenants = tenancy.tenants
        self._policies = tenancy.policies
        self._now = now
        self._seal = secrets.token_bytes(32)

    async def token(self, authorization: str | None, scopes: Sequence[str]) -> dict[str, Any]:
        """Answer a request for a token with the user name and password in ``authorization``.

        Raises:
            RegistryError: they are not right.
            UnavailableError: the store cannot be had.
        """
        user, password = _basic(authorization)
        asked = _asked(scopes)
        if user == PLATFORM and hmac.compare_digest(password.encode(), self._key.encode()):
            granted = asked
        else:
            user, tenants = await self._known(password)
            granted = {name: wanted & tenants.get(_tenant(name), _NONE) for name, wanted in asked.items()}
        actions = {name: sorted(some) for name, some in granted.items()}
        token = self._sealed({"who": user, "until": self._now() + LIFETIME, "granted": actions})
        return {"token": token, "access_token": token, "expires_in": LIFETIME}

    def grants(self, authorization: str | None) -> Grants | None:
        """What the token in ``authorization`` is good for; None: nothing that is known."""
        scheme, _, token = (authorization or "").partition(" ")
        claims = self._opened(token.strip()) if scheme.lower() == "bearer" else None
        if claims is None or claims["until"] < self._now():
            return None
        granted = {name: frozenset(actions) for name, actions in claims["granted"].items()}
        return Grants(granted, frozenset(granted), claims["who"])

    async def _known(self, password: str) -> tuple[str, Mapping[str, frozenset[str]]]:
        """Whose bearer token that is, and what it may do in the repositories of its tenants.

        Raises:
            RegistryError: it is none that is taken.
            UnavailableError: the store cannot be had.
        """
        bearer = f"Bearer {password}"
        try:
            found = await self._authentication.recognize(bearer, None)
        except RateLimitedError as error:
            later = {"retry-after": str(error.retry_after)}
            raise RegistryError("TOOMANYREQUESTS", error.message, headers=later) from error
        except UnauthenticatedError as error:
            raise _unauthorized() from error
        rights = {one.tenant_id: await self._rights(bearer, one.tenant_id) for one in found.memberships}
        return found.identity.subject, rights

    async def _rights(self, bearer: str, tenant_id: str) -> frozenset[str]:
        """What the holder of a bearer token may do in a tenant that it is a member of."""
        try:
            caller = await self._authentication.authenticate(bearer, tenant_id)
            await self._tenants.require_served(caller.scope)
        except (TenantSuspendedError, NotFoundError):  # or a member no more, since a moment
            return _NONE
        permitted = await self._policies.permitted(caller)
        return (_PULL if PULL in permitted else _NONE) | (_PUSH if PUSH in permitted else _NONE)

    def _sealed(self, claims: Mapping[str, Any]) -> str:
        body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        return f"{body}.{self._signature(body)}"

    def _opened(self, token: str) -> dict[str, Any] | None:
        body, _, signature = token.partition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(body).encode()):
            return None
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return claims

    def _signature(self, body: str) -> str:
        return hmac.new(self._seal, body.encode(), hashlib.sha256).hexdigest()


def _basic(authorization: str | None) -> tuple[str, str]:
    scheme, _, encoded = (authorization or "").partition(" ")
    try:
        user, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise _unauthorized() from error
    if scheme.lower() != "basic" or not colon:
        raise _unauthorized()
    return user, password


def _asked(scopes: Sequence[str]) -> dict[str, frozenset[str]]:
    """The actions that are asked for, by repository; a scope may be several, with blanks between."""
    asked: dict[str, frozenset[str]] = {}
    for scope in [one for some in scopes for one in some.split()][:MAX_SCOPES]:
        kind, _, rest = scope.partition(":")
        repository, _, actions = rest.rpartition(":")
        if kind == "repository" and repository:
            wanted = _ALL if actions == "*" else frozenset(actions.split(","))
            asked[repository] = asked.get(repository, frozenset()) | wanted
    return asked


def _tenant(repository: str) -> str:
    tenant, slash, _ = repository.partition("/")
    return tenant if slash else ""


def _unauthorized() -> RegistryError:
    message = "log in with any user name and, for a password, a bearer token of the platform"
    return RegistryError("UNAUTHORIZED", message, headers={"www-authenticate": f'Basic realm="{SERVICE}"'})
