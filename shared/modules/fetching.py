"""One GET under the egress rule, for actions that look at something rather than talk to it."""

import asyncio
import threading
from typing import TYPE_CHECKING

from shared.modules.tracing import answered, outgoing
from shared.ports.actions import ActionError
from shared.ports.targets import Probed
from shared.ports.telemetry import NO_TELEMETRY, Telemetry
from shared.security.egress import EgressPolicy

if TYPE_CHECKING:
    import httpx


class Fetcher:
    """Gets what URLs name; connections are kept."""

    def __init__(self, egress: EgressPolicy, telemetry: Telemetry = NO_TELEMETRY) -> None:
        self._egress = egress
        self._telemetry = telemetry
        self._client: httpx.AsyncClient | None = None
        self._making = threading.Lock()

    async def get(self, url: str, *, seconds: float, limit: int) -> Probed:
        """What ``url`` answers, read up to ``limit`` bytes, within ``seconds``; redirects are not followed.

        Raises:
            ActionError: nobody may ask there, or there is no answer.
        """
        if (why := self._egress.refusal_of_url(url)) is not None:
            raise ActionError("EGRESS_REFUSED", f"GET {url}: {why}", retryable=False)
        client = self._client
        if client is None:
            client = await asyncio.to_thread(self._made_client)
        import httpx  # loaded with the client

        from shared.modules.egress import EgressRefusedError

        headers = {"user-agent": "quantum-platform", "accept-encoding": "identity"}
        try:
            with outgoing(self._telemetry, "GET", url, headers) as call:
                async with (
                    asyncio.timeout(seconds),
                    client.stream("GET", url, headers=headers, follow_redirects=False) as response,
                ):
                    answered(call, response.status_code)
                    return Probed(response.status_code, await _read(response, limit))
        except EgressRefusedError as error:
            raise ActionError("EGRESS_REFUSED", f"GET {url}: {error}", retryable=False) from error
        except TimeoutError as error:
            message = f"GET {url} got no answer within {seconds:g} s"
            raise ActionError("HTTP_CONNECTION", message, retryable=True) from error
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise ActionError("HTTP_URL", f"GET {url}: {error}", retryable=False) from error
        except httpx.HTTPError as error:
            message = f"GET {url} got no answer: {str(error) or type(error).__name__}"
            raise ActionError("HTTP_CONNECTION", message, retryable=True) from error

    def _made_client(self) -> "httpx.AsyncClient":
        # httpx and the certificates take 0.15 s to load, which the start of a process does not wait for.
        from shared.modules.egress import guarded_client

        with self._making:
            if self._client is None:
                self._client = guarded_client(self._egress)
            return self._client

    async def aclose(self) -> None:
        """Close the connections that are kept."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None


async def _read(response: "httpx.Response", limit: int) -> bytes:
    body = bytearray()
    async for piece in response.aiter_raw(64 * 1024):
        body += piece
        if len(body) >= limit:
            break
    return bytes(body[:limit])
