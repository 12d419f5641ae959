from typing import Any

import pytest

from shared.domain.errors import NotExecutableError, ValidationFailedError
from shared.domain.intents import NewIntent, NewVersion
from shared.domain.validation.subject import Sent
from shared.ports.actions import Completed
from shared.services.registry.validation import FEW_STEPS
from tests.services.conftest import Workshop, caller
from tests.services.test_intents import stored
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES


def running(*names: str) -> dict[str, Any]:
    steps = [
        {"id": f"r{number}", "action": "run-intent", "intent": name} for number, name in enumerate(names)
    ]
    return {"steps": steps}


async def told(workshop: Workshop, definition: dict[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """Errors and warnings: place to code."""
    report = await workshop.validation.report(workshop.ada, Sent(definition))
    errors, warnings = (
        {error.pointer.removeprefix("/definition/steps"): error.code for error in found}
        for found in (report.errors, report.warnings)
    )
    return errors, warnings


async def test_what_an_intent_runs_is_looked_up_by_name_and_by_id(workshop: Workshop) -> None:
    workshop.catalogue.add("run-intent", lambda *_: Completed({}))
    await workshop.intents.create(workshop.ada, NewIntent("old", {}))
    await workshop.versions.put(workshop.ada, "old", NewVersion({"target": "x"}), if_match={"*"})
    await workshop.intents.create(workshop.ada, NewIntent("sketch", {}, status="draft"))
    await workshop.intents.create(caller("globex", "eve"), NewIntent("theirs", {}))
    errors, warnings = await told(
        workshop, running("old", "old-v1", "old-v2", "old-v3", "nope", "sketch", "theirs", "NO!")
    )
    assert errors == {
        "/3/intent": "UNKNOWN_INTENT",
        "/4/intent": "UNKNOWN_INTENT",
        "/6/intent": "UNKNOWN_INTENT",
        "/7/intent": "REFERENCE",
    }
    assert warnings == {"/5/intent": "DRAFT"}


async def test_looking_stores_nothing(workshop: Workshop) -> None:
    workshop.catalogue.add("run-intent", lambda *_: Completed({}))
    await workshop.intents.create(workshop.ada, NewIntent("old", {}))
    before = await stored(workshop, "old")
    await told(workshop, running("old", "new"))
    assert await stored(workshop, "old") == before
    assert await stored(workshop, "new") == {}


async def test_a_large_definition_is_judged_like_a_small_one(workshop: Workshop) -> None:
    for number in (FEW_STEPS, FEW_STEPS + 1):
        errors, _ = await told(workshop, {"steps": [{"action": "nope"}] * number})
        assert errors == {f"/{index}/action": "UNKNOWN_ACTION" for index in range(number)}


async def test_what_is_refused_names_the_stage_of_each_error(workshop: Workshop) -> None:
    definition = {
        "steps": [{"action": "nope", "id": "a", "password": "hunter22"}, {"action": "nope", "id": "a"}]
    }
    with pytest.raises(ValidationFailedError) as caught:
        await workshop.intents.create(workshop.ada, NewIntent("bad", definition))
    found = {(error.to_json()["stage"], error.code) for error in caught.value.errors}
    assert found == {("schema", "UNKNOWN_ACTION"), ("business", "DUPLICATE"), ("security", "SECRET")}
    assert await stored(workshop, "bad") == {}


async def test_what_was_stored_under_older_rules_of_sense_can_still_be_executed(workshop: Workshop) -> None:
    workshop.catalogue.add("act", lambda *_: Completed({}))
    scope, require = workshop.ada.scope, workshop.validation.require_executable_by
    await require(scope, {"steps": [{"id": "a", "action": "act", "when": "false"}]})
    with pytest.raises(NotExecutableError):
        await require(scope, {"steps": [{"id": "a", "action": "gone"}]})
