"""The credentials port: tokens with which the platform itself calls other services."""

from typing import Protocol


class CredentialsError(Exception):
    """No token can be had. ``message`` names neither secrets nor what the other side's log is for.

    ``retryable`` says whether asking again may end otherwise.
    """

    def __init__(self, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.message = message
        self.retryable = retryable


class Credentials(Protocol):
    async def token(self, *, scope: str, on_behalf_of: str | None = None) -> str:
        """An access token of the platform's own identity, good for some minutes at least.

        Args:
            scope: whom the token is for: ``api://x/.default``.
            on_behalf_of: a user's access token for this platform, to act for that user instead
                (OAuth 2.0 on-behalf-of; RFC 7523). It must have been verified.

        Tokens are kept while they are good, so asking often costs nothing.

        Raises:
            CredentialsError: there is no such identity here, or its issuer refuses or does not answer.
        """
        ...


class NoCredentials:
    """Of a platform that has no identity of its own."""

    async def token(self, *, scope: str, on_behalf_of: str | None = None) -> str:
        del on_behalf_of
        message = f"this platform has no identity to get a token for {scope} with (see QUANTUM_CREDENTIALS)"
        raise CredentialsError(message, retryable=False)
