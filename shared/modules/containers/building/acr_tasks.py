"""The tasks of an Azure Container Registry over REST: sources are uploaded, runs scheduled and looked at.

Source: Azure's resource manager, Microsoft.ContainerRegistry, "Registries" and "Runs" of api-version
2019-06-01-preview, which is what ``az acr build`` asks, too. Uploads and logs are in blobs, by addresses that
are rights themselves: they get no token, and are in no message.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

import orjson

from shared.modules.bodies import BodyEncodingError, BodyTooLargeError, read_body
from shared.modules.containers.building.uploaded import file_pieces
from shared.modules.containers.registry.sending import Connections, told_as_action_error
from shared.modules.tracing import answered, outgoing
from shared.ports.actions import ActionError
from shared.security.origins import is_loopback

if TYPE_CHECKING:
    import httpx

API: Final = "2019-06-01-preview"
MAX_ANSWER: Final = 1024 * 1024
MAX_LOG: Final = 4 * 1024 * 1024
IDLE_SECONDS: Final = 60.0
_RETRYABLE: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_ADVICE: Final = {
    401: "; the platform's identity is not known there",
    403: "; the platform's identity needs the role 'Container Registry Tasks Contributor' there",
}


@dataclass(frozen=True, slots=True)
class Run:
    """``status`` is Queued, Started, Running, Succeeded, Failed, Canceled, Error or Timeout.

    ``digests`` are those of the images that it has pushed, by ``repository:tag``.
    """

    id: str
    status: str
    error: str
    digests: Mapping[str, str]

    @property
    def has_ended(self) -> bool:
        return self.status not in {"Queued", "Started", "Running"}


class AcrTasks:
    """The tasks of the registry whose resource is ``id`` (``/subscriptions/…/registries/name``)."""

    def __init__(
        self, connections: Connections, origin: str, id: str, token: Callable[[], Awaitable[str]]
    ) -> None:
        """``origin`` is the resource manager's, ``token`` gives one for it."""
        self._connections = connections
        self._origin = origin
        self._id = id.rstrip("/")
        self._token = token

    async def upload(self, archive: Path, size: int) -> str:
        """Upload a source (tar.gz) of ``size`` bytes; where it is, as :meth:`schedule` is told.

        Raises:
            ActionError: it is not taken.
        """
        told = await self._asked("POST", "listBuildSourceUploadUrl", "asking where a source goes")
        where, path = told.get("uploadUrl"), told.get("relativePath")
        if not isinstance(where, str) or not isinstance(path, str):
            raise self._odd("listBuildSourceUploadUrl")
        pieces = file_pieces(archive)
        response = await self._blob(
            "PUT",
            where,
            "uploading the source",
            content=pieces(0),
            headers={"x-ms-blob-type": "BlockBlob", "content-length": str(size)},
        )
        await self._check(response, frozenset({200, 201}), "uploading the source")
        await response.aclose()
        return path

    async def schedule(self, request: Mapping[str, Any]) -> Run:
        """Queue a run.

        Raises:
            ActionError: it is refused.
        """
        return self._run(await self._asked("POST", "scheduleRun", "scheduling a build", request))

    async def run(self, id: str) -> Run:
        """How a run stands.

        Raises:
            ActionError: it cannot be said.
        """
        return self._run(await self._asked("GET", f"runs/{quote(id, safe='')}", "looking at a build"))

    async def cancel(self, id: str) -> None:
        """Have a run stopped; one that has ended stays as it is.

        Raises:
            ActionError: it is not.
        """
        doing = "cancelling a build"
        response = await self._sent("POST", f"runs/{quote(id, safe='')}/cancel", doing)
        if response.status_code not in {400, 404, 409}:  # it has ended, or is forgotten
            await self._check(response, frozenset({200, 202, 204}), doing)
        await response.aclose()

    async def log(self, id: str) -> AsyncIterator[str]:
        """The lines of a run's log, as far as there are any.

        Raises:
            ActionError: it cannot be had.
        """
        doing = "reading a build's log"
        told = await self._asked("POST", f"runs/{quote(id, safe='')}/listLogSasUrl", doing)
        where = told.get("logLink")
        if not isinstance(where, str):
            raise self._odd("listLogSasUrl")
        response = await self._blob("GET", where, doing)
        try:
            if response.status_code == 404:
                return
            await self._check(response, frozenset({200}), doing)
            with told_as_action_error(doing):
                async for line in _lines(response):
                    yield line
        finally:
            await response.aclose()

    async def _asked(
        self, method: str, what: str, doing: str, body: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        response = await self._sent(method, what, doing, body)
        try:
            await self._check(response, frozenset({200, 201, 202}), doing)
            with told_as_action_error(doing):
                answer = orjson.loads(await read_body(response, limit=MAX_ANSWER))
        except (orjson.JSONDecodeError, BodyTooLargeError, BodyEncodingError) as error:
            raise self._odd(what) from error
        finally:
            await response.aclose()
        if not isinstance(answer, dict):
            raise self._odd(what)
        return answer

    async def _sent(
        self, method: str, what: str, doing: str, body: Mapping[str, Any] | None = None
    ) -> "httpx.Response":
        url = f"{self._origin}{self._id}/{what}?api-version={API}"
        headers = {"authorization": f"Bearer {await self._token()}", "content-type": "application/json"}
        content = orjson.dumps(body) if body is not None else b""
        return await self._request(method, url, doing, content=content, headers=headers)

    async def _blob(
        self,
        method: str,
        where: str,
        doing: str,
        *,
        content: AsyncIterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> "httpx.Response":
        """Ask a storage account, by an address that is a right itself."""
        parts, own = urlsplit(where), is_loopback(urlsplit(self._origin).hostname)
        if parts.scheme != "https" and not (own and is_loopback(parts.hostname)):
            raise self._odd("a blob's address")
        return await self._request(method, where, doing, content=content, headers=headers or {})

    async def _request(
        self,
        method: str,
        url: str,
        doing: str,
        *,
        content: bytes | AsyncIterator[bytes] | None,
        headers: Mapping[str, str],
    ) -> "httpx.Response":
        client = await self._connections.client()
        from httpx import Timeout  # loaded with the client

        sent = {"user-agent": "quantum-platform", "accept-encoding": "identity", **headers}
        shown = url.partition("?")[0]
        with (
            told_as_action_error(f"{doing} of the registry"),
            outgoing(self._connections.telemetry, method, shown, sent) as call,
        ):
            request = client.build_request(
                method, url, content=content, headers=sent, timeout=Timeout(IDLE_SECONDS)
            )
            response = await client.send(request, stream=True, follow_redirects=False)
            answered(call, response.status_code)
            return response

    async def _check(self, response: "httpx.Response", expected: frozenset[int], doing: str) -> None:
        """Fail unless it has one of the statuses that are expected."""
        status = response.status_code
        if status in expected:
            return
        said = await _said(response)
        await response.aclose()
        told = f"{doing}: Azure answered {status}" + (f" ({said})" if said else "")
        retryable = status in _RETRYABLE
        raise ActionError(
            "BUILDER_UNAVAILABLE" if retryable or status == 404 else "BUILDER_REFUSED",
            told + _ADVICE.get(status, ""),
            retryable=retryable,
            retry_after=_retry_after(response),
        )

    def _run(self, answer: Mapping[str, Any]) -> Run:
        match answer:
            case {"properties": {"runId": str(id), "status": str(status)} as properties}:
                error = properties.get("runErrorMessage")
                images = properties.get("outputImages") or []
                digests = {
                    f"{one.get('repository')}:{one.get('tag')}": str(one.get("digest"))
                    for one in images
                    if isinstance(one, dict)
                }
                return Run(id, status, error if isinstance(error, str) else "", digests)
        raise self._odd("a run")

    def _odd(self, what: str) -> ActionError:
        message = f"Azure's answer about {what} is not as its documentation has it"
        return ActionError("BUILDER_UNAVAILABLE", message, retryable=True)


async def _lines(response: "httpx.Response") -> AsyncIterator[str]:
    """Its lines, up to ``MAX_LOG`` bytes."""
    left, size = b"", 0
    async for piece in response.aiter_raw(64 * 1024):
        size += len(piece)
        if size > MAX_LOG:
            yield "(the rest of the log is left out)"
            return
        *lines, left = (left + piece).split(b"\n")
        for line in lines:
            yield line.decode(errors="replace")
    if left:
        yield left.decode(errors="replace")


async def _said(response: "httpx.Response") -> str:
    """Code and message of an error, as Azure has them, short and on one line."""
    try:
        document = orjson.loads(await read_body(response, limit=MAX_ANSWER))
    except (orjson.JSONDecodeError, BodyTooLargeError, BodyEncodingError):
        return ""
    match document:
        case {"error": {"code": str(code), "message": str(message)}}:
            text = f"{code}: {message}"
            return "".join(one if one.isprintable() else " " for one in text)[:300]
    return ""


def _retry_after(response: "httpx.Response") -> float:
    value = response.headers.get("retry-after", "")
    return min(float(value), 3600.0) if value.isdecimal() else 0
