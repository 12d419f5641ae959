"""A registry of container images, by the OCI distribution specification 1.1.

One :class:`Registry` is one registry and one way to sign in to it. Repositories are named without the
registry (``acme/app``); a reference is a tag or a digest. Whatever fails is an :class:`ActionError`.
"""

import hashlib
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

import orjson

from shared.domain.images import DIGEST, DOCKER_HUB
from shared.modules.bodies import BodyTooLargeError, read_body
from shared.modules.containers.registry.answers import done_with, led_to
from shared.modules.containers.registry.authentication import RegistryCredentials
from shared.modules.containers.registry.downloads import Downloads, check_digest
from shared.modules.containers.registry.manifests import (
    MANIFESTS,
    MAX_MANIFEST,
    Descriptor,
    Manifest,
    Named,
)
from shared.modules.containers.registry.patience import Pace
from shared.modules.containers.registry.sending import PACE, Connections, Sender, told_as_action_error
from shared.modules.containers.registry.uploads import Source, Uploads
from shared.ports.actions import ActionError
from shared.ports.registries import Login
from shared.security.origins import is_loopback

if TYPE_CHECKING:
    import httpx

HUB_ORIGIN: Final = "https://registry-1.docker.io"
MAX_TAGS: Final = 10_000
PAGE: Final = 1000


def origin_of_registry(name: str) -> str:
    """Where the registry that references call ``name`` is: over TLS, unless it is this machine's own."""
    if name == DOCKER_HUB:
        return HUB_ORIGIN
    host = urlsplit(f"//{name}").hostname
    return f"{'http' if is_loopback(host) else 'https'}://{name}"


