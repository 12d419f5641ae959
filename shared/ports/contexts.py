"""The contexts port: where archives are kept that container images are built from."""

from pathlib import Path
from typing import Protocol

from shared.security.scope import TenantScope


class ContextRefusedError(Exception):
    """Nothing can be built from the archive; the message says why."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NoContextsError(Exception):
    """This platform keeps none; the message says what its operator has to set."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ContextStore(Protocol):
    async def keep(self, scope: TenantScope, archive: Path, *, digest: str, size: int) -> None:
        """Look the file ``archive`` through and keep it under its digest; doing it again changes nothing.

        Raises:
            ContextRefusedError: nothing can be built from it; nothing is kept.
            NoContextsError: there is nowhere to keep it.
            UnavailableError: it cannot be kept now.
        """
        ...

    async def forget(self, scope: TenantScope, digest: str) -> None:
        """Keep it no longer; nothing happens if it is not there.

        Raises:
            NoContextsError: there is nowhere that it could be.
            UnavailableError: the store does not answer.
        """
        ...
