"""The webhooks port over the guarded client: the egress rule holds for subscriptions as for actions."""

import asyncio
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from shared.modules.tracing import answered, outgoing
from shared.ports.telemetry import NO_TELEMETRY, Telemetry
from shared.ports.webhooks import UndeliveredError
from shared.security.egress import EgressPolicy

if TYPE_CHECKING:
    import httpx

TIMEOUT: Final = 10.0
"""Seconds that a receiver may take to answer."""


class GuardedWebhooks:
    """Implements :class:`shared.ports.webhooks.WebhookSender`."""

    def __init__(
        self, egress: EgressPolicy, *, timeout: float = TIMEOUT, telemetry: Telemetry = NO_TELEMETRY
    ) -> None:
        self._egress = egress
        self._telemetry = telemetry
        self._timeout = timeout
        self._client: httpx.AsyncClient | None = None
        self._making = threading.Lock()

    async def send(self, *, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """See :meth:`shared.ports.webhooks.WebhookSender.send`."""
        if (why := self._egress.refusal_of_url(url)) is not None:
            raise UndeliveredError(why)
        client = self._client
        if client is None:
            client = await asyncio.to_thread(self._made_client)
        import httpx  # loaded with the client

        from shared.modules.egress import EgressRefusedError

        sent = dict(headers)
        try:
            with outgoing(self._telemetry, "POST", url, sent) as call:
                async with (
                    asyncio.timeout(self._timeout),
                    client.stream(
                        "POST", url, headers=sent, content=body, follow_redirects=False
                    ) as response,
                ):
                    answered(call, response.status_code)
                    return response.status_code
        except EgressRefusedError as error:
            raise UndeliveredError(str(error)) from error
        except TimeoutError as error:
            raise UndeliveredError(f"no answer within {self._timeout:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UndeliveredError(f"no answer: {str(error) or type(error).__name__}") from error

    def _made_client(self) -> "httpx.AsyncClient":
        # httpx and the certificates take 0.15 s to load, which the start of a process does not wait for.
        from shared.modules.egress import guarded_client

        with self._making:
            if self._client is None:
                self._client = guarded_client(self._egress)
            return self._client
