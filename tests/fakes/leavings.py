"""Leavings in memory: repositories, and the executions whose tags they have."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from shared.domain.errors import UnavailableError
from shared.ports.leavings import CannotClearError, Gone
from shared.security.scope import TenantScope


@dataclass
class FakeLeavings:
    """``left`` has the executions by repository; ``before`` is called with each that is to be cleared."""

    left: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    before: Callable[[str], object] = lambda _repository: None
    is_away: bool = False
    cannot: bool = False
    looked: list[str] = field(default_factory=list[str])

    async def repositories(self, scope: TenantScope) -> AsyncIterator[str]:
        if self.is_away:
            raise UnavailableError
        if self.cannot:
            raise CannotClearError("it lists nothing")
        for repository in sorted(self.left):
            if repository.startswith(f"{scope.tenant_id}/"):
                yield repository

    async def clear(
        self, scope: TenantScope, repository: str, *, gone: Gone, go_on: Callable[[], bool]
    ) -> int:
        assert repository.startswith(f"{scope.tenant_id}/")
        self.looked.append(repository)
        self.before(repository)
        if not go_on():
            return 0
        went = await gone(self.left[repository])
        self.left[repository] -= set(went)
        return len(went)
