"""The platform's own tokens in what actions send."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from shared.ports.actions import ActionError
from shared.ports.credentials import Credentials, CredentialsError, NoCredentials
from shared.security.outbound import OutboundScope, refusal


@dataclass(frozen=True, slots=True)
class OutboundTokens:
    """Gives actions tokens of the platform's identity, as far as an operator allows."""

    credentials: Credentials
    allowed: Sequence[OutboundScope] = ()

    async def token(self, *, scope: str, tenant_id: str, origin: str) -> str:
        """A token for ``scope``, for a step of ``tenant_id`` to send to ``origin`` and nowhere else.

        Raises:
            ActionError: no operator allows it, or the token cannot be had.
        """
        if (why := refusal(self.allowed, scope=scope, tenant_id=tenant_id, origin=origin)) is not None:
            raise ActionError("AUTH_REFUSED", why, retryable=False)
        return await self.own(scope)

    async def own(self, scope: str) -> str:
        """A token for what is the operator's own, whoever it is used for.

        Raises:
            ActionError: it cannot be had.
        """
        try:
            return await self.credentials.token(scope=scope)
        except CredentialsError as error:
            raise ActionError("AUTH_UNAVAILABLE", error.message, retryable=error.retryable) from error


NO_TOKENS: Final = OutboundTokens(NoCredentials())
"""Of a platform whose operator allows none."""
