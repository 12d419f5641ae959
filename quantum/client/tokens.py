"""Where a client's bearer token comes from. Signing in is in :mod:`quantum.client.sign_in`."""

import os
from collections.abc import Mapping
from typing import Protocol

from quantum.client.errors import SignInError

VARIABLE = "QUANTUM_TOKEN"


class TokenProvider(Protocol):
    """Gives the token that a request is sent with."""

    async def token(self, *, refused: str | None = None) -> str:
        """A token; a new one if it can, when the platform has ``refused`` the one that this gave before.

        Raises:
            SignInError: there is none.
        """


class StaticToken:
    """One token, as long as it is good for."""

    def __init__(self, token: str) -> None:
        self._token = token.strip()

    async def token(self, *, refused: str | None = None) -> str:  # noqa: ARG002  # there is no other
        return self._token


class EnvironmentToken:
    """What an environment variable holds when it is asked for, so that it may be replaced."""

    def __init__(self, variable: str = VARIABLE, environment: Mapping[str, str] = os.environ) -> None:
        self._variable, self._environment = variable, environment

    async def token(self, *, refused: str | None = None) -> str:  # noqa: ARG002  # it is read anew each time
        if found := self._environment.get(self._variable, "").strip():
            return found
        raise SignInError(f"there is no token: {self._variable} is not set")
