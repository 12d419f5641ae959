"""Putting a blob into a registry: mounted, at once, or in chunks that go on where a connection broke.

By the distribution specification 1.1, "Pushing blobs": ``POST`` opens a session or mounts, ``PATCH`` sends a
chunk, ``GET`` tells how far the registry has come, ``PUT`` closes. Each answer says where the next request
goes.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Final

from shared.modules.containers.registry.answers import done_with, failure, led_to
from shared.modules.containers.registry.manifests import Descriptor
from shared.modules.containers.registry.patience import MIB, Patience
from shared.modules.containers.registry.sending import Content, Sender
from shared.ports.actions import ActionError

if TYPE_CHECKING:
    import httpx

LARGEST_CHUNK: Final = 64 * MIB

REFUSED: Final = "REGISTRY_REFUSED"
"""The code of what a registry does not take as it is."""

_RANGE: Final = re.compile(r"(?:bytes=)?0-(\d{1,18})")
_BINARY: Final = {"content-type": "application/octet-stream"}

type Source = Callable[[int], AsyncIterator[bytes]]
"""The bytes of a blob from an offset on."""


class SourceError(Exception):
    """What is to be sent cannot be read; that has been tried often enough."""

    def __init__(self, error: ActionError) -> None:
        super().__init__(error.message)
        self.error = error


class Uploads:
    """Uploads to one registry."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def put(
        self, repository: str, blob: Descriptor, source: Source | bytes, *, mount_from: str | None = None
    ) -> int:
        """Store the blob; how many bytes were sent, none if it could be mounted.

        Raises:
            ActionError: the registry does not take it.
        """
        read = _of_bytes(source) if isinstance(source, bytes) else _told(source)
        upload = _Upload(self._sender, repository, blob, read)
        if await upload.open(mount_from):
            return 0
        try:
            await upload.send()
        except BaseException as error:
            with suppress(ActionError):
                await upload.abandon()
            if isinstance(error, SourceError):
                raise error.error from error
            raise
        return blob.size


