"""The one door to a tenant's data.

Every call of a store takes a :class:`TenantScope`. It is made by authentication, from the principal it has
verified; by a trigger, from a document or message of the platform's own; and by who sets tenants up.
``tests/security/scopes.txt`` has each of these places with its reason; a test looks that there are no more.
"""

import re
from dataclasses import dataclass

TENANT_ID = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
"""A tenant's id is a DNS label: it stands in keys, subjects and addresses as it is."""


@dataclass(frozen=True, slots=True)
class TenantScope:
    """The right to touch the documents of one tenant, and of no other."""

    tenant_id: str

    def __post_init__(self) -> None:
        if not TENANT_ID.fullmatch(self.tenant_id):
            raise ValueError(f"not a tenant id: {self.tenant_id!r}")
