"""Children that stand as a test says."""

from collections.abc import Mapping
from typing import Any

from shared.domain.children import Child
from shared.domain.places import Place
from shared.ports.children import ChildRefusedError, Stop
from shared.security.scope import TenantScope


class StandingChildren:
    """Every answer is ``child``; ``refusal`` is why there is none, and ``asked`` what was asked last."""

    def __init__(self) -> None:
        self.child: Child | None = None
        self.refusal: ChildRefusedError | None = None
        self.asked: tuple[Any, ...] = ()
        self.stops: list[tuple[Place, Stop]] = []

    async def begin(
        self, scope: TenantScope, parent: Place, intent: str, parameters: Mapping[str, Any]
    ) -> Child:
        self.asked = (scope.tenant_id, parent, intent, dict(parameters))
        if self.refusal is not None:
            raise self.refusal
        assert self.child is not None
        return self.child

    async def look(self, scope: TenantScope, parent: Place) -> Child | None:
        return self.child

    async def stop(self, scope: TenantScope, parent: Place, how: Stop) -> Child | None:
        self.stops.append((parent, how))
        return self.child
