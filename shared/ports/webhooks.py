"""The webhooks port: hand a message to an address that a tenant has named."""

from collections.abc import Mapping
from typing import Protocol


class UndeliveredError(Exception):
    """Nobody answered, or the address is one that the platform does not reach; the message says which."""


class WebhookSender(Protocol):
    async def send(self, *, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """POST ``body`` and return the status of the answer, whatever it is; redirects are not followed.

        What the answer says beside its status is not read. It takes some seconds at most.

        Raises:
            UndeliveredError: there was no answer.
        """
        ...
