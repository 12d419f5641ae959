"""What stays true of a tenant whatever becomes of a member: somebody may administer it, policies and all."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from shared.domain.errors import ConflictError
from shared.ports.documents import Document, Documents, Where
from shared.security.permissions import keeper_of
from shared.security.principals import Principal
from shared.services.callers import Caller
from shared.services.tenancy.membership import member_of, member_query, principal_of
from shared.services.tenancy.policies import Policies

LOOKED_AT: Final = 50
"""So many administrators are looked at to find one who may manage policies."""


class Administrators:
    """``policies`` None: nobody changes a member but the operator, who can always mend it."""

    def __init__(self, documents: Documents, policies: Policies | None) -> None:
        self._documents = documents
        self._policies = policies

    async def require(self, caller: Caller, before: Document, after: Mapping[str, Any] | None) -> None:
        """Let a member become ``after`` (None: be removed) if the tenant can still be administered then.

        Whoever keeps a policy must be able to undo it (``policies.py``); so when a member changes who can,
        there must be another one, among the administrators and the caller.

        Raises:
            ConflictError: it is the last administrator, or the last who may manage the tenant's policies.
        """
        user: str = before.body["user"]
        role = keeper_of(caller.scope.tenant_id)
        if role in before.body["roles"] and (after is None or role not in after["roles"]):
            found = await self._administrators(caller, limit=2)
            if all(one.user == user for one in found):
                raise ConflictError(
                    f"{user!r} is the last administrator; give somebody else the role {role!r} first"
                )
        may = await self._policies.keepers(caller) if self._policies else None
        was = principal_of(caller.scope.tenant_id, member_of(before))
        if may is None or not may(was) or (after is not None and may(_changed(was, after))):
            return
        others = [caller.principal, *await self._administrators(caller, limit=LOOKED_AT)]
        if not any(may(one) for one in others if one.user != user):
            raise ConflictError(
                f"By the tenant's policies {user!r} is the last who may manage them, and would be no more; "
                "change the policies first, so that another administrator may"
            )

    async def _administrators(self, caller: Caller, *, limit: int) -> Sequence[Principal]:
        where = [Where(("roles",), "contains", keeper_of(caller.scope.tenant_id))]
        page = await self._documents.query(caller.scope, member_query(where, limit=limit))
        return [principal_of(caller.scope.tenant_id, member_of(one)) for one in page.items]


def _changed(was: Principal, after: Mapping[str, Any]) -> Principal:
    """As it will act; who it is stays."""
    return replace(was, roles=frozenset(after["roles"]), attributes=after["attributes"])
