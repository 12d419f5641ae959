"""Chains of audit records: whatever is done to one is found, by the server and offline, and named."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from functions.wire.verification import MOST_NAMED, Verification
from quantum.audit import Export, findings
from quantum.contract import chains as contract
from quantum.contract.chains import damages
from shared.domain import canonical
from shared.services.audit.audit import Trail
from tests.audit.chains import (
    ACT,
    CHAIN,
    HISTORIES,
    JSON,
    OF,
    TAMPERINGS,
    Record,
    Tampering,
    Written,
    append,
    forge,
    named,
    rehashed,
    remove,
    write,
)

UNHURRIED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""For a machine that has more to do."""


def by_server(chain: Written, records: list[Record]) -> list[dict[str, Any]]:
    verification = Verification(chain.now)
    verification.add(Trail(CHAIN, records, chain.link))
    result = verification.result()
    assert result["verified"] is (result["damage"] == [])
    return list(result["damage"])


def offline(chain: Written, records: list[Record]) -> list[str]:
    return list(findings(Export.read(chain.export(records))))


@UNHURRIED
@given(HISTORIES)
def test_a_chain_that_nobody_touched_is_whole_though_its_oldest_records_have_expired(chain: Written) -> None:
    assert by_server(chain, chain.records) == []
    assert offline(chain, chain.records) == []


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda tampering: tampering.__name__)
@settings(UNHURRIED, max_examples=25)
@given(chain=HISTORIES, data=st.data())
def test_damage_is_found_and_named_by_the_server_and_offline(
    tampering: Tampering, chain: Written, data: st.DataObject
) -> None:
    assume(chain.records)
    at = data.draw(st.integers(0, len(chain.records) - 1), label="at")
    records, touched = tampering(chain, at)
    assume(records != chain.records)  # to move the only record is no damage
    found = damages(records, chain.link, now=chain.now, of=OF)
    assert named(found) & touched, found
    told = by_server(chain, records)
    assert [(damage["kind"], damage["number"]) for damage in told] == [
        (one.kind, one.number) for one in found
    ]
    lines = offline(chain, records)
    assert all(any(one.message in line for line in lines) for one in found)


@UNHURRIED
@given(HISTORIES, st.data())
def test_nothing_is_accused_but_what_was_touched(chain: Written, data: st.DataObject) -> None:
    assume(chain.records)
    at = data.draw(st.integers(0, len(chain.records) - 1), label="at")
    for tampering in (forge, remove, append):
        records, touched = tampering(chain, at)
        found = named(damages(records, chain.link, now=chain.now, of=OF))
        gone = set(range(1, chain.link["number"] + 1)) - set(chain.numbers)
        assert touched <= found <= touched | gone


@UNHURRIED
@given(HISTORIES, st.data())
def test_any_field_of_a_record_is_under_its_hash(chain: Written, data: st.DataObject) -> None:
    assume(chain.records)
    at = data.draw(st.integers(0, len(chain.records) - 1), label="at")
    record = chain.records[at]
    name = data.draw(st.sampled_from(sorted(record)), label="field")
    value = data.draw(JSON, label="value")
    assume(canonical.canonical_json(value) != canonical.canonical_json(record[name]))
    records = [*chain.records[:at], record | {name: value}, *chain.records[at + 1 :]]
    assert record["number"] in named(damages(records, chain.link, now=chain.now, of=OF))


@UNHURRIED
@given(st.lists(JSON | st.dictionaries(st.text(max_size=8), JSON), max_size=4))
def test_no_junk_breaks_the_verification(junk: list[Any]) -> None:
    chain = write([(ACT, None, 0)])
    lines = [*(json.dumps(one) for one in junk), *chain.export()]
    found = list(findings(Export.read(lines)))
    assert bool(found) is bool(junk)


@UNHURRIED
@given(JSON)
def test_the_platform_and_the_contract_spell_and_hash_json_alike(value: Any) -> None:
    assert contract.canonical_json(value) == canonical.canonical_json(value)
    record = {"value": value}
    assert contract.record_hash(record | {"hash": "x"}) == canonical.content_hash(record)


def test_a_chain_of_another_aggregate_does_not_pass_for_this_one() -> None:
    chain = write([(ACT, None, 0)])
    (damage,) = damages(chain.records, chain.link, now=chain.now, of=OF | {"chain": "registry/other"})
    assert (damage.kind, damage.number) == ("altered", 1)


def test_a_chain_whose_link_is_lost_is_damaged_at_its_end() -> None:
    chain = write([(ACT, None, 0)] * 3)
    (damage,) = damages(chain.records, None, now=chain.now)
    assert (damage.kind, damage.number) == ("truncated", 3)


def test_a_chain_cannot_begin_later_than_it_did() -> None:
    chain = write([(ACT, None, 0)] * 3)
    first = rehashed(chain.records[1] | {"number": 1})
    found = damages([first], {**chain.link, "number": 1, "hash": first["hash"]}, now=chain.now)
    assert [(damage.kind, damage.number) for damage in found] == [("altered", 1)]


def test_neighbours_that_are_missing_are_named_in_one_line() -> None:
    chain = write([(ACT, None, 0)] * 5)
    (damage,) = damages([chain.records[0], chain.records[4]], chain.link, now=chain.now, of=OF)
    assert (damage.kind, damage.number, damage.last) == ("removed", 2, 4)
    assert damage.message == "records 2 to 4 are missing"


def test_records_within_their_retention_may_not_be_missing() -> None:
    acts = [(ACT, 30, 24)] * 5
    chain = write(acts, wait=26)  # the first two are over
    assert chain.numbers == [3, 4, 5]
    assert damages(chain.records, chain.link, now=chain.now, of=OF) == []
    found = damages(chain.records[1:], chain.link, now=chain.now, of=OF)
    assert [(damage.kind, damage.number, damage.last) for damage in found] == [("removed", 1, 3)]


def test_what_was_to_be_kept_for_ever_is_missed_although_its_neighbours_have_expired() -> None:
    chain = write([(ACT, None, 0), (ACT, None, 0), (ACT, 1, 0), (ACT, 1, 0)], wait=2)
    assert chain.numbers == [1, 2]
    assert damages(chain.records, chain.link, now=chain.now, of=OF) == []
    assert named(damages(chain.records[:1], chain.link, now=chain.now, of=OF)) >= {2}


def test_no_more_places_are_named_than_an_answer_can_carry() -> None:
    chain = write([(ACT, None, 0)] * (MOST_NAMED + 1))
    found = by_server(chain, [record | {"principal": "eve@acme"} for record in chain.records])
    assert [damage["number"] for damage in found] == list(range(1, MOST_NAMED + 1))


def test_a_shorter_retention_lets_nothing_expire_before_what_precedes_it() -> None:
    chain = write([(ACT, 30, 0), (ACT, 1, 0)], wait=2)
    assert chain.numbers == [1, 2]
    assert chain.records[0]["expires_at"] == chain.records[1]["expires_at"]
