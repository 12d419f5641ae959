"""One call of a module's endpoint: signed, bounded in size and time, under the egress rule.

Standard Webhooks says how it is signed, as subscriptions' deliveries are, so that receivers need one
verifier. While a key is being changed there is a signature for each of the two.
"""

import asyncio
import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import orjson

from shared.modules.bodies import BodyEncodingError, BodyTooLargeError, read_body
from shared.modules.http_answers import MAX_RETRY_AFTER
from shared.modules.remote.answers import refused, unfit
from shared.modules.remote.circuits import Circuits
from shared.modules.tracing import answered, outgoing
from shared.ports.actions import ActionError
from shared.ports.telemetry import NO_TELEMETRY, Telemetry
from shared.security.egress import EgressPolicy
from shared.security.webhooks import signed_headers

if TYPE_CHECKING:
    import httpx

MAX_REQUEST: Final = 4 * 1024 * 1024
MAX_ANSWER: Final = 1024 * 1024
"""Bytes, before and after decompression."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is asked; ``id`` is the same for the same question, however often it is put."""

    tenant_id: str
    endpoint: str
    action: str
    operation: str
    id: str
    idempotency_key: str
    keys: Sequence[str] = field(repr=False)
    body: Mapping[str, Any] = field(repr=False)
    seconds: float

    @property
    def url(self) -> str:
        return f"{self.endpoint.rstrip('/')}/actions/{self.action}"

    @property
    def place(self) -> str:
        """How messages name it."""
        return f"POST {self.url} ({self.operation})"


def message_id(*parts: Any) -> str:
    return "msg_" + hashlib.sha256(orjson.dumps(parts)).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: Any


class Calls:
    """Calls endpoints, and leaves alone for a while what fails again and again."""

    def __init__(self, egress: EgressPolicy, *, telemetry: Telemetry = NO_TELEMETRY) -> None:
        self.circuits = Circuits()
        self._egress = egress
        self._telemetry = telemetry
        self._client: httpx.AsyncClient | None = None
        self._making = threading.Lock()

    async def call(self, message: Message, now: datetime) -> Reply:
        """What is answered with 200 or 202.

        Raises:
            ActionError: nothing is, or nothing that can be read.
        """
        key = (message.tenant_id, message.endpoint)
        body = _written(message)
        if (why := self._egress.refusal_of_url(message.url)) is not None:
            raise ActionError("EGRESS_REFUSED", f"{message.place}: {why}", retryable=False)
        self.circuits.enter(key, now)
        try:
            reply = await self._exchange(message, body, now)
        except ActionError as error:
            if error.retryable or error.code in _BROKEN:
                self.circuits.failed(key, now)
            else:
                self.circuits.succeeded(key)  # it is there, and says no
            raise
        self.circuits.succeeded(key)
        return reply

    async def _exchange(self, message: Message, body: bytes, now: datetime) -> Reply:
        client = self._client
        if client is None:
            client = await asyncio.to_thread(self._made_client)
        import httpx  # loaded with the client

        from shared.modules.egress import EgressRefusedError

        headers = _headers(message, body, now)
        place = message.place
        try:
            with outgoing(self._telemetry, "POST", message.url, headers) as call:
                async with (
                    asyncio.timeout(message.seconds),
                    client.stream(
                        "POST", message.url, headers=headers, content=body, follow_redirects=False
                    ) as response,
                ):
                    answered(call, response.status_code)
                    return await _read(response, place)
        except EgressRefusedError as error:
            raise ActionError("EGRESS_REFUSED", f"{place}: {error}", retryable=False) from error
        except TimeoutError as error:
            text = f"{place} did not answer within {message.seconds:g} s"
            raise ActionError("MODULE_TIMEOUT", text, retryable=True) from error
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise ActionError("MODULE_REFUSED", f"{place}: {error}", retryable=False) from error
        except httpx.HTTPError as error:
            text = f"{place} got no answer: {str(error) or type(error).__name__}"
            raise ActionError("MODULE_CONNECTION", text, retryable=True) from error

    async def aclose(self) -> None:
        """Close the connections that are kept."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _made_client(self) -> "httpx.AsyncClient":
        # httpx and the certificates take 0.15 s to load, which the start of a process does not wait for.
        from shared.modules.egress import guarded_client

        with self._making:
            if self._client is None:
                self._client = guarded_client(self._egress)
            return self._client


_BROKEN: Final = frozenset({"MODULE_ANSWER", "MODULE_REDIRECT"})
"""What is not to be tried again by itself, and yet says that the endpoint is not well."""


def _written(message: Message) -> bytes:
    try:
        body = orjson.dumps(message.body)
    except orjson.JSONEncodeError as error:
        text = f"the parameters cannot be sent as JSON: {error}"
        raise ActionError("PARAMETERS", text, retryable=False) from error
    if len(body) > MAX_REQUEST:
        text = f"the parameters are {len(body)} bytes of JSON; a module is sent {MAX_REQUEST} at most"
        raise ActionError("MODULE_TOO_LARGE", text, retryable=False)
    return body


def _headers(message: Message, body: bytes, now: datetime) -> dict[str, str]:
    timestamp = int(now.timestamp())
    signed = [signed_headers(key, id=message.id, timestamp=timestamp, body=body) for key in message.keys]
    return {
        **signed[0],
        "webhook-signature": " ".join(one["webhook-signature"] for one in signed),
        "content-type": "application/json",
        "accept": "application/json",
        "user-agent": "quantum-platform",
        "idempotency-key": message.idempotency_key,
    }


async def _read(response: "httpx.Response", place: str) -> Reply:
    if response.status_code not in {200, 202}:
        raise refused(response.status_code, place, _retry_after(response.headers.get("retry-after", "")))
    try:
        body = await read_body(response, limit=MAX_ANSWER)
    except BodyTooLargeError as error:
        raise unfit(f"{place} answered with more than {MAX_ANSWER} bytes") from error
    except BodyEncodingError as error:
        raise unfit(f"the body that {place} answered {error}") from error
    try:
        return Reply(response.status_code, orjson.loads(body))
    except orjson.JSONDecodeError as error:
        raise unfit(f"{place} answered with what is not JSON: {error}") from error


def _retry_after(value: str) -> float:
    return min(float(value), MAX_RETRY_AFTER) if value.isdecimal() else 0
