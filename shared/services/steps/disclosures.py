"""What attempts are told of secrets, and what is therefore kept out of all that they say.

An attempt is given the values that its step names, and for as long as it lasts, all secrets of its
execution's plan are taken out of whatever is recorded or logged of it: another step may have stored one of
them somewhere, and this one read it there. That is promised. Beyond it, a process takes out what it has
itself given to steps of the tenant lately, in whatever execution: values from before a rotation, say.
"""

from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from shared.ports.actions import ActionError
from shared.ports.clock import Clock
from shared.security.redaction import NOTHING, Redactor, is_redactable, mark
from shared.security.scope import TenantScope
from shared.services.executions.runs import Run
from shared.services.secrets.values import Purpose, SecretValue, SecretValues

MEMORY: Final = 3600.0
"""Seconds for which a process knows a value that it has given out."""
BYTES_KEPT: Final = 4 * 1024 * 1024
"""Of all values together; those of the tenants that have given out none for longest go first."""
BYTES_OF_TENANT: Final = 256 * 1024

type _Pair = tuple[str, str]
"""A name and a value."""


@dataclass(frozen=True, slots=True)
class Disclosed:
    """What one attempt may be given, and what nothing of it is recorded with.

    ``values`` are None in a dry run, which is given none.
    """

    scope: TenantScope
    source: SecretValues
    values: Mapping[str, SecretValue] | None
    redactor: Redactor

    async def give(self, purpose: Purpose, names: frozenset[str]) -> Mapping[str, str]:
        """The values of these secrets, with a record that they were used; in a dry run, what stands for them.

        Raises:
            ActionError: one does not exist, or could not be kept out of what is recorded.
            UnavailableError: that they are used cannot be recorded.
        """
        if self.values is None:
            _require_all(names, await self.source.existing(self.scope, names))
            return {name: mark(name) for name in names}
        given = {name: one for name, one in self.values.items() if name in names}
        _require_all(names, given)
        for name, one in given.items():
            if not is_redactable(one.value):
                message = (
                    f"the secret '{name}' is used nowhere, for it is too short to be told from other texts: "
                    "put a longer one"
                )
                raise ActionError("SECRET_UNFIT", message, retryable=False)
        await self.source.use(self.scope, purpose, given.values())
        return {name: one.value for name, one in given.items()}


@dataclass(slots=True)
class _Known:
    """The values of one tenant that were given out, the last time last."""

    values: OrderedDict[_Pair, float] = field(default_factory=OrderedDict[_Pair, float], repr=False)
    bytes: int = 0
    redactor: Redactor = NOTHING

    def add(self, pairs: list[_Pair], now: float) -> None:
        """Know these, too, and forget what is too old or too much."""
        changed = False
        for pair in pairs:
            if pair not in self.values:
                self.bytes += _size(pair)
                changed = True
            self.values[pair] = now
            self.values.move_to_end(pair)
        while self.values:
            pair, at = next(iter(self.values.items()))
            if 0 <= now - at <= MEMORY and self.bytes <= BYTES_OF_TENANT:
                break
            del self.values[pair]
            self.bytes -= _size(pair)
            changed = True
        if changed:
            self.redactor = Redactor(self.values)


class Disclosures:
    def __init__(self, values: SecretValues, clock: Clock) -> None:
        self._values = values
        self._clock = clock
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._bytes = 0

    async def of(self, scope: TenantScope, run: Run) -> Disclosed:
        """What attempts of the run may be given now, and what is kept out of what they say.

        A dry run is given nothing.

        Raises:
            UnavailableError: the store or the vault cannot be reached.
        """
        values: Mapping[str, SecretValue] | None = None if run.dry_run else {}
        if values is not None and run.plan.secrets:
            values = await self._values.look(scope, run.plan.secrets)
        if not values and scope.tenant_id not in self._known:
            return Disclosed(scope, self._values, values, NOTHING)
        pairs = [(one.name, one.value) for one in values.values()] if values else []
        return Disclosed(scope, self._values, values, self._redactor(scope, pairs))

    async def without[Said](self, scope: TenantScope, run: Run, said: Said) -> Said:
        """What somebody else says about the run (JSON), as it may be kept.

        Raises:
            UnavailableError: the store or the vault cannot be reached.
        """
        return (await self.of(scope, run)).redactor.json(said)

    def _redactor(self, scope: TenantScope, pairs: list[_Pair]) -> Redactor:
        """Who takes out these and whatever else is known of the tenant."""
        known = self._known.setdefault(scope.tenant_id, _Known())
        self._known.move_to_end(scope.tenant_id)
        before = known.bytes
        known.add(pairs, self._clock.now().timestamp())
        self._bytes += known.bytes - before
        if not known.values:
            del self._known[scope.tenant_id]
        while self._bytes > BYTES_KEPT:
            _, longest_ago = self._known.popitem(last=False)
            self._bytes -= longest_ago.bytes
        if all(pair in known.values for pair in pairs):
            return known.redactor
        return Redactor([*known.values, *pairs])


def _require_all(names: frozenset[str], found: Collection[str]) -> None:
    for name in sorted(names - set(found)):
        message = (
            f"there is no secret '{name}': PUT its value to /api/v1/secrets/{name}, and retry the execution"
        )
        raise ActionError("SECRET_MISSING", message, retryable=False)


def _size(pair: _Pair) -> int:
    return len(pair[0]) + len(pair[1])