class _Upload:
    """One blob on its way."""

    def __init__(self, sender: Sender, repository: str, blob: Descriptor, source: Source) -> None:
        self._sender = sender
        self._pace = sender.pace
        self._repository = repository
        self._blob = blob
        self._source = source
        self._location = ""
        self._chunk = sender.pace.chunk
        self._patience = Patience(sender.pace)

    async def open(self, mount_from: str | None = None) -> bool:
        """Open a session; True: there is no need to, the blob is mounted."""
        mount = {"mount": self._blob.digest, "from": mount_from} if mount_from else {}
        reads = f" repository:{mount_from}:pull" if mount_from else ""
        response = await self._expect(
            frozenset({201, 202}) if mount else frozenset({202}),
            "POST",
            f"/v2/{self._repository}/blobs/uploads/",
            params=mount,
            headers={"content-length": "0"},
            more_scope=reads,
        )
        await done_with(response)
        if response.status_code == 201:
            return True
        wanted = response.headers.get("oci-chunk-min-length", "")
        if wanted.isdecimal() and len(wanted) < 12:
            self._chunk = min(max(self._chunk, int(wanted)), LARGEST_CHUNK)
        self._go_on(response)
        return False

    async def send(self) -> None:
        if self._blob.size > self._pace.at_once:
            try:
                await self._send_chunks()
            except ActionError as error:
                if error.code != REFUSED:
                    raise
                self._patience.renew()
                await self.open()  # it takes no chunks, or none like these: registries differ
            else:
                return
        await self._send_whole()

    async def abandon(self) -> None:
        """Have the registry forget what it has of it."""
        response = await self._send("DELETE", self._location)
        await done_with(response)

    async def _send_whole(self) -> None:
        """Send it with the request that closes the session."""
        length = {"content-length": str(self._blob.size), **_BINARY}
        again = False
        while True:
            try:
                if again:  # what came of the request before is not known
                    if await self._is_there():
                        return
                    await self.open()
                await self._close(content=lambda: self._source(0), headers=length)
            except ActionError as error:
                await self._patience.wait(error)
                again = True
            else:
                return

    async def _send_chunks(self) -> None:
        """Send it piece by piece, from where the registry stands each time."""
        at = 0
        while at < self._blob.size:
            try:
                at = await self._send_from(at)
            except ActionError as error:
                at = await self._recovered(error)
        await self._close_chunks()

    async def _send_from(self, at: int) -> int:
        """Send what is behind ``at`` as long as the registry follows; where it stands then."""
        async with aclosing(_chunks(self._source(at), self._chunk)) as chunks:
            async for chunk in chunks:
                reached = await self._send_chunk(chunk, at)
                if not at < reached <= at + len(chunk):
                    message = f"{self._doing}: it says that it has {reached} bytes after {at + len(chunk)}"
                    raise ActionError(REFUSED, message, retryable=True)
                if reached < at + len(chunk):
                    return reached  # to be read again from there
                at = reached
                self._patience.renew()
        if at < self._blob.size:
            message = f"{self._doing}: there are only {at} of its {self._blob.size} bytes to send"
            raise ActionError("DIGEST_MISMATCH", message, retryable=False)
        return at

    async def _send_chunk(self, chunk: bytes, at: int) -> int:
        """How many bytes the registry has now."""
        size = len(chunk)
        sent = {"content-length": str(size), "content-range": f"{at}-{at + size - 1}", **_BINARY}
        # An answer knows its request, in a cycle: the bytes would stay until garbage is collected.
        held = [chunk]
        del chunk

        async def pieces() -> AsyncIterator[bytes]:
            yield held[0]

        response = await self._send("PATCH", self._location, content=pieces, headers=sent)
        held.clear()
        try:
            match response.status_code:
                case 202 | 204:
                    self._go_on(response)
                    return _reached(response.headers, at + size)
                case 416:  # it stands elsewhere: what was thought to be lost had arrived, or the other way
                    raise ActionError(REFUSED, f"{self._doing}: it is elsewhere in the blob", retryable=True)
                case _:
                    raise await failure(response, self._doing)
        finally:
            await done_with(response)

    async def _recovered(self, error: ActionError) -> int:
        """Wait, and ask where the registry stands.

        Raises:
            ActionError: it is not tried again.
        """
        while True:
            await self._patience.wait(error)
            try:
                return await self._standing()
            except ActionError as again:
                error = again

    async def _standing(self) -> int:
        """Where the registry stands; from the beginning, in a new session, if it has lost this one."""
        response = await self._send("GET", self._location)
        await done_with(response)
        if response.status_code not in {200, 202, 204}:
            await self.open()
            return 0
        self._go_on(response)
        return _reached(response.headers, 0)

    async def _close_chunks(self) -> None:
        again = False
        while True:
            try:
                if again and await self._is_there():
                    return
                await self._close(headers={"content-length": "0"})
            except ActionError as error:
                await self._patience.wait(error)
                again = True
            else:
                return

    async def _close(self, *, content: Content = None, headers: Mapping[str, str]) -> None:
        response = await self._send(
            "PUT", self._location, content=content, headers=headers, params={"digest": self._blob.digest}
        )
        try:
            if response.status_code not in {201, 204}:
                raise await self._refusal(response)
        finally:
            await done_with(response)

    async def _refusal(self, response: "httpx.Response") -> ActionError:
        error = await failure(response, self._doing)
        if "DIGEST_INVALID" in error.message:
            message = f"{error.message}; what was sent is not what its digest says"
            return ActionError("DIGEST_MISMATCH", message, retryable=False)
        return error

    async def _is_there(self) -> bool:
        response = await self._send("HEAD", f"/v2/{self._repository}/blobs/{self._blob.digest}")
        await done_with(response)
        return response.status_code == 200

    @property
    def _doing(self) -> str:
        return f"{self._words} {self._sender.name}"

    @property
    def _words(self) -> str:
        return f"putting {self._blob.digest} into {self._repository} of"

    @property
    def _scope(self) -> str:
        return f"repository:{self._repository}:pull,push"

    async def _send(
        self,
        method: str,
        where: str,
        *,
        content: Content = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> "httpx.Response":
        return await self._sender.send(
            method,
            where,
            scope=self._scope,
            doing=self._words,
            content=content,
            headers=headers,
            params=params,
        )

    async def _expect(
        self,
        statuses: frozenset[int],
        method: str,
        where: str,
        *,
        headers: Mapping[str, str],
        params: Mapping[str, str],
        more_scope: str,
    ) -> "httpx.Response":
        return await self._sender.expect(
            statuses,
            method,
            where,
            scope=self._scope + more_scope,
            doing=self._words,
            headers=headers,
            params=params,
        )

    def _go_on(self, response: "httpx.Response") -> None:
        """Go on where the answer says."""
        location = response.headers.get("location")
        if location:
            self._location = led_to(response, location, self._doing)
        if not self._location:
            message = f"{self._doing}: it did not say where to send it"
            raise ActionError("REGISTRY_REFUSED", message, retryable=False)


async def _chunks(pieces: AsyncIterator[bytes], size: int) -> AsyncGenerator[bytes]:
    """``pieces`` put together to chunks of ``size`` bytes; the last may be smaller."""
    buffer = bytearray()
    async for piece in pieces:
        buffer += piece
        while len(buffer) >= size:
            yield bytes(buffer[:size])
            del buffer[:size]
    if buffer:
        yield bytes(buffer)


def _reached(headers: Mapping[str, str], otherwise: int) -> int:
    """How many bytes a registry has, as its ``Range`` tells: ``0-0`` is one, or none."""
    told = _RANGE.fullmatch(headers.get("range", ""))
    if told is None:
        return otherwise
    last = int(told[1])
    return last + 1 if last else otherwise if otherwise <= 1 else 0


def _of_bytes(content: bytes) -> Source:
    async def read(offset: int) -> AsyncIterator[bytes]:
        yield content[offset:]

    return read


def _told(source: Source) -> Source:
    """``source``, whose failures are told from those of the registry that it goes to."""

    async def read(offset: int) -> AsyncIterator[bytes]:
        try:
            async for piece in source(offset):
                yield piece
        except ActionError as error:
            raise SourceError(error) from error

    return read
