"""An endpoint as the kit asks it: as the platform does, and as nobody should."""

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

type Call = Mapping[str, Any]


@dataclass(frozen=True)
class Endpoint:
    """``key`` is what the platform signs with; ``observe`` a URL that shows what the module has done."""

    url: str
    key: str = field(repr=False)
    client: httpx.Client
    observe: str | None = None

    def manifest(self) -> Any:
        """What it says that it can do.

        Raises:
            httpx.HTTPError, ValueError: it does not say it.
        """
        response = self.client.get(f"{self.url}/manifest", timeout=10)
        response.raise_for_status()
        return response.json()

    def observed(self) -> bytes | None:
        """What can be seen of what it has done; None: nobody said where to look."""
        if self.observe is None:
            return None
        return self.client.get(self.observe, timeout=10).raise_for_status().content

    def ask(self, action: str, call: Call, *, timeout: float, once: str | None = None) -> httpx.Response:
        """Ask as the platform does; ``once`` is the idempotency key, by itself a new one."""
        body = json.dumps({"action": action, **call}).encode()
        key = once or new_key()
        id_ = (
            "msg_" + hashlib.sha256(f"{key}{call['operation']}{call.get('token')}".encode()).hexdigest()[:32]
        )
        headers = signed(self.key, id_, int(time.time()), body)
        return self.send(action, body, headers | {"idempotency-key": key}, timeout=timeout)

    def send(self, action: str, body: bytes, headers: Mapping[str, str], *, timeout: float) -> httpx.Response:
        """Send exactly that."""
        sent = {"content-type": "application/json", **headers}
        return self.client.post(f"{self.url}/actions/{action}", content=body, headers=sent, timeout=timeout)


def new_key() -> str:
    return f"kit/{uuid.uuid4()}"


def signed(key: str, id_: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks 1.0."""
    content = f"{id_}.{timestamp}.".encode() + body
    secret = base64.b64decode(key.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.digest(secret, content, "sha256")).decode()
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }
