"""The use cases of secrets: who manages them puts, rotates and deletes; nobody is shown a value.

A secret is a document in its tenant's partition ``secrets``, beside the chain of the audit records. Its value
is in the vault, under a *key* that is made up for it and never used again, in the version that the document
names. There is no transaction over the two, so

- a value is in the vault before the document names its version: whoever dies in between, or loses against
  another change, has put a version that nobody asks for;
- a document is deleted before its value, and from then on nobody asks;
- what is left over in the vault is found and deleted by :mod:`shared.services.secrets.leftovers`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from shared.domain.errors import (
    ConflictError,
    FieldError,
    ValidationFailedError,
)
from shared.domain.paging import Cursors
from shared.domain.secrets import NewSecret, Secret, SecretUse, secret_errors
from shared.domain.times import rfc3339
from shared.ports.clock import Clock, Ids
from shared.ports.documents import (
    REGISTRY,
    Create,
    Delete,
    Document,
    Documents,
    Operation,
    Query,
    Replace,
    Where,
)
from shared.ports.secrets import Secrets as Vault
from shared.security.redaction import is_redactable
from shared.security.scope import TenantScope
from shared.services.audit.chains import Chains
from shared.services.callers import Caller
from shared.services.etags import IfMatch, require_match
from shared.services.receipts import Record
from shared.services.secrets.leftovers import PARTITION, Leftovers, document_id
from shared.services.secrets.values import SecretValues
from shared.services.shelves import Change, Shelf, fields, first, nothing
from shared.services.tenancy.quotas import Room

USERS_SHOWN: Final = 20
"""Most intents that are named as users of a secret."""

_LITTLE: Final = (
    "with its escapes undone, too little is left to be kept out of what steps return; put a longer one"
)
_AUDITED: Final = fields("name", "description", "version")


@dataclass(slots=True)
class _Deposit:
    """The value of one request, put into the vault once for each key, however often the request tries."""

    vault: Vault
    scope: TenantScope
    value: str = field(repr=False)
    versions: dict[str, str] = field(default_factory=dict[str, str])

    async def version(self, key: str) -> str:
        if key not in self.versions:
            self.versions[key] = await self.vault.put(self.scope, name=key, value=self.value)
        return self.versions[key]


class Secrets:
    def __init__(
        self,
        *,
        documents: Documents,
        vault: Vault,
        values: SecretValues,
        leftovers: Leftovers,
        chains: Chains,
        cursors: Cursors,
        clock: Clock,
        ids: Ids,
        room: Room,
    ) -> None:
        self._documents = documents
        self._vault = vault
        self._values = values
        self._leftovers = leftovers
        self._clock = clock
        self._ids = ids
        self._room = room
        self._shelf = Shelf(documents, chains, cursors, room, PARTITION, "secret", _AUDITED, document_id)

    async def put(self, caller: Caller, name: str, new: NewSecret, *, if_match: IfMatch = None) -> Secret:
        """Make the secret, or rotate it: steps that begin from now on get the new value.

        Raises:
            ValidationFailedError: it breaks rules; all of them are listed.
            StaleError: its state is none of ``if_match``.
            QuotaExceededError: the tenant has as many secrets as it may have.
            UnavailableError: the vault or the store cannot be reached; what there was is unchanged.
        """
        errors = secret_errors(name, new)
        if not errors and not is_redactable(new.value):
            errors.append(FieldError("/value", "TOO_SHORT", _LITTLE))
        if errors:
            raise ValidationFailedError(errors=errors)

        async def done(_: Record) -> Secret:
            return _secret(await self._shelf.existing(caller.scope, name))

        deposit, key = _Deposit(self._vault, caller.scope, new.value), self._ids.new()
        work = first(partial(self._put, caller, name, new, if_match, deposit, key))
        return await self._shelf.once(caller, work, done=done)

    async def _put(
        self, caller: Caller, name: str, new: NewSecret, if_match: IfMatch, deposit: _Deposit, key: str
    ) -> Secret | None:
        before = await self._shelf.find(caller.scope, name)
        require_match(before, if_match)
        if before is None:
            await self._room.require(caller.scope, PARTITION)  # before anything is in the vault
            await self._leftovers.note(caller.scope, name=name, key=key)
            place = {"key": key, "reference": await deposit.version(key)}
            body = self._body(caller, name, new, place)
            stored = await self._store(caller, "secret.put", None, body, Create(body))
        else:
            place = {"reference": await deposit.version(before.body["key"])}
            body = self._rotated(caller, before, new, place)
            operation = Replace(body, if_match=before.etag)
            stored = await self._store(caller, "secret.rotate", before, body, operation)
        return _secret(stored) if stored is not None else None

    def _body(self, caller: Caller, name: str, new: NewSecret, place: Mapping[str, str]) -> dict[str, Any]:
        now, who = rfc3339(self._clock.now()), caller.principal.name
        return {
            "id": document_id(name),
            "kind": "secret",
            "name": name,
            "description": new.description or "",
            "version": 1,
            "created_at": now,
            "created_by": who,
            "updated_at": now,
            "updated_by": who,
            **place,
        }

    def _rotated(
        self, caller: Caller, before: Document, new: NewSecret, place: Mapping[str, str]
    ) -> dict[str, Any]:
        told = before.body["description"] if new.description is None else new.description
        return {
            **before.body,
            "description": told,
            "version": before.body["version"] + 1,
            "updated_at": rfc3339(self._clock.now()),
            "updated_by": caller.principal.name,
            **place,
        }

    async def get(self, caller: Caller, name: str) -> tuple[Secret, SecretUse | None, Sequence[str]]:
        """The secret, its last use, and the active intents that mention it (``USERS_SHOWN`` at most).

        Raises:
            NotFoundError: the tenant has none of that name.
        """
        found = await self._shelf.existing(caller.scope, name)
        use = await self._values.last_use(caller.scope, found.body["key"])
        return _secret(found), use, await self._users(caller.scope, name)

    async def list(
        self, caller: Caller, *, limit: int = 50, cursor: str | None = None
    ) -> tuple[Sequence[Secret], str | None]:
        """A page of the tenant's secrets by name, and the cursor of the next.

        Raises:
            BadCursorError: ``cursor`` was not made by this list.
        """
        found, following = await self._shelf.page(caller, limit=limit, cursor=cursor)
        return [_secret(document) for document in found], following

    async def delete(
        self, caller: Caller, name: str, *, if_match: IfMatch = None, even_if_used: bool = False
    ) -> None:
        """Delete the secret: no step gets it from now on.

        An intent that is stored at the same moment, and mentions it, is not seen; its steps find no secret.

        Raises:
            NotFoundError: the tenant has none of that name.
            StaleError: its state is none of ``if_match``.
            ConflictError: active intents mention it, and that was not to be overlooked.
        """
        work = first(partial(self._delete, caller, name, if_match, even_if_used=even_if_used))
        await self._shelf.once(caller, work, done=nothing)

    async def _delete(
        self, caller: Caller, name: str, if_match: IfMatch, *, even_if_used: bool
    ) -> Document | None:
        before = await self._shelf.existing(caller.scope, name)
        require_match(before, if_match)
        if not even_if_used and (users := await self._users(caller.scope, name)):
            raise ConflictError(
                f"The secret {name!r} is mentioned by active intents ({', '.join(users)}): change or "
                "archive them first, or say even_if_used=true"
            )
        key = before.body["key"]
        await self._leftovers.note(caller.scope, name=name, key=key)
        operation = Delete(document_id(name), if_match=before.etag)
        deleted = await self._store(caller, "secret.delete", before, None, operation)
        if deleted is not None:
            await self._leftovers.drop(caller.scope, key)
        return deleted

    async def _store(
        self,
        caller: Caller,
        action: str,
        before: Document | None,
        after: Mapping[str, Any] | None,
        operation: Operation,
    ) -> Document | None:
        change = Change(caller.scope, action, caller.origin, self._clock.now(), before, after)
        return await self._shelf.store(change, operation)

    async def _users(self, scope: TenantScope, name: str) -> Sequence[str]:
        where = [Where(("status",), "=", "active"), Where(("secrets",), "contains", name)]
        query = Query(REGISTRY, "intent", where=where, order=[(("name",), "asc")], limit=USERS_SHOWN)
        return [document.body["name"] for document in (await self._documents.query(scope, query)).items]


def _secret(document: Document) -> Secret:
    body = document.body
    return Secret(
        name=body["name"],
        description=body["description"],
        version=body["version"],
        created_at=body["created_at"],
        created_by=body["created_by"],
        updated_at=body["updated_at"],
        updated_by=body["updated_by"],
        etag=document.etag,
    )
