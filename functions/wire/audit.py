"""What an export of the audit trail looks like on the wire."""

from collections.abc import Mapping
from typing import Any


def manifest(
    tenant_id: str, *, at: str, whole: bool, records: int, links: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """The last line of an export of audit records: what they are held against."""
    said = {"tenant_id": tenant_id, "exported_at": at, "complete": whole, "records": records, "chains": links}
    return {"manifest": said}
