"""Holds what came of a play against the laws."""

from base64 import b64encode
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from functions.wire.verification import Verification
from shared.domain.times import rfc3339
from shared.ports.documents import EXECUTIONS, TENANCY
from shared.security.redaction import mark
from shared.services.audit.audit import AuditFilter
from tests.simulation.laws import Execution
from tests.simulation.play import ACME, SECRET, Play, VirtualClock, member
from tests.simulation.scenario import intent_name


async def check(play: Play) -> None:
    ids = {str(head.body["execution_id"]) for head in await play.stored("execution")}
    assert set(play.acknowledged) <= ids, "what was acknowledged is lost"
    for one in ids:
        changes = await play.documents.changes(ACME, container=EXECUTIONS, partition=one, limit=100_000)
        execution = Execution([change.document.body for change in changes])
        execution.check()
        check_errors(execution)
    await check_secrecy(play)
    check_answers(play)
    check_jobs(play)
    await check_families(play)
    await check_limits(play)
    await check_calls(play)
    await check_trails(play)


def check_errors(execution: Execution) -> None:
    """Steps fail because of what they do outside, or because that was not told: never of the platform itself.

    Every expression of these definitions can be evaluated.
    """
    for one in execution.told:
        error = one.data.get("error") or {}
        broken = error.get("code") == "INTERNAL" and "failed unexpectedly" not in error["message"]
        assert not broken, f"{one.step} failed of the platform: {error}"
        assert error.get("code") != "EXPRESSION", f"{one.step} could not be evaluated: {error}"
        assert error.get("code") != "SECRET_MISSING", f"{one.step} has not seen what there is: {error}"


async def check_secrecy(play: Play) -> None:
    """The world outside tells the secret that it is given; nobody keeps it, in no state of any document.

    A dry run is given what stands for it.
    """
    heads = {str(head.body["execution_id"]): head.body for head in await play.stored("execution")}
    for execution, tokens in play.outside.tokens.items():
        value = mark("TOKEN") if heads[execution].get("dry_run") else SECRET
        assert tokens == {f"Bearer {value}"}, f"{execution} was given {tokens}"
    states = [document.body for kept in play.documents.versions.values() for _, document in kept if document]
    told = repr([states, play.engine.answers])
    assert SECRET not in told
    assert b64encode(f"Bearer {SECRET}".encode()).decode()[8:-8] not in told


def check_answers(play: Play) -> None:
    """Whoever runs an attempt, and how often: it comes to one end."""
    ends: dict[Any, set[str]] = defaultdict(set)
    for request, outcome in play.engine.answers:
        if outcome["status"] in {"completed", "failed", "skipped"}:
            place = tuple(request.get(name) for name in ("execution_id", "step", "item", "compensates"))
            ends[*place, bool(request.get("collect"))].add(outcome["status"])
    for place, told in ends.items():
        assert len(told) == 1, f"{place} came to {told}"


def check_jobs(play: Play) -> None:
    """Nothing that an execution has begun goes on behind it."""
    left = [job for job, state in play.outside.jobs.items() if state == "running"]
    assert not left, f"these go on: {left}"


async def check_families(play: Play) -> None:
    """Each attempt has one child at most, which ends before its parent and is counted at its root."""
    heads = {str(head.body["execution_id"]): head.body for head in await play.stored("execution")}
    below = Counter(head["lineage"]["root"] for head in heads.values() if head["parent"])
    attempts = Counter(str(head["parent"]) for head in heads.values() if head["parent"])
    assert all(count == 1 for count in attempts.values()), f"an attempt has several children: {attempts}"
    for one, head in heads.items():
        assert head["descendants"] >= below[one], f"{one} has {below[one]} below it and counted less"
        if head["parent"]:
            parent = heads[head["parent"]["execution_id"]]
            assert head["finished_at"] <= parent["finished_at"], f"{one} went on behind its parent"


async def check_calls(play: Play) -> None:
    """What cannot be undone is not repeated by itself, nor by a retry that was not told to."""
    heads = {str(head.body["execution_id"]): head.body for head in await play.stored("execution")}
    for call in play.outside.calls:
        assert call.effect == "pure" or not heads[call.key.partition("/")[0]].get("dry_run"), (
            f"a dry run has done {call.key}"
        )
    calls = [call for call in play.outside.calls if call.effect == "irreversible"]
    counts = Counter((call.key, call.attempt) for call in calls)
    assert all(count == 1 for count in counts.values()), f"an irreversible action was repeated: {counts}"
    begun = {plan.body["execution_id"]: plan.body.get("begun", ()) for plan in await play.stored("plan")}
    keys = {call.key for call in calls}
    for key in keys:
        execution, _, what = key.partition("/")
        before = heads[execution].get("retry_of")
        while before is not None:
            told = what.partition("/")[0] in begun[execution]
            assert told or f"{before}/{what}" not in keys, f"{what} was repeated by the retry {execution}"
            before = heads[before].get("retry_of")


async def check_limits(play: Play) -> None:
    """Of an intent and of a tenant with a limit, no more run at any time; at the end, nobody is counted."""
    limits = {
        intent_name(number): definition["concurrency"]["limit"]
        for number, definition in enumerate(play.scenario.definitions)
        if "concurrency" in definition
    }
    running: Counter[str] = Counter()
    heads = [head.body for head in await play.stored("execution")]
    for _, change, intent in sorted(_moments(heads)):
        running[intent] += change
        most = limits.get(intent)
        assert most is None or running[intent] <= most, f"more than {most} of {intent} ran at a time"
    together, most = 0, play.scenario.most
    for _, change, _ in sorted(_moments(head for head in heads if head["parent"] is None)):
        together += change
        assert most is None or together <= most, f"more than {most} of the tenant ran at a time"
    assert not await play.stored("line", TENANCY)
    for book in await play.stored("book", TENANCY):
        assert not any(book.body[name] for name in ("running", "waiting", "open", "children"))


def _moments(heads: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, int, str]]:
    """When executions began and ended, and of what; of one time, the ends come first."""
    for head in heads:
        if head["started_at"] and not head["dry_run"]:
            yield head["started_at"], 1, head["intent"]
            yield head["finished_at"], -1, head["intent"]


async def check_trails(play: Play) -> None:
    """The chains of the audit trail are whole."""
    play.start()  # somebody has to look
    platform = play.processes[0].platform
    verification = Verification(rfc3339(VirtualClock().now()))
    async for trail in platform.audit.trails(member("ada"), AuditFilter()):
        verification.add(trail)
    play.kill(play.processes[0])
    found = verification.result()
    assert found["verified"], found["damage"]
