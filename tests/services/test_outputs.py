"""Large outputs: stored once, before what refers to them, and whole wherever they are named."""

import asyncio
import hashlib
from typing import Any, override

import orjson
import pytest

from shared.domain.errors import NotFoundError, UnavailableError
from shared.domain.executions import Execution
from shared.domain.intents import NewIntent
from shared.ports.actions import Completed
from shared.ports.documents import EXECUTIONS
from shared.services.steps.loads import LOADED_BYTES, Loads
from shared.services.steps.packing import CHUNK, INLINE_BYTES, pack, store_chunks
from tests.fakes.documents import InterruptedDocuments, Killed, Moment
from tests.services.conftest import Workshop, caller
from tests.stores import BOTH_STORES

LARGE = {"rows": [{"place": place, "name": f"row {place}"} for place in range(5000)], "total": 5000}
SIZE = len(orjson.dumps(LARGE))
NOISE = {"noise": "".join(hashlib.sha256(b"%d" % n).hexdigest() for n in range(20_000))}
"""What compressing makes hardly smaller: more than one chunk."""

MAKE = {"id": "make", "action": "make"}
USE = {
    "id": "use",
    "action": "use",
    "last": "${{ steps.make.outputs.rows[4999].name }}",
    "all": "${{ steps.make.outputs.rows }}",
}


@pytest.fixture(autouse=True)
def actions(workshop: Workshop) -> None:
    workshop.catalogue.add("make", lambda _parameters, _context: Completed(LARGE))
    workshop.catalogue.add("use", lambda parameters, _context: Completed(parameters.model_dump()))


async def chunks(workshop: Workshop, execution: Execution) -> list[str]:
    """The ids of the chunks that are stored, and nothing is said twice in them."""
    changes = await workshop.documents.changes(
        workshop.ada.scope, container=EXECUTIONS, partition=execution.execution_id, kind="output", limit=1000
    )
    return [change.document.body["id"] for change in changes]


@BOTH_STORES
async def test_large_outputs_are_stored_once_and_everything_else_refers_to_them(workshop: Workshop) -> None:
    execution = await workshop.execute(MAKE)
    await workshop.attempt(execution, "make", first=True)
    step = (await workshop.executions.get(workshop.ada, execution.execution_id)).steps[0]
    digest = hashlib.sha256(orjson.dumps(LARGE)).hexdigest()
    path = f"/api/v1/executions/{execution.execution_id}/steps/make/outputs"
    preview = {"rows": "(5000 items)", "total": 5000}
    assert step.outputs == {"$ref": path, "size": SIZE, "sha256": digest, "preview": preview}
    assert (await workshop.events(execution))[-1]["result"] == step.outputs
    assert await chunks(workshop, execution) == [f"output:step:make:{digest[:16]}:0"]
    whole = await workshop.outputs.of_step(workshop.ada, execution.execution_id, "make")
    assert (orjson.loads(whole.text), whole.sha256) == (LARGE, digest)


@BOTH_STORES
async def test_expressions_name_them_whole_also_in_a_process_that_has_seen_nothing(
    workshop: Workshop,
) -> None:
    execution = await workshop.execute(MAKE, USE)
    await workshop.attempt(execution, "make", first=True)
    ids = {"tenant_id": "acme", "execution_id": execution.execution_id, "step": "use", "attempt": 1}
    assert await workshop.forgetful().run(ids) == {"status": "completed"}
    whole = await workshop.outputs.of_step(workshop.ada, execution.execution_id, "use")
    assert orjson.loads(whole.text) == {"last": "row 4999", "all": LARGE["rows"]}


async def test_what_is_small_stays_in_its_document(workshop: Workshop) -> None:
    small = {"text": "x" * (INLINE_BYTES - 11)}
    workshop.catalogue.add("make", lambda _parameters, _context: Completed(small))
    execution = await workshop.execute(MAKE)
    await workshop.attempt(execution, "make", first=True)
    found = await workshop.executions.get(workshop.ada, execution.execution_id)
    assert found.steps[0].outputs == small
    assert not await chunks(workshop, execution)
    whole = await workshop.outputs.of_step(workshop.ada, execution.execution_id, "make")
    assert orjson.loads(whole.text) == small


