"""The targets port: where workloads run, and how what runs there stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.domain.workloads import Change, Deployment, Rollout, Workload
from shared.security.scope import TenantScope


class TargetError(Exception):
    """A target cannot do what it is asked; the message says what to do about it.

    ``code`` is stable; ``retryable`` says whether asking again may end otherwise.
    """

    def __init__(self, code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable


@dataclass(frozen=True, slots=True)
class Probed:
    """What a deployment answered; ``body`` is at most so much of it as was asked for."""

    status: int
    body: bytes


class Target(Protocol):
    """One place where workloads run. A tenant's workloads are its own, whatever others call theirs."""

    @property
    def name(self) -> str:
        """How plans and outputs call it."""
        ...

    async def foresee(self, scope: TenantScope, workload: Workload) -> Sequence[Change]:
        """What :meth:`apply` would change, with nothing changed.

        Raises:
            TargetError: it would be refused, or the target cannot be asked.
        """
        ...

    async def apply(self, scope: TenantScope, workload: Workload, *, key: str) -> Deployment:
        """Ask for the workload, in place of what runs under its name; it is rolled out from then on.

        What is asked for is kept when it returns, and rolled out whatever dies. Of one ``key``, the second
        time does nothing, also after another has taken its place. Of two keys, the last to ask wins.

        Raises:
            TargetError: it is refused, or the target cannot be asked.
        """
        ...

    async def rollout(self, scope: TenantScope, deployment: Deployment) -> Rollout:
        """How the deployment stands. One that another has taken the place of has failed.

        Raises:
            TargetError: there is no such deployment, or the target cannot be asked.
        """
        ...

    async def undo(self, scope: TenantScope, deployment: Deployment) -> Rollout | None:
        """Put back what ran before the deployment, or nothing if nothing did; how that stands (None: gone).

        Idempotent. A deployment that another has taken the place of is left as it is: nothing of it runs.

        Raises:
            TargetError: the target cannot be asked.
        """
        ...

    async def probe(
        self, scope: TenantScope, deployment: Deployment, *, path: str, seconds: float, limit: int
    ) -> Probed:
        """What the workload answers to ``GET path``, read up to ``limit`` bytes, within ``seconds``.

        Raises:
            TargetError: it does not answer (retryable), or there is no such workload.
        """
        ...