class Registry:
    """One registry, as whoever the credentials name."""

    def __init__(
        self,
        connections: Connections,
        name: str,
        credentials: RegistryCredentials = None,
        *,
        origin: str | None = None,
        pace: Pace = PACE,
    ) -> None:
        """``name`` is what references have and messages tell; it says where it is, unless ``origin`` does."""
        self.name = name
        self.origin = origin or origin_of_registry(name)
        self._sender = Sender(connections, self.origin, name, credentials, pace)
        self._downloads, self._uploads = Downloads(self._sender), Uploads(self._sender)

    async def lent(self) -> Login | None:
        """What others sign in with as the platform's identity, for some hours; None: that is not used here.

        Raises:
            ActionError: it cannot be had.
        """
        return await self._sender.lent("signing in to")

    async def ping(self) -> None:
        """Find out whether it is a registry that lets us in.

        Raises:
            ActionError: it is none, or does not.
        """
        response = await self._sender.expect(_OK, "GET", "/v2/", scope="", doing="asking")
        await done_with(response)

    async def digest(self, repository: str, reference: str) -> str | None:
        """The digest of the manifest that a tag or digest stands for; None: there is none.

        Raises:
            ActionError: the registry does not say.
        """
        response = await self._manifest("HEAD", repository, reference)
        await done_with(response)
        if response.status_code == 404:
            return None
        told = response.headers.get("docker-content-digest", "")
        if DIGEST.fullmatch(told):
            return str(told)
        found = await self.manifest(repository, reference)  # registries before the specification 1.0
        return found.digest if found else None

    async def manifest(self, repository: str, reference: str) -> Manifest | None:
        """The manifest that a tag or digest stands for; None: there is none.

        Raises:
            ActionError: it cannot be had, is too large, or is not what its digest says.
        """
        doing = f"reading {_named(repository, reference)} from {self.name}"
        response = await self._manifest("GET", repository, reference)
        try:
            if response.status_code == 404:
                return None
            with told_as_action_error(doing):
                content = await read_body(response, limit=MAX_MANIFEST)
        except BodyTooLargeError as error:
            message = f"{doing}: the manifest has more than {MAX_MANIFEST} bytes"
            raise ActionError("MANIFEST_INVALID", message, retryable=False) from error
        finally:
            await done_with(response)
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in MANIFESTS:
            message = f"{doing}: it is of type {kind[:100]!r}, which is no image that is known here"
            raise ActionError("MANIFEST_INVALID", message, retryable=False)
        if DIGEST.fullmatch(reference):
            check_digest(hashlib.new(reference.partition(":")[0], content).hexdigest(), reference, doing)
        return Manifest(content, kind)

    async def named_by(self, repository: str, tag: str) -> Named | None:
        """What a tag stands for, readable or not, and what that names; None: there is no such tag.

        Raises:
            ActionError: the registry does not say.
        """
        try:
            manifest = await self.manifest(repository, tag)
            return None if manifest is None else Named.of(manifest)
        except ActionError as error:
            if error.code != "MANIFEST_INVALID":
                raise
        digest = await self.digest(repository, tag)  # it is nothing that is known here
        return Named(digest) if digest else None

    async def put_manifest(self, repository: str, manifest: Manifest, reference: str | None = None) -> str:
        """Store ``manifest`` under a tag, or only by its digest; its digest. What it names must be there.

        Doing it again changes nothing.

        Raises:
            ActionError: the registry does not take it.
        """
        reference = reference or manifest.digest
        response = await self._sender.expect(
            _CREATED,
            "PUT",
            f"/v2/{repository}/manifests/{reference}",
            scope=push_scope(repository),
            doing=f"putting {_named(repository, reference)} to",
            content=manifest.content,
            headers={"content-type": manifest.media_type},
        )
        await done_with(response)
        told = response.headers.get("docker-content-digest", manifest.digest)
        if told != manifest.digest and told.startswith("sha256:"):
            message = (
                f"{self.name} stored {_named(repository, reference)} as {told}, which was {manifest.digest}"
            )
            raise ActionError("DIGEST_MISMATCH", message, retryable=False)
        return manifest.digest

    async def delete(self, repository: str, reference: str) -> bool:
        """Remove a tag, or by its digest a manifest with all its tags; False: it was not there.

        Raises:
            ActionError: it is still there. ``REGISTRY_REFUSED``: registries need not be able to.
        """
        response = await self._sender.expect(
            frozenset({200, 202, 204, 404}),
            "DELETE",
            f"/v2/{repository}/manifests/{reference}",
            scope=f"repository:{repository}:delete,pull,push",
            doing=f"removing {_named(repository, reference)} from",
        )
        await done_with(response)
        return response.status_code != 404

    async def tags(self, repository: str) -> Sequence[str]:
        """The tags of a repository, none if it does not exist; of ten thousand and more, not all.

        Raises:
            ActionError: the registry does not say.
        """
        found: list[str] = []
        async for page in self.all_tags(repository):
            found += page
            if len(found) >= MAX_TAGS:
                break
        return found

    async def all_tags(self, repository: str) -> AsyncIterator[Sequence[str]]:
        """The tags of a repository, some at a time; none if it does not exist.

        Raises:
            ActionError: the registry does not say.
        """
        where = f"/v2/{repository}/tags/list?n={PAGE}"
        async for page in self._pages(where, "tags", scope=pull_scope(repository)):
            yield page

    async def repositories(self, folder: str) -> AsyncIterator[str]:
        """The repositories in a folder (``acme/``), however deep.

        Registries need not be able to tell (Docker's "Listing Repositories", which Azure's have, too).

        Raises:
            ActionError: the registry does not say.
        """
        where = f"/v2/_catalog?n={PAGE}&last={quote(folder)}"
        async for page in self._pages(where, "repositories", scope="registry:catalog:*"):
            for name in page:
                if name.startswith(folder):
                    yield name
                elif name > folder:
                    return  # they are in order

    async def delete_repository(self, repository: str) -> None:
        """Remove a repository with all that it has.

        An Azure Container Registry does so itself; of others, what has a tag is removed, and what has none is
        left to the registry's own garbage collection.

        Raises:
            ActionError: it is still there.
        """
        response = await self._sender.expect(
            frozenset({202, 404, 405}),
            "DELETE",
            f"/acr/v1/{repository}",
            scope=f"repository:{repository}:delete",
            doing=f"removing {repository} from",
        )
        await done_with(response)
        if response.status_code != 202:
            for tag in [tag async for page in self.all_tags(repository) for tag in page]:
                if (named := await self.named_by(repository, tag)) is not None:
                    for digest in (
                        *named.subjects,
                        named.digest,
                    ):  # of an image, a record may be all that tells
                        await self.delete(repository, digest)

    async def has_blob(self, repository: str, digest: str) -> bool:
        """Whether the repository has it.

        Raises:
            ActionError: the registry does not say.
        """
        response = await self._sender.expect(
            _OK | {404},
            "HEAD",
            f"/v2/{repository}/blobs/{digest}",
            scope=pull_scope(repository),
            doing=f"looking for {digest} of {repository} in",
        )
        await done_with(response)
        return response.status_code == 200

    async def blob(self, repository: str, wanted: Descriptor, offset: int = 0) -> AsyncIterator[bytes]:
        """The bytes of a blob from ``offset`` on; a connection that breaks is taken up again where it broke.

        Read to its end from the beginning, they are the blob's: what is damaged fails before the end.

        Raises:
            ActionError: it is not there, not as long as it should be, or not what its digest says.
        """
        async for piece in self._downloads.read(repository, wanted, offset):
            yield piece

    async def read(self, repository: str, wanted: Descriptor, *, limit: int) -> bytes:
        """A small blob as a whole.

        Raises:
            ActionError: as :meth:`blob`, or it is larger than ``limit`` bytes.
        """
        if wanted.size > limit:
            message = f"{wanted.digest} of {repository} in {self.name} has more than {limit} bytes"
            raise ActionError("BLOB_TOO_LARGE", message, retryable=False)
        return b"".join([piece async for piece in self.blob(repository, wanted)])

    async def put_blob(
        self, repository: str, blob: Descriptor, source: Source | bytes, *, mount_from: str | None = None
    ) -> int:
        """Store a blob unless the repository has it; how many bytes were sent.

        ``source`` gives its bytes from an offset on, and may be asked several times: what broke off goes on
        from where the registry stands. ``mount_from`` is a repository of this registry that has it.

        Raises:
            ActionError: the registry does not take it, or it is not what its digest says.
        """
        if await self.has_blob(repository, blob.digest):
            return 0
        return await self._uploads.put(repository, blob, source, mount_from=mount_from)

    async def _manifest(self, method: str, repository: str, reference: str) -> "httpx.Response":
        return await self._sender.expect(
            _OK | {404},
            method,
            f"/v2/{repository}/manifests/{reference}",
            scope=pull_scope(repository),
            doing=f"reading {_named(repository, reference)} from",
            headers={"accept": ", ".join(MANIFESTS)},
        )

    async def _pages(self, where: str, key: str, *, scope: str) -> AsyncIterator[list[str]]:
        """A list, page by page; none if the registry says that there is no such."""
        doing = f"listing {key} ({where.partition('?')[0]}) in"
        following: str | None = where
        while following:
            response = await self._sender.expect(_OK | {404}, "GET", following, scope=scope, doing=doing)
            if response.status_code == 404:
                await done_with(response)
                return
            yield await self._page(response, key, f"{doing} {self.name}")
            following = response.links.get("next", {}).get("url")
            following = led_to(response, following, f"{doing} {self.name}") if following else None

    async def _page(self, response: "httpx.Response", key: str, doing: str) -> list[str]:
        try:
            with told_as_action_error(doing):
                document = orjson.loads(await read_body(response, limit=MAX_MANIFEST))
        except (orjson.JSONDecodeError, BodyTooLargeError):
            document = None
        finally:
            await done_with(response)
        if not isinstance(document, dict) or not isinstance(found := document.get(key) or [], list):
            raise ActionError("REGISTRY_REFUSED", f"{doing}: it did not answer with a list", retryable=False)
        return [str(one) for one in found]


_OK: Final = frozenset({200})
_CREATED: Final = frozenset({201})


def pull_scope(repository: str) -> str:
    return f"repository:{repository}:pull"


def push_scope(repository: str) -> str:
    return f"repository:{repository}:pull,push"


def _named(repository: str, reference: str) -> str:
    return f"{repository}{'@' if ':' in reference else ':'}{reference}"
