"""What pages of lists look like on the wire."""

from collections.abc import Mapping, Sequence
from typing import Any


def page(items: Sequence[Mapping[str, Any]], next_cursor: str | None) -> dict[str, Any]:
    return {"items": items, "next_cursor": next_cursor}
