"""Random changes of one intent by several at once, over both stores: what must hold whatever they do."""

import asyncio
import itertools
from collections.abc import Mapping
from typing import Any

import jsonpatch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quantum.contract.chains import damages
from shared.domain.canonical import canonical_json
from shared.domain.errors import ConflictError, NotFoundError, StaleError, ValidationFailedError
from shared.domain.intents import Amendment, Intent, NewVersion
from shared.domain.patches import json_patch
from shared.domain.times import rfc3339
from shared.ports.documents import REGISTRY
from shared.services.audit.chains import record_of
from tests.services.conftest import Workshop
from tests.services.test_intents import made
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES

REFUSALS = (ConflictError, NotFoundError, StaleError, ValidationFailedError)
NAMES = itertools.count()

CONTENTS = st.fixed_dictionaries(
    {},
    optional={
        "target": st.sampled_from(["a", "b"]),
        "environment": st.lists(st.sampled_from("xyz"), max_size=3),
    },
)
PUTS = st.tuples(st.just("put"), st.builds(NewVersion, CONTENTS, activate=st.booleans()), st.booleans())
ROLLBACKS = st.tuples(st.just("rollback"), st.integers(1, 6), st.booleans())
AMENDMENTS: st.SearchStrategy[Amendment] = st.one_of(
    st.fixed_dictionaries({"status": st.sampled_from(["draft", "active", "deprecated", "archived"])}),
    st.fixed_dictionaries({"active_version": st.integers(1, 6)}),
    st.fixed_dictionaries({"labels": st.dictionaries(st.just("team"), st.none() | st.just("web"))}),
)
AMENDS = st.tuples(st.just("amend"), AMENDMENTS, st.booleans())
ROUNDS = st.lists(st.lists(PUTS | ROLLBACKS | AMENDS, min_size=1, max_size=4), max_size=6)


async def attempt(workshop: Workshop, name: str, change: tuple[str, Any, bool], etag: str) -> Intent | None:
    """One change, of the state ``etag`` or of any; None if it was refused as it may be."""
    kind, given, conditional = change
    if_match = {etag} if conditional else {"*"}
    try:
        match kind:
            case "put":
                return await workshop.versions.put(workshop.ada, name, given, if_match=if_match)
            case "rollback":
                return await workshop.versions.rollback(
                    workshop.ada, name, given, message=None, if_match=if_match
                )
            case _:
                return await workshop.lifecycle.amend(workshop.ada, name, given, if_match=if_match)
    except REFUSALS:
        return None


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROUNDS)
async def test_whatever_several_do_at_once_versions_are_whole_and_the_chain_verifies(
    workshop: Workshop, rounds: list[list[tuple[str, Any, bool]]]
) -> None:
    name = f"intent-{next(NAMES)}"
    contents = {1: (await made(workshop, name, definition={"target": "a"})).definition}
    for changes in rounds:
        before = await workshop.intents.get(workshop.ada, name)
        outcomes = await asyncio.gather(*(attempt(workshop, name, change, before.etag) for change in changes))
        for change, outcome in zip(changes, outcomes, strict=True):
            if outcome is not None:
                contents.setdefault(outcome.version, outcome.definition)
                assert contents[outcome.version] == outcome.definition
            if outcome is not None and change[0] == "rollback":
                assert outcome.definition == contents[change[1]]
        winners = {
            outcome.etag
            for change, outcome in zip(changes, outcomes, strict=True)
            if outcome and change[2] and outcome.etag != before.etag
        }
        assert len(winners) <= 1, "two writers changed one state"
    await versions_are_whole(workshop, name, contents)
    await chain_verifies(workshop, name)


async def versions_are_whole(
    workshop: Workshop, name: str, contents: Mapping[int, Mapping[str, Any]]
) -> None:
    head = await workshop.intents.get(workshop.ada, name)
    found, _ = await workshop.versions.list(workshop.ada, name, limit=200)
    assert [version.version for version in found] == list(range(head.latest_version, 0, -1))
    for version in found:
        assert version.definition == contents.get(version.version, version.definition)
    for new, old in itertools.pairwise(found):
        patch = json_patch(old.definition, new.definition)
        applied = jsonpatch.apply_patch(dict(old.definition), patch)
        assert canonical_json(applied) == canonical_json(new.definition)


async def chain_verifies(workshop: Workshop, name: str) -> None:
    changes = await workshop.documents.changes(
        workshop.ada.scope, container=REGISTRY, partition=name, limit=1000
    )
    documents = {change.document.body["id"]: change.document.body for change in changes}
    audits = [body for body in documents.values() if body["kind"] == "audit"]
    records = sorted((record_of(REGISTRY, body) for body in audits), key=lambda record: record["number"])
    link = documents["intent"]["audit"]
    assert damages(records, link, now=rfc3339(workshop.clock.now())) == []
    assert len(audits) == sum(body["kind"] == "event" for body in documents.values())
