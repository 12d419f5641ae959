"""Chains of audit records as the platform writes them, and what somebody may do to them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from quantum.contract.chains import Damage, record_hash
from shared.domain.times import rfc3339
from shared.ports.documents import REGISTRY
from shared.security.decisions import Decision
from shared.security.principals import PLATFORM, Origin
from shared.security.scope import TenantScope
from shared.services.audit.chains import Act, Chain, Chains, record_of
from tests.fakes.clock import START

CHAIN = Chain(TenantScope("acme"), REGISTRY, "deploy")
OF = {"chain": CHAIN.name, "tenant_id": "acme"}

type Record = dict[str, Any]

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=5)
)
ADA = Origin(
    "ada@acme",
    "r1",
    "192.0.2.7",
    decision=Decision("intents.update", allowed=True, policies=("role-author",), version="0" * 32),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=5,
)
BODIES = st.none() | st.fixed_dictionaries({}, optional={"a": SCALARS, "é": st.just({"b": [1.0, None]})})
ACTS = st.builds(
    Act,
    st.sampled_from(["intent.create", "intent.update", "intent.archive"]),
    st.sampled_from([ADA, PLATFORM]),
    BODIES,
    BODIES,
)


@dataclass(frozen=True)
class Written:
    """A chain: what is left of its records at ``now``, as JSON lines would have them, and its link."""

    records: list[Record]
    link: Mapping[str, Any]
    now: str

    @property
    def numbers(self) -> list[int]:
        return [record["number"] for record in self.records]

    def export(self, records: Sequence[Any] | None = None, **manifest: Any) -> list[str]:
        """The lines of an export of this chain alone."""
        shown = self.records if records is None else records
        said = {
            "tenant_id": "acme",
            "exported_at": self.now,
            "complete": True,
            "records": len(shown),
            "chains": {CHAIN.name: self.link},
        }
        return [json.dumps(line) for line in [*shown, {"manifest": said | manifest}]]


def write(acts: Sequence[tuple[Act, int | None, int]], wait: int = 0) -> Written:
    """Write acts, each with the days that records are kept at its time and the hours until the next."""
    now, link, records = START, None, list[Record]()
    for act, days, hours in acts:
        entry = Chains(None if days is None else timedelta(days=days)).add(CHAIN, link, act, now=now)
        stored = json.loads(json.dumps(dict(entry.operations[0].body)))
        records.append(record_of(REGISTRY, stored | {"intent": "deploy"}))
        link = entry.link
        now += timedelta(hours=hours)
    now += timedelta(days=wait)
    assert link is not None
    return Written([record for record in records if not expired(record, now)], link, rfc3339(now))


def expired(record: Record, now: datetime) -> bool:
    return record["expires_at"] is not None and record["expires_at"] <= rfc3339(now)


HISTORIES = st.builds(
    write,
    st.lists(
        st.tuples(ACTS, st.sampled_from([None, None, 1, 30]), st.integers(0, 48)), min_size=1, max_size=8
    ),
    st.sampled_from([0, 0, 1, 40]),
)
"""Chains some of whose oldest records may have expired, under a retention that was changed on the way."""


def named(found: Sequence[Damage]) -> set[int]:
    """Every number that is named."""
    return {number for damage in found for number in range(damage.number, damage.last + 1)}


def rehashed(record: Record) -> Record:
    """The record with a hash that fits it, as whoever knows the rules would forge it."""
    return record | {"hash": record_hash(record)}


type Tampering = Callable[[Written, int], tuple[list[Record], set[int]]]
"""Damages a chain at the record with an index; what is left, and the numbers of which some must be named."""


def alter(chain: Written, at: int) -> tuple[list[Record], set[int]]:
    records = list(chain.records)
    records[at] = records[at] | {"principal": "eve@acme"}
    return records, {chain.numbers[at]}


def forge(chain: Written, at: int) -> tuple[list[Record], set[int]]:
    records = list(chain.records)
    records[at] = rehashed(records[at] | {"principal": "eve@acme"})
    return records, {chain.numbers[at]}


def rewrite(chain: Written, at: int) -> tuple[list[Record], set[int]]:
    """All from there to the end are hashed anew: only the last can be told by the link."""
    records = list(chain.records)
    records[at] = rehashed(records[at] | {"principal": "eve@acme"})
    for index in range(at + 1, len(records)):
        records[index] = rehashed(records[index] | {"previous_hash": records[index - 1]["hash"]})
    return records, set(chain.numbers[at:])


def renumber(chain: Written, at: int) -> tuple[list[Record], set[int]]:
    records = list(chain.records)
    records[at] = records[at] | {"number": chain.link["number"] + 3}
    return records, {chain.numbers[at]}


def slip_in(chain: Written, at: int) -> tuple[list[Record], set[int]]:
    """A field that the platform does not write."""
    records = list(chain.records)
    records[at] = records[at] | {"approved_by": "ada@acme"}
    return records, {chain.numbers[at]}


def remove(chain: Written, at: int) -> tuple[list[Record], set[int]]:
    return [*chain.records[:at], *chain.records[at + 1 :]], {chain.numbers[at]}


def truncate(chain: Written, at: int) -> tuple[list[Record], set[int]]:
    return chain.records[:at], set(chain.numbers[at:])


def repeat(chain: Written, at: int) -> tuple[list[Record], set[int]]:
    return [*chain.records, chain.records[at]], {chain.numbers[at]}


def move(chain: Written, at: int) -> tuple[list[Record], set[int]]:
    """To the end; the last one is moved to the beginning."""
    rest = [*chain.records[:at], *chain.records[at + 1 :]]
    last = at == len(chain.records) - 1
    return ([chain.records[at], *rest] if last else [*rest, chain.records[at]]), set(chain.numbers)


def append(chain: Written, at: int) -> tuple[list[Record], set[int]]:
    """A record that fits the last one, without the link."""
    number = chain.link["number"] + 1
    extra = chain.records[at] | {"number": number, "previous_hash": chain.link["hash"]}
    return [*chain.records, rehashed(extra)], {number}


TAMPERINGS: Sequence[Tampering] = [
    alter, forge, rewrite, renumber, slip_in, remove, truncate, repeat, move, append,
]  # fmt: skip

ACT = Act("intent.update", Origin("ada@acme"), None, {"version": 2})
