"""What build contexts look like on the wire."""

from typing import Any

from shared.domain.contexts import BuildContext


def build_context(value: BuildContext) -> dict[str, Any]:
    return {
        "reference": value.reference,
        "size": value.size,
        "created_at": value.created_at,
        "created_by": value.created_by,
        "expires_at": value.expires_at,
    }
