"""Random definitions, as people write them: everything that the step language has."""

from collections.abc import Sequence
from random import Random
from typing import Any, Final

from tests.simulation.outside import EFFECTS

type Json = dict[str, Any]

SAID: Final = (
    "error",
    "error",
    "fatal",
    "bug",
    "slow:0.5",
    "slow:20",
    "pending:3",
    "waiting:7",
    "callback:60",
    "large",
    "well",
)
"""What a call may come to (``outside.py``); 20 seconds are longer than any timeout here."""
KINDS: Final = (
    *("act", "act", "act", "act", "act", "transform", "assert", "wait", "approval", "run-intent", "job"),
)


def definition(random: Random, *, steps: int, others: Sequence[str] = ()) -> Json:
    """A definition that is valid, though it need not end well; it may run the ``others``."""
    names = [f"s{number}" for number in range(steps)]
    made = [_step(random, name, names[:place], others) for place, name in enumerate(names)]
    last = [f"f{number}" for number in range(random.choice([0, 0, 1, 2]))]
    after = [_step(random, name, last[:place], others, seen=names) for place, name in enumerate(last)]
    for step in after:
        step.pop("compensate", None)
    random.shuffle(made)
    found: Json = {"target": random.choice(["staging", "production"]), "steps": made}
    if after:
        found["finally"] = after
    if random.random() < 0.15:
        found["timeout"] = random.choice([1, 5, 30, 200])
    if random.random() < 0.2:
        found["concurrency"] = {"limit": random.choice([1, 2]), "policy": random.choice(["queue", "refuse"])}
    if random.random() < 0.3:
        found["outputs"] = {"all": f"${{{{ steps.{random.choice(names)}.outputs }}}}"}
    return found


def _step(
    random: Random, id: str, before: list[str], others: Sequence[str], *, seen: list[str] | None = None
) -> Json:
    """A step that may depend on those ``before`` it, and name the results of those, or of ``seen``."""
    step: Json = {"id": id, **_doing(random, before, others)}
    if random.random() < 0.8:
        step["depends_on"] = random.sample(before, min(len(before), random.choice([0, 1, 1, 2, 3])))
    named = seen or before
    if named and random.random() < 0.15:
        step["when"] = random.choice(
            [
                f"steps.{random.choice(named)}.status == 'completed'",
                "target == 'staging'",
                "execution.id != ''",
            ]
        )
    if random.random() < 0.15:
        step["continue_on_error"] = True
    if step["action"].startswith("act") and random.random() < 0.15:
        step["foreach"] = _items(random)
        step["concurrency"] = random.choice([1, 2, 5])
        step["item"] = "${{ item }}"
    elif step["action"] in {"run-intent", "job"} and random.random() < 0.2:
        step["foreach"] = [1, 2, 3]
    if random.random() < 0.3:
        step["compensate"] = _undoing(random, step)
    return step


def _undoing(random: Random, step: Json) -> Json:
    """What undoes the step, or each of its items, by what that came to."""
    undo = f"act-{random.choice(['pure', 'idempotent'])}"
    found = {"action": undo, "script": _script(random), **_patience(random)}
    if "foreach" in step:
        found |= {"item": "${{ item }}", "came_to": f"${{{{ steps.{step['id']}.outputs }}}}"}
    return found


def _job(random: Random) -> Json:
    script = ["pending:3", *_script(random)] if random.random() < 0.8 else _script(random)
    return {"action": "job", "script": script, "stubborn": random.choice([0, 0, 2]), **_patience(random)}


def _doing(  # noqa: PLR0911 - one for each kind
    random: Random, before: list[str], others: Sequence[str]
) -> Json:
    match random.choice(KINDS):
        case "run-intent" if others:
            more: Json = random.choice([{}, {"expires_in": 5}, {"retry": {"max_attempts": 2}}])
            return {"action": "run-intent", "intent": random.choice(others), **more}
        case "job":
            script = ["pending:3", *_script(random)] if random.random() < 0.8 else _script(random)
            return {
                "action": "job",
                "script": script,
                "stubborn": random.choice([0, 0, 2]),
                **_patience(random),
            }
        case "transform":
            named = f"${{{{ steps.{random.choice(before)}.outputs }}}}" if before else "nothing"
            return {"action": "transform", "value": named}
        case "assert":
            holds = random.random() < 0.8
            return {"action": "assert", "condition": "target != ''" if holds else "target == ''"}
        case "wait":
            return {"action": "wait", "seconds": random.choice([0, 0.1, 2, 60])}
        case "approval":
            expiry = random.choice(["approve", "reject"])
            asked = {"required": random.choice([1, 1, 2]), "expires_in": random.choice([3, 60, 600])}
            return {"action": "approval", "on_expiry": expiry, **asked}
        case _:
            effect = random.choice(EFFECTS)
            token = {"token": "Bearer ${{ secrets.TOKEN }}"} if random.random() < 0.2 else {}
            return {"action": f"act-{effect}", "script": _script(random), **_patience(random), **token}


def _script(random: Random) -> list[str]:
    return random.choices(SAID, k=random.choice([0, 0, 0, 1, 1, 2, 3]))


def _patience(random: Random) -> Json:
    """A timeout, and perhaps other attempts."""
    found: Json = {"timeout": random.choice([2, 10])}
    if random.random() < 0.6:
        found["retry"] = {
            "max_attempts": random.choice([2, 3, 5]),
            "initial_interval": random.choice([0, 1, 5]),
            "non_retryable": random.choice([[], [], ["AGAIN"]]),
        }
    return found


def _items(random: Random) -> Any:
    count = random.choice([0, 1, 3, 3, 7, 40])
    return random.choice([list(range(count)), f"${{{{ [{', '.join('1' * count)}] }}}}"])