@BOTH_STORES
async def test_what_is_nested_deeper_than_a_store_takes_is_kept_as_text(workshop: Workshop) -> None:
    deep: dict[str, Any] = {"end": True}
    for _ in range(200):
        deep = {"in": deep}
    workshop.catalogue.add("make", lambda _parameters, _context: Completed(deep))
    execution = await workshop.execute(MAKE, USE | {"last": 1, "all": "${{ steps.make.outputs }}"})
    assert await workshop.attempt(execution, "make", first=True) == {"status": "completed"}
    assert await workshop.attempt(execution, "use") == {"status": "completed"}
    whole = await workshop.outputs.of_step(workshop.ada, execution.execution_id, "use")
    assert orjson.loads(whole.text) == {"last": 1, "all": deep}


async def test_what_is_nested_beyond_everything_fails_the_step(workshop: Workshop) -> None:
    deep: dict[str, Any] = {}
    for _ in range(300):
        deep = {"in": deep}
    workshop.catalogue.add("make", lambda _parameters, _context: Completed(deep))
    execution = await workshop.execute(MAKE)
    outcome = await workshop.attempt(execution, "make", first=True)
    assert (outcome["status"], outcome["error"]["code"]) == ("failed", "OUTPUTS")


async def test_a_chunk_is_within_what_a_store_takes_and_the_parts_make_the_whole(workshop: Workshop) -> None:
    workshop.catalogue.add("make", lambda _parameters, _context: Completed(NOISE))
    packed = await pack(NOISE, owner="step:make", path="/somewhere")
    assert len(packed.chunks) == 2
    assert all(len(chunk["text"]) <= CHUNK for chunk in packed.chunks)
    execution = await workshop.execute(MAKE)
    await workshop.attempt(execution, "make", first=True)
    assert await chunks(workshop, execution) == [chunk["id"] for chunk in packed.chunks]
    whole = await workshop.outputs.of_step(workshop.ada, execution.execution_id, "make")
    assert orjson.loads(whole.text) == NOISE


@BOTH_STORES
@pytest.mark.parametrize("after", range(3), ids=["no chunk", "one chunk", "all chunks"])
async def test_who_dies_between_the_chunks_and_their_step_leaves_harmless_ones(
    workshop: Workshop, after: int
) -> None:
    """Killed in the middle, the step is run again, and refers to its outputs once."""
    workshop.catalogue.add("make", lambda _parameters, _context: Completed(NOISE), side_effect="pure")
    execution = await workshop.execute(MAKE)
    documents = InterruptedDocuments(workshop.documents)
    passed = 0

    def die(moment: Moment, _: object) -> None:
        nonlocal passed
        passed += moment == "before"
        if passed > after:
            raise Killed

    documents.interrupt = die
    ids = {"tenant_id": "acme", "execution_id": execution.execution_id, "step": "make", "attempt": 1}
    with pytest.raises(Killed):
        await workshop.forgetful(documents).run(ids | {"first": True})
    assert len(await chunks(workshop, execution)) == after
    assert await workshop.attempt(execution, "make", first=True) == {"status": "completed"}
    assert len(await chunks(workshop, execution)) == 2
    assert (await workshop.types(execution)).count("step_completed") == 1


@pytest.mark.parametrize("missing", ["output:", "step:make"])
async def test_what_cannot_be_seen_yet_is_asked_for_again(workshop: Workshop, missing: str) -> None:
    execution = await workshop.execute(MAKE, USE)
    await workshop.attempt(execution, "make", first=True)

    class Behind(InterruptedDocuments):
        """A replica that has not all that was stored before the step began."""

        @override
        async def read(self, scope: Any, **place: Any) -> Any:
            return None if place["id"].startswith(missing) else await super().read(scope, **place)

    ids = {"tenant_id": "acme", "execution_id": execution.execution_id, "step": "use", "attempt": 1}
    with pytest.raises(UnavailableError):
        await workshop.forgetful(Behind(workshop.documents)).run(ids)
    assert await workshop.forgetful().run(ids) == {"status": "completed"}


