"""The leavings port: what executions have left in the build registry, and how it goes."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from typing import Protocol

from shared.security.scope import TenantScope

type Gone = Callable[[Collection[str]], Awaitable[Collection[str]]]
"""Which of these executions are no more, and nobody needs what they have left."""


class CannotClearError(Exception):
    """The registry does not tell what it has, or removes nothing; the message says what it answered."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Leavings(Protocol):
    def repositories(self, scope: TenantScope) -> AsyncIterator[str]:
        """The tenant's repositories, in the order of their names.

        Raises:
            CannotClearError: the registry does not list them.
            UnavailableError: it does not answer.
        """
        ...

    async def clear(
        self, scope: TenantScope, repository: str, *, gone: Gone, go_on: Callable[[], bool]
    ) -> int:
        """Take away what executions that are ``gone`` have left in a repository; how many tags went.

        That is the tags that begin with their ids; and the manifests that these stand for or, being records,
        are about, unless something else needs one: a tag of another kind or of an execution that is not
        gone, an index under such a tag, or the record of such an execution. What a deployment holds stays
        with all its tags.

        It ends early when ``go_on`` says so. Whoever dies in the middle has it done by the next: whatever is
        left has a tag by which it is found.

        Raises:
            CannotClearError: the registry removes nothing.
            UnavailableError: it does not answer; some of it may be done.
        """
        ...
