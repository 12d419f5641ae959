"""Access keys: the master key, the host's function key and the Durable webhooks' system key."""

import hmac
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Receive, Scope, Send

from localhost.app.problems import Problem, StartupError
from localhost.app.settings import read_json
from localhost.http.replies import send_empty

HEADER = b"x-functions-key"


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one data folder, as in the Functions host."""

    master: str
    function: str
    durable: str

    def accepted(self, level: str) -> Sequence[str]:
        """The keys that open a function of this auth level (``function`` or ``admin``)."""
        return (self.master,) if level == "admin" else (self.function, self.master)


def load_keys(path: Path) -> Keys:
    """Read the keys from ``path``; made there, readable by its owner only, if absent.

    Raises:
        StartupError: the file is broken.
    """
    if not path.exists():
        keys = Keys(*(secrets.token_urlsafe(32) for _ in range(3)))
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(asdict(keys), file, indent=2)
        return keys
    document = read_json(path)
    try:
        return Keys(*(_key(document, name) for name in ("master", "function", "durable")))
    except ValueError as error:
        mend = "Delete the file to have new keys made."
        raise StartupError("The keys cannot be read.", [Problem(str(path), str(error), mend)]) from error


def _key(document: Mapping[str, object], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or len(value) < 16:
        raise ValueError(f"{name} is not a key of at least 16 characters")
    return value


def presented_key(scope: Scope) -> str | None:
    """The key a request carries: ``x-functions-key``, else the ``code`` query parameter."""
    for name, value in scope["headers"]:
        if name == HEADER:
            return str(value.decode("latin-1"))
    query: bytes = scope["query_string"]
    if b"code=" not in query:
        return None
    return next(iter(parse_qs(query.decode("latin-1")).get("code", ())), None)


def holds_key(scope: Scope, accepted: Sequence[str]) -> bool:
    """Whether the request carries one of ``accepted`` (compared in constant time)."""
    key = presented_key(scope)
    if key is None:
        return False
    return any(hmac.compare_digest(key.encode(), candidate.encode()) for candidate in accepted)


def guarded(endpoint: ASGIApp, accepted: Sequence[str]) -> ASGIApp:
    """``endpoint``, answering 401 to requests without one of the ``accepted`` keys."""

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if holds_key(scope, accepted):
            await endpoint(scope, receive, send)
        else:
            await send_empty(send, 401)

    return guard