class Counting(InterruptedDocuments):
    """Counts the chunks that are read."""

    chunks = 0

    @override
    async def read(self, scope: Any, **place: Any) -> Any:
        self.chunks += place["id"].startswith("output:")
        await asyncio.sleep(0)  # others have their turn, as over a network
        return await super().read(scope, **place)


async def test_who_asks_at_the_same_time_shares_one_load_and_the_last_ones_are_kept(
    workshop: Workshop,
) -> None:
    uses = [{**USE, "id": f"use{number}"} for number in range(6)]
    execution = await workshop.execute(MAKE, *uses)
    await workshop.attempt(execution, "make", first=True)
    documents = Counting(workshop.documents)
    steps = workshop.forgetful(documents)
    ids = {"tenant_id": "acme", "execution_id": execution.execution_id, "attempt": 1}
    await asyncio.gather(*(steps.run(ids | {"step": f"use{number}"}) for number in range(5)))
    assert documents.chunks == 1
    await steps.run(ids | {"step": "use5"})
    assert documents.chunks == 1


async def test_what_is_kept_loaded_is_bounded_and_goes_with_its_execution(workshop: Workshop) -> None:
    documents = Counting(workshop.documents)
    loads = Loads(documents)
    noise = {"text": "x" * (LOADED_BYTES * 2 // 3)}
    bodies: list[Any] = []
    for name in "ab":
        packed = await pack(noise | {"name": name}, owner=f"step:{name}", path="/there")
        await store_chunks(documents, workshop.ada.scope, "E", packed.chunks)
        bodies.append(packed.fields)
    for body, reads in ((bodies[0], 1), (bodies[0], 1), (bodies[1], 2), (bodies[0], 3)):
        assert (await loads.outputs(workshop.ada.scope, "E", body))["text"] == noise["text"]
        assert documents.chunks == reads
    loads.forget(workshop.ada.scope, "E")
    await loads.outputs(workshop.ada.scope, "E", bodies[0])
    assert documents.chunks == 4


@BOTH_STORES
async def test_an_execution_may_come_to_much_as_well(workshop: Workshop) -> None:
    definition = {"steps": [MAKE], "outputs": {"rows": "${{ steps.make.outputs.rows }}"}}
    await workshop.intents.create(workshop.ada, NewIntent(name="deploy", definition=definition))
    execution = await workshop.executions.execute(workshop.ada, "deploy", {})
    with pytest.raises(NotFoundError):
        await workshop.outputs.of_execution(workshop.ada, execution.execution_id)
    await workshop.attempt(execution, "make", first=True)
    await workshop.finish(execution, "completed")
    found = await workshop.executions.get(workshop.ada, execution.execution_id)
    assert found.outputs is not None
    assert found.outputs["$ref"] == f"/api/v1/executions/{execution.execution_id}/outputs"
    assert (await workshop.events(execution))[-1]["result"] == found.outputs
    whole = await workshop.outputs.of_execution(workshop.ada, execution.execution_id)
    assert orjson.loads(whole.text) == {"rows": LARGE["rows"]}


@BOTH_STORES
async def test_what_the_items_of_a_list_come_to_is_put_together_whole(workshop: Workshop) -> None:
    each = {**MAKE, "id": "each", "foreach": [1, 2, 3]}
    execution = await workshop.execute(each)
    await workshop.attempt(execution, "each", first=True)
    for place in range(3):
        await workshop.attempt(execution, "each", item=place)
    await workshop.attempt(execution, "each", collect=True)
    whole = await workshop.outputs.of_step(workshop.ada, execution.execution_id, "each")
    items = orjson.loads(whole.text)["items"]
    assert items == [{"status": "completed", "outputs": LARGE}] * 3
    one = await workshop.outputs.of_step(workshop.ada, execution.execution_id, "each", 1)
    assert orjson.loads(one.text) == LARGE
    completed = [event for event in await workshop.events(execution) if event["type"] == "item_completed"]
    assert completed[1]["result"]["$ref"].endswith("/steps/each/outputs?item=1")


async def test_a_limit_is_told_with_what_there_was(workshop: Workshop) -> None:
    execution = await workshop.execute(MAKE)
    steps = workshop.forgetful(max_output_bytes=100_000)
    ids = {"tenant_id": "acme", "execution_id": execution.execution_id, "step": "make", "attempt": 1}
    outcome = await steps.run(ids | {"first": True})
    assert outcome["error"] == {
        "code": "OUTPUTS",
        "message": f"the outputs: {SIZE} bytes, and at most 100000 can be kept",
    }


async def test_items_whose_outputs_are_too_much_together_keep_their_own(workshop: Workshop) -> None:
    execution = await workshop.execute({**MAKE, "id": "each", "foreach": [1, 2, 3]})
    steps = workshop.forgetful(max_output_bytes=2 * SIZE)
    ids = {"tenant_id": "acme", "execution_id": execution.execution_id, "step": "each", "attempt": 1}
    await steps.run(ids | {"first": True})
    for place in range(3):
        await steps.run(ids | {"item": place})
    assert await steps.run(ids | {"collect": True}) == {"status": "completed"}
    found = await workshop.executions.get(workshop.ada, execution.execution_id)
    assert (found.steps[0].outputs or {})["omitted"] == ["outputs"]
    one = await workshop.outputs.of_step(workshop.ada, execution.execution_id, "each", 2)
    assert orjson.loads(one.text) == LARGE


@BOTH_STORES
async def test_the_large_outputs_of_an_execution_are_bounded_together(workshop: Workshop) -> None:
    execution = await workshop.execute({**MAKE, "id": "each", "foreach": list(range(40))})
    steps = workshop.forgetful(max_output_bytes=SIZE)
    ids = {"tenant_id": "acme", "execution_id": execution.execution_id, "step": "each", "attempt": 1}
    await steps.run(ids | {"first": True})
    outcomes = [await steps.run(ids | {"item": place}) for place in range(33)]
    assert [one["status"] for one in outcomes] == ["completed"] * 32 + ["failed"]
    assert outcomes[32]["error"]["code"] == "OUTPUTS"
    assert f"would be more than {32 * SIZE} bytes" in outcomes[32]["error"]["message"]
    assert await steps.run(ids | {"item": 3}) == {"status": "completed"}
    assert (await workshop.head(execution))["weight"] == 32 * SIZE


async def test_they_are_nobody_elses(workshop: Workshop) -> None:
    execution = await workshop.execute(MAKE)
    await workshop.attempt(execution, "make", first=True)
    with pytest.raises(NotFoundError):
        await workshop.outputs.of_step(caller("globex"), execution.execution_id, "make")
    for step, item in (("other", None), ("make", 0)):
        with pytest.raises(NotFoundError, match="has no outputs"):
            await workshop.outputs.of_step(workshop.ada, execution.execution_id, step, item)


async def test_what_an_undoing_came_to_is_told_in_short(workshop: Workshop) -> None:
    execution = await workshop.execute(MAKE | {"compensate": {"action": "make"}})
    await workshop.attempt(execution, "make", first=True)
    await workshop.attempt(execution, "make", ending="failed", compensates=True)
    told = (await workshop.events(execution))[-1]
    assert told["type"] == "step_compensated"
    assert told["result"]["preview"]["total"] == 5000
    assert "$ref" not in told["result"]
    found = await workshop.executions.get(workshop.ada, execution.execution_id)
    assert (found.steps[0].outputs or {})["size"] == SIZE
