"""Requests to the API of one cluster, failing in words that a person can act on.

Paths, media types and answers are those of the Kubernetes API (kubernetes.io/docs/reference/using-api).
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson

from shared.modules.bodies import BodyEncodingError, BodyTooLargeError, read_body
from shared.modules.kubernetes.kubeconfig import ClusterAccess
from shared.modules.kubernetes.manifests import MANAGER, Manifest, ObjectId
from shared.modules.tracing import answered, outgoing
from shared.ports.targets import Probed, TargetError
from shared.ports.telemetry import NO_TELEMETRY, Telemetry
from shared.security.egress import EgressPolicy

if TYPE_CHECKING:
    import httpx

SECONDS: Final = 30.0
"""How long one request may take."""
MAX_BODY: Final = 8 * 1024 * 1024
APPLY: Final = "application/apply-patch+yaml"
JSON: Final = "application/json"
UNTYPED: Final = "failed to create typed patch object"
FORCE: Final = "if they should be ours, apply them once with `kubectl apply --server-side --force-conflicts`"


type Identity = Callable[[], Awaitable[str]]
"""Gives the token to sign in with; it raises :class:`TargetError`."""


class ClusterApi:
    """One cluster, as whoever the kubeconfig names."""

    def __init__(
        self,
        access: ClusterAccess,
        egress: EgressPolicy,
        identity: Identity | None = None,
        telemetry: Telemetry = NO_TELEMETRY,
    ) -> None:
        """``identity`` signs in where the access says nothing of who does."""
        self._access = access
        self._egress = egress
        self._identity = identity
        self._telemetry = telemetry
        self._client: httpx.AsyncClient | None = None
        self._making = asyncio.Lock()
        self._resources: dict[str, Mapping[str, str]] = {}

    @property
    def host(self) -> str:
        return self._access.host

    async def apply(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """Apply one object on the server, strictly; what it is then.

        Raises:
            TargetError: it is refused; of fields that others manage, the message names these.
        """
        path = await self._path(ObjectId.of(manifest), manifest["metadata"]["namespace"])
        query = {
            "fieldManager": MANAGER,
            "fieldValidation": "Strict",
            **({"dryRun": "All"} if dry_run else {}),
        }
        status, answer = await self.ask("PATCH", path, query=query, content=manifest, kind=APPLY)
        if status in {200, 201}:
            return answer
        if status == 409:
            causes = (answer.get("details") or {}).get("causes") or [{"message": answer.get("message", "")}]
            told = [f"{one.get('field', '')} {one.get('message', '')}".strip() for one in causes[:10]]
            message = f"{ObjectId.of(manifest)} has fields that others manage: {'; '.join(told)}; {FORCE}"
            raise TargetError("CONFLICT", message)
        raise self.refused(f"applying {ObjectId.of(manifest)}", status, answer)

    async def get(self, which: ObjectId, namespace: str) -> Manifest | None:
        status, answer = await self.ask("GET", await self._path(which, namespace))
        if status == 200:
            return answer
        if status == 404:
            return None
        raise self.refused(f"reading {which}", status, answer)

    async def delete(self, which: ObjectId, namespace: str) -> bool:
        """Remove an object with what it owns; False: it was not there."""
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        status, answer = await self.ask("DELETE", await self._path(which, namespace), content=options)
        if status in {200, 202}:
            return True
        if status == 404:
            return False
        raise self.refused(f"removing {which}", status, answer)

    async def pods(self, namespace: str, labels: Mapping[str, str]) -> Sequence[Manifest]:
        """The pods with these labels."""
        selector = ",".join(f"{name}={value}" for name, value in labels.items())
        query = {"labelSelector": selector, "limit": "50"}
        status, answer = await self.ask("GET", f"/api/v1/namespaces/{namespace}/pods", query=query)
        if status != 200:
            raise self.refused("listing pods", status, answer)
        found: Sequence[Manifest] = answer.get("items", ())
        return found

    async def printed(self, namespace: str, pod: str, container: str) -> str:
        """The last lines that a container printed before it ended; nothing if that cannot be had."""
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log"
        query = {"container": container, "previous": "true", "tailLines": "5", "limitBytes": "2000"}
        status, body = await self._exchange("GET", path, query, None, JSON, limit=2000, cut=True)
        return body.decode(errors="replace").strip() if status == 200 else ""

    async def proxied(self, namespace: str, service: str, port: int, path: str, *, limit: int) -> Probed:
        """What a service answers to ``GET path``, by way of the cluster's API."""
        where = f"/api/v1/namespaces/{namespace}/services/http:{service}:{port}/proxy{path}"
        status, body = await self._exchange("GET", where, {}, None, JSON, limit=limit, cut=True)
        return Probed(status, body)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        content: Mapping[str, Any] | None = None,
        kind: str = JSON,
    ) -> tuple[int, dict[str, Any]]:
        """What the cluster answers, as JSON.

        Raises:
            TargetError: it answers nothing that can be read.
        """
        body = None if content is None else orjson.dumps(content)  # JSON is YAML, too
        status, answer = await self._exchange(method, path, query or {}, body, kind, limit=MAX_BODY)
        try:
            value = orjson.loads(answer or b"{}")
        except orjson.JSONDecodeError:
            value = {"message": answer[:300].decode(errors="replace")}
        return status, value if isinstance(value, dict) else {}

    def refused(self, doing: str, status: int, answer: Mapping[str, Any]) -> TargetError:
        """Why the cluster did not do it."""
        message = str(answer.get("message") or f"it answered {status}")[:2000]
        match status:
            case 401:
                code, mend = "UNAUTHENTICATED", "; look at the kubeconfig, its token may be over"
            case 403:
                code, mend = "FORBIDDEN", "; give its user a role that may"
            case 404:
                code, mend = "NOT_FOUND", "; is there such a namespace?"
            case 400 | 422:
                code, mend = "MANIFEST_INVALID", ""
            case 500 if UNTYPED in message:  # which is how clusters call a field that there is not
                code, mend, status = "MANIFEST_INVALID", "", 422
            case _:
                code, mend = "CLUSTER", ""
        retryable = status in {408, 409, 429} or status >= 500
        return TargetError(code, f"{doing} in {self.host} failed: {message}{mend}", retryable=retryable)

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _path(self, which: ObjectId, namespace: str) -> str:
        plural = (await self._plurals(which.api_version)).get(which.kind)
        if plural is None:
            message = (
                f"{self.host} has no kind {which.kind} of {which.api_version} that belongs to a namespace"
            )
            raise TargetError("MANIFEST_INVALID", message)
        return f"{_group(which.api_version)}/namespaces/{namespace}/{plural}/{which.name}"

    async def _plurals(self, api_version: str) -> Mapping[str, str]:
        """How the paths of a version call the kinds that belong to namespaces."""
        if (known := self._resources.get(api_version)) is not None:
            return known
        status, answer = await self.ask("GET", _group(api_version))
        if status == 404:
            message = f"{self.host} has nothing of the version {api_version!r}"
            raise TargetError("MANIFEST_INVALID", message)
        if status != 200:
            raise self.refused(f"reading {api_version}", status, answer)
        found = {
            one["kind"]: one["name"]
            for one in answer.get("resources", ())
            if one.get("namespaced") and "/" not in one["name"]
        }
        self._resources[api_version] = found
        return found

    async def _exchange(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: bytes | None,
        kind: str,
        *,
        limit: int,
        cut: bool = False,
    ) -> tuple[int, bytes]:
        client = await self._made_client()
        import httpx  # loaded with the client

        from shared.modules.egress import EgressRefusedError

        url = self._access.server + path
        headers = {"accept": JSON, "content-type": kind, "user-agent": MANAGER, **self._access.headers()}
        if self._identity is not None:
            headers["authorization"] = f"Bearer {await self._identity()}"
        extensions = {"sni_hostname": self._access.tls_name} if self._access.tls_name else {}
        try:
            with outgoing(self._telemetry, method, url, headers) as call:
                request = client.build_request(
                    method, url, params=query, headers=headers, content=body, extensions=extensions
                )
                async with asyncio.timeout(SECONDS):
                    response = await client.send(request, stream=True, follow_redirects=False)
                    answered(call, response.status_code)
                    try:
                        return response.status_code, await _read(response, limit, cut=cut)
                    finally:
                        await response.aclose()
        except EgressRefusedError as error:
            raise TargetError("EGRESS_REFUSED", f"the cluster cannot be reached: {error}") from error
        except (BodyTooLargeError, BodyEncodingError) as error:
            raise TargetError("CLUSTER", f"{self.host} answered too much or nonsense") from error
        except (TimeoutError, httpx.HTTPError, ssl.SSLError) as error:
            why = str(error) or "no answer in time"
            raise TargetError("CLUSTER", f"{self.host} does not answer: {why}", retryable=True) from error

    async def _made_client(self) -> "httpx.AsyncClient":
        async with self._making:
            if self._client is None:
                if (why := self._egress.refusal_of_url(self._access.server)) is not None:
                    raise TargetError("EGRESS_REFUSED", f"the cluster cannot be reached: {why}")
                # On a thread: on the event loop every execution and stream would stand still meanwhile.
                self._client = await asyncio.to_thread(self._make_client)
            return self._client

    def _make_client(self) -> "httpx.AsyncClient":
        from shared.modules.egress import guarded_client  # httpx takes 0.15 s to load

        return guarded_client(self._egress, certificates=self._access.certificates())


def _group(api_version: str) -> str:
    return f"/api/{api_version}" if "/" not in api_version else f"/apis/{api_version}"


async def _read(response: "httpx.Response", limit: int, *, cut: bool) -> bytes:
    """The body; what is beyond the limit is left out if it may be ``cut``."""
    if not cut:
        return await read_body(response, limit=limit)
    body = bytearray()
    async for piece in response.aiter_raw(64 * 1024):
        body += piece
        if len(body) >= limit:
            break
    return bytes(body[:limit])
