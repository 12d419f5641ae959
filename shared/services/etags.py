"""``If-Match``: a change that is made only to the state that whoever asks for it has seen."""

from collections.abc import Collection
from typing import Final

from shared.domain.errors import StaleError
from shared.ports.documents import Document

QUOTES: Final = '"'
"""Some stores have them around their etags; what is compared has none."""

type IfMatch = Collection[str] | None
"""The etags that will do, ``*`` being any that there is; None: whatever the state, and if there is none."""


def require_match(document: Document | None, if_match: IfMatch) -> None:
    """Let pass what is one of ``if_match``.

    Raises:
        StaleError: it is another, or there is none.
    """
    if if_match is not None and (document is None or not {"*", document.etag.strip(QUOTES)} & set(if_match)):
        raise StaleError
