"""The local registry over HTTP, under ``/v2/``: the OCI distribution specification 1.1."""

import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final
from urllib.parse import quote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from localhost.registry.access import SERVICE, Access
from localhost.registry.errors import RegistryError
from localhost.registry.files import read
from localhost.registry.manifests import index_of_referrers, new_manifest, require_tag
from localhost.registry.store import Store
from localhost.registry.uploads import Chunk, Uploads, progress, require_digest
from shared.domain.errors import UnavailableError
from shared.domain.images import MAX_NAME, REPOSITORY, REPOSITORY_RULE
from shared.modules.containers.registry.manifests import MAX_MANIFEST, OCI_INDEX

MAX_PAGE: Final = 1000
_METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
_ACTIONS: Final = {"GET": "pull", "HEAD": "pull", "DELETE": "delete"}
_WANTED: Final = {"pull": "pull", "push": "pull,push", "delete": "delete,pull,push"}
"""What a client is told to ask for, so that it need not ask again soon."""
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_VERSION: Final = {"docker-distribution-api-version": "registry/2.0"}

_log = logging.getLogger("localhost.registry")

type Handler = Callable[[Request, str, str], Awaitable[Response]]
"""Answers a request about a repository and something in it."""


def registry_routes(store: Store, access: Access, base_url: str) -> list[BaseRoute]:
    """The routes of the registry for the host that is reached at ``base_url``."""
    registry = _Endpoints(store, access, base_url)
    return [
        Route("/v2/token", registry.token, methods=["GET"]),
        Route("/v2/", registry.serve, methods=_METHODS),
        Route("/v2/{path:path}", registry.serve, methods=_METHODS),
    ]


