"""Sign-ins that are under way: authorization codes and device codes, in memory.

They live for minutes, and a restart of the host in that time costs no more than signing in again.
"""

import secrets
from dataclasses import dataclass

from localhost.identity.store import Session

CODE_LIFETIME = 60.0
DEVICE_LIFETIME = 900.0
POLL_INTERVAL = 5
"""Seconds a device must leave between two questions (RFC 8628, section 3.5)."""
MAX_PENDING = 1000
"""Most sign-ins under way; the oldest go first."""
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so no words, and nothing that is read as something else (RFC 8628, section 6.1)."""


@dataclass(frozen=True, slots=True)
class Authorization:
    """What an authorization code stands for; ``challenge`` is the S256 one of PKCE (RFC 7636)."""

    session: Session
    redirect_uri: str
    challenge: str
    nonce: str | None
    expires: float


@dataclass(slots=True)
class Device:
    """A device that waits for its user; ``user`` is who has let it in."""

    client_id: str
    scope: str
    user_code: str
    expires: float
    next_poll: float
    user: str | None = None


class Pending:
    """Codes that can be used once."""

    def __init__(self) -> None:
        self._codes: dict[str, Authorization] = {}
        self._devices: dict[str, Device] = {}

    def add_code(self, authorization: Authorization) -> str:
        code = secrets.token_urlsafe(32)
        _bound(self._codes)
        self._codes[code] = authorization
        return code

    def take_code(self, code: str, now: float) -> Authorization | None:
        """What the code stands for, the first time it is asked for and while it lives."""
        found = self._codes.pop(code, None)
        return found if found is not None and now < found.expires else None

    def add_device(self, client_id: str, scope: str, now: float) -> tuple[str, Device]:
        """A device code, and what it stands for."""
        letters = "".join(secrets.choice(_LETTERS) for _ in range(8))
        device = Device(client_id, scope, f"{letters[:4]}-{letters[4:]}", now + DEVICE_LIFETIME, now)
        code = secrets.token_urlsafe(32)
        _bound(self._devices)
        self._devices[code] = device
        return code, device

    def device(self, code: str) -> Device | None:
        return self._devices.get(code)

    def waiting_device(self, user_code: str, now: float) -> Device | None:
        """The device that shows this code to its user and waits; however the code is typed."""
        typed = "".join(letter for letter in user_code.upper() if letter.isalpha())
        for device in self._devices.values():
            if device.user_code.replace("-", "") == typed and now < device.expires and device.user is None:
                return device
        return None

    def drop_device(self, code: str) -> None:
        self._devices.pop(code, None)


def _bound[T](entries: dict[str, T]) -> None:
    while len(entries) >= MAX_PENDING:
        del entries[next(iter(entries))]
