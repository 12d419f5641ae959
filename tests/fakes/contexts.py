"""Build contexts that are kept in memory."""

import asyncio
from pathlib import Path

from shared.ports.contexts import ContextRefusedError
from shared.security.scope import TenantScope


class KeptContexts:
    """Takes whatever is gzip or tar by its first bytes."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], bytes] = {}

    async def keep(self, scope: TenantScope, archive: Path, *, digest: str, size: int) -> None:
        content = await asyncio.to_thread(archive.read_bytes)
        if not content.startswith(b"\x1f\x8b") and b"ustar" not in content[:512]:
            raise ContextRefusedError("nothing can be built from this archive: it is none")
        assert len(content) == size
        self.kept[scope.tenant_id, digest] = content

    async def forget(self, scope: TenantScope, digest: str) -> None:
        self.kept.pop((scope.tenant_id, digest), None)
