"""Definitions that are wrong, as people and machines write them: refused or failing, with every place.

Those of ``bad_input.json`` are a line each. Those that are too much of something are made here.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.api import Api

type Json = dict[str, Any]

CORPUS: list[Json] = json.loads(Path(__file__).with_name("bad_input.json").read_text("utf-8"))
VALUE = "/definition/steps/0/value"


def transform(id: str, value: Any, **more: Any) -> Json:
    return {"id": id, "action": "transform", "value": value, **more}


def refused(why: str, *steps: Json, at: str, code: str) -> Json:
    return {"why": why, "definition": {"steps": list(steps)}, "refused": [[at, code]]}


def growing(why: str, grown: Callable[[str], Any], *, fails: str, told: str, steps: int = 24) -> Json:
    """Each step makes more of what the step before came to."""
    first = transform("s0", "x" * 64)
    others = [transform(f"s{n}", grown(f"steps.s{n - 1}.outputs.value")) for n in range(1, steps)]
    failure = {"step": fails, "code": "OUTPUTS", "told": told}
    return {"why": why, "definition": {"steps": [first, *others]}, "fails": failure}


def given(why: str, value: Any, *steps: Json, code: str, told: str) -> Json:
    """The last step fails of what the first has come to."""
    failure = {"step": steps[-1]["id"], "code": code, "told": told}
    return {"why": why, "definition": {"steps": [transform("a", value), *steps]}, "fails": failure}


LIMIT = "at most 16777216 can be kept"
DEEP: Any = json.loads("[" * 40 + "]" * 40)
MADE = [
    refused("too many steps", *[transform(f"s{n}", 1) for n in range(1001)],
            at="/definition/steps", code="TOO_MANY"),
    refused("too many items", transform("a", "${{ item }}", foreach=[0] * 10_001),
            at="/definition/steps/0/foreach", code="TOO_MANY"),
    refused("a definition that is too deep", transform("a", DEEP), at="/definition", code="TOO_DEEP"),
    refused("an expression that is too deep", transform("a", "${{ " + "[" * 500 + "]" * 500 + " }}"),
            at=VALUE, code="EXPRESSION"),
    refused("an expression that is too long", transform("a", "${{ " + "1+" * 2500 + "1 }}"),
            at=VALUE, code="EXPRESSION"),
    growing("text that doubles", lambda it: f"${{{{ {it} + {it} }}}}", fails="s18", told=LIMIT),
    growing("text that is put together", lambda it: f"${{{{ {it} }}}}" * 4, fails="s9", told=LIMIT),
    growing("lists that grow", lambda it: [f"${{{{ {it} }}}}"] * 8, fails="s6", told=LIMIT),
    growing("nesting that grows", lambda it: {"in": {"in": f"${{{{ {it} }}}}"}},
            fails="s127", told="Recursion limit reached", steps=140),
    given("a text that is put together of very many large ones", "x" * 65_000,
          transform("b", ["${{ steps.a.outputs.value }}"] * 100),
          transform("c", "${{ steps.b.outputs.value }}" * 1000),
          code="EXPRESSION", told="more than 64 MiB"),
    given("a list of very many large ones", [0] * 30_000,
          transform("b", ["${{ steps.a.outputs.value }}"] * 4000),
          code="EXPRESSION", told="more than 64 MiB"),
    given("a name that is very long", "x" * 65_000,
          transform("b", "${{ steps.a.outputs.value }}" * 40),
          transform("c", "${{ parameters[steps.b.outputs.value] }}"),
          code="EXPRESSION", told="there is no 'xxx"),
    given("a list that is too long", [0] * 10_001, transform("b", 1, foreach="${{ steps.a.outputs.value }}"),
          code="FOREACH", told="foreach has 10001 items; at most 10000 are allowed"),
    given("a loop over too much", [0] * 3000, transform("b", "${{ steps.a.outputs.value.map(x, x) }}"),
          code="EXPRESSION", told="too much at once"),
]  # fmt: skip
ALL = CORPUS + MADE


def named(one: Json) -> str:
    return str(one["why"])


def test_there_are_many_of_them() -> None:
    assert len(ALL) >= 48
    assert len({named(one) for one in ALL}) == len(ALL)


@pytest.mark.parametrize("one", [one for one in ALL if "refused" in one], ids=named)
def test_what_is_wrong_by_itself_is_refused_with_every_place(api: Api, one: Json) -> None:
    body = {"name": "wrong", "definition": one["definition"]}
    response = api.client.post("/intents", json=body)
    assert response.status_code == 422
    found = sorted([error["pointer"], error["code"]] for error in response.json()["errors"])
    assert found == sorted(one["refused"])


@pytest.mark.parametrize("one", [one for one in ALL if "fails" in one], ids=named)
def test_what_only_a_run_can_tell_fails_the_step_with_the_place(api: Api, one: Json) -> None:
    execution = api.execute(api.create(**one["definition"]), **one.get("parameters", {}))
    *_, last = api.events(execution)
    found = api.get(execution)
    failure = one["fails"]
    assert (last["type"], found["status"]) == ("execution_failed", "failed")
    assert (found["error"].get("step"), found["error"]["code"]) == (failure["step"], failure["code"])
    assert failure["told"] in found["error"]["message"]
