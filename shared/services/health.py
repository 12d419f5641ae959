"""Whether what the platform depends on answers now."""

import asyncio
import logging
from collections.abc import Awaitable, Mapping

from shared.domain.errors import UnavailableError
from shared.ports.documents import TENANCY, Documents
from shared.ports.orchestrations import Orchestrations
from shared.ports.tokens import Tokens
from shared.security.scope import TenantScope
from shared.services.members import DIRECTORY

PATIENCE = 2.0
"""Seconds that a dependency has to answer."""

_log = logging.getLogger(__name__)


class Health:
    """Asks each dependency something harmless, all at once."""

    def __init__(self, *, documents: Documents, orchestrations: Orchestrations, tokens: Tokens) -> None:
        self._documents = documents
        self._orchestrations = orchestrations
        self._tokens = tokens

    async def check(self) -> Mapping[str, bool]:
        """Each dependency by name, and whether it answered within ``PATIENCE``."""
        scope = TenantScope(DIRECTORY)
        questions: dict[str, Awaitable[object]] = {
            "documents": self._documents.read(scope, container=TENANCY, partition="health", id="health"),
            "orchestrations": self._orchestrations.status(instance_id="health"),
            "tokens": self._tokens.ready(),
        }
        answers = await asyncio.gather(*(_answers(name, asked) for name, asked in questions.items()))
        return dict(zip(questions, answers, strict=True))


async def _answers(name: str, asked: Awaitable[object]) -> bool:
    try:
        async with asyncio.timeout(PATIENCE):
            await asked
    except (UnavailableError, TimeoutError) as error:
        _log.warning("%s does not answer: %s", name, error)
        return False
    return True
