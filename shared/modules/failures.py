"""How actions fail that reach out, and of which several do the same."""

from typing import Final

from shared.domain.failures import EGRESS, either, final, passing

FETCHING: Final = (
    *EGRESS,
    passing("HTTP_CONNECTION", "there was no answer"),
    final("HTTP_URL", "it is no URL that can be asked"),
)
"""Who asks a URL."""

SIGNING_IN: Final = (
    final("AUTH_REFUSED", "the platform signs in to that with nothing of its own"),
    either("AUTH_UNAVAILABLE", "no token was given to sign in with"),
)
"""Who signs in as the platform."""
