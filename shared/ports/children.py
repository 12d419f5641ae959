"""The children port: how a step has another intent executed, and learns what came of it.

A child follows from the attempt that asks for it: to ask again is to ask for the same one.
"""

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from shared.domain.children import Child
from shared.domain.places import Place
from shared.security.scope import TenantScope

type Stop = Literal["cancel", "terminate"]


class ChildRefusedError(Exception):
    """There is no child, and will be none of this attempt; another one may have one if it is ``retryable``.

    ``code`` is stable; the message is for who watches the parent.
    """

    def __init__(self, code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable


class Children(Protocol):
    """Every method raises UnavailableError when the store cannot be reached."""

    async def begin(
        self, scope: TenantScope, parent: Place, intent: str, parameters: Mapping[str, Any]
    ) -> Child:
        """Have ``intent`` executed in the name of who executes the parent; the child that there is.

        When it has come to its end, the parent's step is nudged.

        Raises:
            ChildRefusedError: it cannot be executed, too many or too deep are, or it was cancelled before.
        """
        ...

    async def look(self, scope: TenantScope, parent: Place) -> Child | None:
        """How the child stands now; None: there is none."""
        ...

    async def stop(self, scope: TenantScope, parent: Place, how: Stop) -> Child | None:
        """Have the child cancelled or terminated, unless it has ended.

        None: there is none, and now never will be.
        """
        ...
