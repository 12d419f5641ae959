"""Audit chains held against the contract's rules, which are the ones that an export is verified by."""

from typing import Any

from quantum.contract.chains import damages
from shared.services.audit.audit import Trail

MOST_NAMED = 1000
"""Places of damage in one answer; whoever has more of them has an export."""


class Verification:
    """What the verification of chains comes to; ``now`` is the time, as records spell times.

    ``records`` counts what was looked at.
    """

    def __init__(self, now: str) -> None:
        self._now = now
        self._chains = 0
        self.records = 0
        self._whole = True
        self._damage: list[dict[str, Any]] = []

    def add(self, trail: Trail) -> None:
        """Look at one more chain."""
        of = {"chain": trail.chain.name, "tenant_id": trail.chain.scope.tenant_id}
        found = damages(trail.records, trail.link, now=self._now, of=of)
        self._chains += 1
        self.records += len(trail.records)
        self._whole = self._whole and not found
        for damage in found[: MOST_NAMED - len(self._damage)]:
            self._damage.append(
                {
                    "chain": trail.chain.name,
                    "number": damage.number,
                    "last": damage.last,
                    "kind": damage.kind,
                    "message": damage.message,
                }
            )

    def result(self) -> dict[str, Any]:
        return {
            "verified": self._whole,
            "chains": self._chains,
            "records": self.records,
            "damage": self._damage,
        }