class _Endpoints:
    def __init__(self, store: Store, access: Access, base_url: str) -> None:
        self._store = store
        self._uploads = Uploads(store)
        self._access = access
        self._realm = f"{base_url}/v2/token"
        self._handlers: Sequence[tuple[re.Pattern[str], Mapping[str, Handler]]] = [
            (
                re.compile(r"(.+)/blobs/uploads/([0-9a-f-]{36})"),
                {
                    "GET": self._upload_standing,
                    "PATCH": self._upload_chunk,
                    "PUT": self._upload_end,
                    "DELETE": self._upload_cancel,
                },
            ),
            (re.compile(r"(.+)/blobs/uploads()/?"), {"POST": self._upload_begin}),
            (
                re.compile(r"(.+)/blobs/([^/]+)"),
                {"GET": self._blob, "HEAD": self._blob, "DELETE": self._blob_delete},
            ),
            (
                re.compile(r"(.+)/manifests/([^/]+)"),
                {
                    "GET": self._manifest,
                    "HEAD": self._manifest,
                    "PUT": self._manifest_put,
                    "DELETE": self._manifest_delete,
                },
            ),
            (re.compile(r"(.+)/tags/(list)"), {"GET": self._tags}),
            (re.compile(r"(.+)/referrers/([^/]+)"), {"GET": self._referrers}),
        ]

    async def token(self, request: Request) -> Response:
        """Give a token (distribution.github.io/distribution/spec/auth/token)."""
        try:
            answer = await self._access.token(
                request.headers.get("authorization"), request.query_params.getlist("scope")
            )
        except RegistryError as error:
            return _refused(error)
        except UnavailableError:
            return Response(status_code=503, headers={"retry-after": "1"})
        return JSONResponse(answer)

    async def serve(self, request: Request) -> Response:
        """Everything else."""
        try:
            return await self._answer(request)
        except RegistryError as error:
            return _refused(error)
        except UnavailableError:
            return Response(status_code=503, headers={"retry-after": "1"})
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it

    async def _answer(self, request: Request) -> Response:
        path = request.path_params.get("path", "")
        grants = self._access.grants(request.headers.get("authorization"))
        if not path:
            if grants is None:
                raise self._challenge("")
            return JSONResponse({}, headers=_VERSION)
        repository, rest, handlers = self._found(path)
        action = "push" if "/blobs/uploads" in path else _ACTIONS.get(request.method, "push")
        if grants is None or not grants.require(repository, action):
            raise self._challenge(f"repository:{repository}:{_WANTED[action]}")
        handler = handlers.get(request.method)
        if handler is None:
            allowed = {"allow": ", ".join(handlers)}
            raise RegistryError("UNSUPPORTED", f"it does not know {request.method}", headers=allowed)
        return await handler(request, repository, rest)

    def _found(self, path: str) -> tuple[str, str, Mapping[str, Handler]]:
        """The repository that ``path`` is about, what of it, and who answers."""
        for pattern, handlers in self._handlers:
            if (found := pattern.fullmatch(path)) is not None:
                repository = found[1]
                if not REPOSITORY.fullmatch(repository) or len(repository) > MAX_NAME:
                    raise RegistryError("NAME_INVALID", f"a repository is named by {REPOSITORY_RULE}")
                return repository, found[2], handlers
        raise RegistryError("NAME_UNKNOWN", "there is no such path")

    def _challenge(self, scope: str) -> RegistryError:
        wanted = f',scope="{scope}"' if scope else ""
        header = f'Bearer realm="{self._realm}",service="{SERVICE}"{wanted}'
        return RegistryError("UNAUTHORIZED", "log in first", headers={"www-authenticate": header, **_VERSION})

    # Blobs

    async def _blob(self, request: Request, repository: str, digest: str) -> Response:
        require_digest(digest)
        size = await self._store.blob(repository, digest)
        headers = {
            "docker-content-digest": digest,
            "etag": f'"{digest}"',
            "accept-ranges": "bytes",
            "content-type": "application/octet-stream",
            "cache-control": "private, max-age=31536000, immutable",
        }
        first, end = _range(request.headers.get("range"), size)
        headers["content-length"] = str(end - first)
        status = 200
        if request.method == "GET" and (first, end) != (0, size):
            status = 206
            headers["content-range"] = f"bytes {first}-{end - 1}/{size}"
        if request.method == "HEAD":
            return Response(status_code=200, headers={**headers, "content-length": str(size)})
        path = self._store.files.blob(digest)
        return StreamingResponse(read(path, first, end), status_code=status, headers=headers)

    async def _blob_delete(self, _: Request, repository: str, digest: str) -> Response:
        require_digest(digest)
        await self._store.forget_blob(repository, digest)
        return Response(status_code=202)

    # Uploads

    async def _upload_begin(self, request: Request, repository: str, _: str) -> Response:
        query = request.query_params
        if (digest := query.get("mount")) is not None:
            require_digest(digest)
            source = query.get("from", "")
            grants = self._access.grants(request.headers.get("authorization"))
            readable = grants is not None and "pull" in grants.actions.get(source, ())
            if readable and await self._store.mount(repository, digest, source):
                return _created(f"/v2/{repository}/blobs/{digest}", digest)
        if (algorithm := query.get("digest-algorithm", "sha256")) not in {"sha256", "sha512"}:
            raise RegistryError("DIGEST_INVALID", f"{algorithm[:40]!r} is no algorithm that is known here")
        if (digest := query.get("digest")) is not None:
            require_digest(digest)
        upload = await self._store.begin_upload(repository)
        if digest is not None:
            await self._uploads.append(repository, upload, request.stream(), None)
            await self._uploads.finish(repository, upload, digest)
            return _created(f"/v2/{repository}/blobs/{digest}", digest)
        return Response(status_code=202, headers=progress(repository, upload, 0))

    async def _upload_standing(self, _: Request, repository: str, upload: str) -> Response:
        size = await self._uploads.standing(repository, upload)
        return Response(status_code=204, headers=progress(repository, upload, size))

    async def _upload_chunk(self, request: Request, repository: str, upload: str) -> Response:
        chunk = Chunk.of(request.headers.get("content-range"))
        size = await self._uploads.append(repository, upload, request.stream(), chunk)
        return Response(status_code=202, headers=progress(repository, upload, size))

    async def _upload_end(self, request: Request, repository: str, upload: str) -> Response:
        digest = request.query_params.get("digest", "")
        require_digest(digest)
        chunk = Chunk.of(request.headers.get("content-range"))
        await self._uploads.append(repository, upload, request.stream(), chunk)
        await self._uploads.finish(repository, upload, digest)
        return _created(f"/v2/{repository}/blobs/{digest}", digest)

    async def _upload_cancel(self, _: Request, repository: str, upload: str) -> Response:
        await self._uploads.cancel(repository, upload)
        return Response(status_code=204)

    # Manifests and tags

    async def _manifest(self, request: Request, repository: str, reference: str) -> Response:
        if ":" in reference:
            require_digest(reference)
        found = self._store.manifest(repository, reference)
        headers = {
            "content-type": found.media_type,
            "docker-content-digest": found.digest,
            "etag": f'"{found.digest}"',
            "content-length": str(len(found.content)),
        }
        return Response(b"" if request.method == "HEAD" else found.content, headers=headers)

    async def _manifest_put(self, request: Request, repository: str, reference: str) -> Response:
        content = await _body(request, MAX_MANIFEST)
        new = new_manifest(content, request.headers.get("content-type", ""), reference)
        tags = request.query_params.getlist("tag") if ":" in reference else [reference]
        for tag in tags:
            require_tag(tag)
        await self._store.put_manifest(repository, new, tags)
        _log.info("%r put %s of %s as %s", self._who(request), new.digest, repository, ", ".join(tags) or "-")
        response = _created(f"/v2/{repository}/manifests/{reference}", new.digest)
        if new.subject is not None:
            response.headers["oci-subject"] = new.subject
        if ":" in reference and tags:
            response.headers["oci-tag"] = ", ".join(tags)
        return response

    async def _manifest_delete(self, request: Request, repository: str, reference: str) -> Response:
        if ":" in reference:
            require_digest(reference)
            await self._store.delete_manifest(repository, reference)
        else:
            await self._store.delete_tag(repository, reference)
        _log.info("%r removed %s of %s", self._who(request), reference, repository)
        return Response(status_code=202)

    def _who(self, request: Request) -> str:
        grants = self._access.grants(request.headers.get("authorization"))
        return grants.who if grants is not None else "somebody"

    async def _tags(self, request: Request, repository: str, _: str) -> Response:
        text = request.query_params.get("n", str(MAX_PAGE))
        if not (text.isascii() and text.isdecimal() and len(text) < 10):
            raise RegistryError("UNSUPPORTED", "'n' is a whole number", status=400)
        limit = min(int(text), MAX_PAGE)
        found = self._store.tags(repository, after=request.query_params.get("last", ""), limit=limit + 1)
        tags = found[:limit]
        headers = {}
        if len(found) > limit > 0:
            headers["link"] = f'</v2/{repository}/tags/list?n={limit}&last={quote(tags[-1])}>; rel="next"'
        return JSONResponse({"name": repository, "tags": list(tags)}, headers=headers)

    async def _referrers(self, request: Request, repository: str, digest: str) -> Response:
        require_digest(digest)
        wanted = request.query_params.get("artifactType")
        headers = {"content-type": OCI_INDEX, **({"oci-filters-applied": "artifactType"} if wanted else {})}
        found = list(self._store.referrers(repository, digest))
        return JSONResponse(index_of_referrers(found, wanted), headers=headers)


def _range(header: str | None, size: int) -> tuple[int, int]:
    """The first byte that is asked for, and that behind the last (RFC 9110, 14.1.2); several ranges are all.

    Raises:
        RegistryError: there is none such.
    """
    found = _RANGE.fullmatch(header or "")
    if found is None or found[0] == "bytes=-":
        return 0, size
    if not found[1]:
        first, end = max(size - int(found[2]), 0), size
    else:
        first, end = int(found[1]), min(int(found[2]) + 1, size) if found[2] else size
    if first >= end:
        raise RegistryError(
            "SIZE_INVALID", f"it has {size} bytes", status=416, headers={"content-range": f"bytes */{size}"}
        )
    return first, end


async def _body(request: Request, limit: int) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit:
            raise RegistryError("SIZE_INVALID", f"a manifest has at most {limit} bytes", status=413)
    return bytes(body)


def _created(location: str, digest: str) -> Response:
    return Response(status_code=201, headers={"location": location, "docker-content-digest": digest})


def _refused(error: RegistryError) -> Response:
    body = {"errors": [{"code": error.code, "message": error.message}]}
    return JSONResponse(body, status_code=error.status, headers=dict(error.headers))
