"""What members, and whoever asks, look like on the wire."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from shared.domain.members import Member
from shared.services.tenancy.authentication import Acquaintance


def member(value: Member) -> dict[str, Any]:
    told = asdict(value)
    del told["etag"]
    return told


def me(value: Acquaintance, operations: Sequence[str]) -> dict[str, Any]:
    principal = value.caller.principal if value.caller else None
    return {
        "issuer": value.identity.issuer,
        "subject": value.identity.subject,
        "tenants": [
            {"id": one.tenant_id, "user": one.user, "kind": one.kind, "roles": one.roles}
            for one in value.memberships
        ],
        "tenant_id": principal.tenant_id if principal else None,
        "principal": principal.name if principal else None,
        "kind": principal.kind if principal else None,
        "roles": sorted(principal.roles) if principal else [],
        "attributes": dict(principal.attributes) if principal else {},
        "operations": operations,
    }
