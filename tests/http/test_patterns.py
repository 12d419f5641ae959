"""Regular expressions of tenants over the wire: a corpus of those that take ages where they are tried one way
after the other is answered at once, and what is too large is refused."""

import pytest

from examples.hosting import ROOT
from tests.http.harness import World
from tests.stores import BOTH_STORES

CORPUS = [
    line.split("\t")
    for line in (ROOT / "tests" / "security" / "redos.corpus.tsv").read_text().splitlines()
    if not line.startswith("#")
]
DIALECT = {"$schema": "http://json-schema.org/draft-07/schema#"}
STEP = {"id": "a", "action": "assert", "condition": "parameters.text.matches(parameters.pattern)"}


@BOTH_STORES
async def test_no_pattern_makes_the_search_take_ages(world: World) -> None:
    for number, (pattern, piece, end) in enumerate(CORPUS):
        text = piece * (5000 // len(piece)) + end
        part = {"type": "string", "pattern": pattern}
        schema = {
            "properties": {"text": part | (DIALECT if number % 2 else {}), "pattern": {"type": "string"}}
        }
        definition = {"parameters": schema, "steps": [STEP]}
        await world.intent(f"redos-{number}", definition=definition)
        sent = {"json": {"parameters": {"text": text, "pattern": pattern}}}
        refused = await world.send("operator", "POST", f"/intents/redos-{number}/execute", **sent)
        assert refused.status_code == 422, pattern
        assert [one["pointer"] for one in refused.json()["errors"]] == ["/parameters/text"]


async def test_no_expression_searches_for_ages(world: World) -> None:
    await world.intent(definition={"steps": [STEP]})
    for pattern, piece, end in CORPUS:
        sent = {"json": {"parameters": {"text": piece * 1000 + end, "pattern": pattern}}}
        made = await world.send("operator", "POST", "/intents/deploy/execute", **sent)
        ids = {"tenant_id": "acme", "execution_id": made.json()["execution_id"], "step": "a", "attempt": 1}
        assert (await world.platform.steps.run(ids | {"first": True}))["status"] == "failed", pattern


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"pattern": r"\w{500}" * 5}, ""),
        ({"pattern": r"((\pL{30}){30}){30}"}, ""),
        ({"patternProperties": {"^(a+)+$": {}}}, "/properties/a/patternProperties"),
        ({"pattern": r"^(a+)\1$"}, "/properties/a/pattern"),
        ({"pattern": "^(?=a)(?!b)a+$"}, "/properties/a/pattern"),
    ],
)
async def test_what_cannot_be_searched_for_in_a_bounded_time_is_refused(
    world: World, schema: dict[str, object], place: str
) -> None:
    definition = {"parameters": {"properties": {"a": schema}}, "steps": []}
    refused = await world.send("author", "POST", "/intents", json={"name": "x", "definition": definition})
    assert refused.status_code == 422
    assert [one["pointer"] for one in refused.json()["errors"]] == ["/definition/parameters" + place]
