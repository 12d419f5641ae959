"""Reading a blob from a registry: verified, and taken up again where a connection broke."""

import hashlib
from collections.abc import AsyncIterator
from typing import Final

from shared.modules.containers.registry.manifests import Descriptor
from shared.modules.containers.registry.patience import Patience
from shared.modules.containers.registry.sending import Sender, told_as_action_error
from shared.ports.actions import ActionError

PIECE: Final = 64 * 1024


class Downloads:
    """Downloads from one registry."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def read(self, repository: str, wanted: Descriptor, offset: int) -> AsyncIterator[bytes]:
        """The bytes of a blob from ``offset`` on.

        Raises:
            ActionError: it cannot be had whole, or is not what its descriptor says.
        """
        doing = f"reading {wanted.digest} of {repository} from"
        told = f"{doing} {self._sender.name}"
        check = _Check(wanted, offset, told)
        patience = Patience(self._sender.pace)
        while not check.is_done:
            begun = check.at
            try:
                async for piece in self._answered(repository, wanted, check.at, doing, patience):
                    check.take(piece)
                    yield piece
                check.end()
            except ActionError as error:
                if check.at > begun:
                    patience.renew()
                await patience.wait(error)

    async def _answered(
        self, repository: str, wanted: Descriptor, offset: int, doing: str, patience: Patience
    ) -> AsyncIterator[bytes]:
        """What one answer has of it, from ``offset`` on."""
        response = await self._sender.expect(
            frozenset({200, 206}),
            "GET",
            f"/v2/{repository}/blobs/{wanted.digest}",
            scope=f"repository:{repository}:pull",
            doing=doing,
            patience=patience,
            headers={"range": f"bytes={offset}-"} if offset else {},
        )
        skip = offset if response.status_code == 200 else 0  # it knows no ranges
        try:
            with told_as_action_error(f"{doing} {self._sender.name}"):
                async for piece in response.aiter_raw(PIECE):
                    rest = piece[skip:]
                    skip -= len(piece) - len(rest)
                    if rest:
                        yield rest
        finally:
            await response.aclose()


class _Check:
    """Holds the bytes of a blob against its descriptor, as they come."""

    def __init__(self, wanted: Descriptor, offset: int, told: str) -> None:
        self.at = offset
        self._wanted = wanted
        self._told = told
        # Without those before, the sum of the rest says nothing.
        self._sum = None if offset else hashlib.new(wanted.digest.partition(":")[0])
        if self.is_done:
            self._compare()

    @property
    def is_done(self) -> bool:
        return self.at >= self._wanted.size

    def take(self, piece: bytes) -> None:
        self.at += len(piece)
        if self.at > self._wanted.size:
            message = f"{self._told}: there are more than the {self._wanted.size} bytes of its manifest"
            raise ActionError("DIGEST_MISMATCH", message, retryable=False)
        if self._sum is not None:
            self._sum.update(piece)
            if self.is_done:
                self._compare()

    def end(self) -> None:
        """The answer has ended."""
        if not self.is_done:
            message = f"{self._told}: it ended after {self.at} of {self._wanted.size} bytes"
            raise ActionError("REGISTRY_UNREACHABLE", message, retryable=True)

    def _compare(self) -> None:
        if self._sum is not None:
            check_digest(self._sum.hexdigest(), self._wanted.digest, self._told)


def check_digest(found: str, wanted: str, told: str) -> None:
    """Hold the digest of bytes that came against the one that they were asked by.

    Raises:
        ActionError: it is another.
    """
    if found != wanted.partition(":")[2]:
        message = f"{told}: its bytes have the digest {found}, so it is damaged or was tampered with"
        raise ActionError("DIGEST_MISMATCH", message, retryable=False)
