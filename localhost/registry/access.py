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
from shared.domain.errors import QuantumError
from shared.services.authentication import Authentication
from shared.services.policies import Policies

SERVICE: Final = "quantum"
LIFETIME: Final = 60
"""Seconds for which a token is good, the fewest that there may be: who is a member no more is out soon."""
MAX_SCOPES: Final = 16

PULL: Final = "intents.read"
PUSH: Final = "intents.execute"
_ALL: Final = frozenset({"pull", "push", "delete"})


@dataclass(frozen=True, slots=True)
class Grants:
    """What a token is good for: actions by repository; None: for all that there is.

    ``asked`` are the repositories that it was asked for.
    """

    actions: Mapping[str, frozenset[str]]
    asked: frozenset[str]

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

    def __init__(
        self,
        key: str,
        authentication: Authentication,
        policies: Policies,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        """``key`` is the platform's."""
        self._key = key
        self._authentication = authentication
        self._policies = policies
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
        platform = user == PLATFORM and hmac.compare_digest(password.encode(), self._key.encode())
        tenants = {} if platform else await self._tenants(password)
        granted = {
            repository: sorted(
                actions & (_ALL if platform else tenants.get(_tenant(repository), frozenset()))
            )
            for repository, actions in asked.items()
        }
        token = self._sealed({"until": self._now() + LIFETIME, "granted": granted})
        return {"token": token, "access_token": token, "expires_in": LIFETIME}

    def grants(self, authorization: str | None) -> Grants | None:
        """What the token in ``authorization`` is good for; None: nothing that is known."""
        scheme, _, token = (authorization or "").partition(" ")
        claims = self._opened(token.strip()) if scheme.lower() == "bearer" else None
        if claims is None or claims["until"] < self._now():
            return None
        granted = {name: frozenset(actions) for name, actions in claims["granted"].items()}
        return Grants(granted, frozenset(granted))

    async def _tenants(self, password: str) -> Mapping[str, frozenset[str]]:
        """What the holder of a bearer token may do in its tenants' repositories."""
        bearer = f"Bearer {password}"
        try:
            acquaintance = await self._authentication.recognize(bearer, None)
            found = {}
            for one in acquaintance.memberships:
                caller = await self._authentication.authenticate(bearer, one.tenant_id)
                permitted = await self._policies.permitted(caller)
                pulls = {"pull"} if PULL in permitted else set()
                found[one.tenant_id] = frozenset(pulls | ({"push", "delete"} if PUSH in permitted else set()))
        except QuantumError as error:
            if error.code == "UNAVAILABLE":
                raise
            raise _unauthorized() from error
        return found

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
