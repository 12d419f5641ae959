"""The page about finding intents: what it says is found is found."""

import json
import re

import pytest

from examples import hosting
from tests.e2e.api import Api

PAGE = (hosting.ROOT / "docs" / "search.md").read_text()
INTENTS, FACETS = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
ROWS = re.findall(r"^\| `(\S+=\S+)` \| .* \| (.*?) ?\|$", PAGE, re.MULTILINE)
ASKED = re.findall(r"`GET /api/v1/intents\?(\S+)`", PAGE)


@pytest.fixture
def registry(api: Api) -> Api:
    """A host with the page's intents; the host may be that of all pages."""
    for intent in INTENTS:
        response = api.client.post("/intents", json=intent)
        assert response.status_code in (201, 409), response.text
    return api


def names(api: Api, query: str) -> list[str]:
    response = api.client.get(f"/intents?limit=200&{query}")
    assert response.status_code == 200, response.text
    mine = {intent["name"] for intent in INTENTS}
    return [item["name"] for item in response.json()["items"] if item["name"] in mine]


def test_every_query_of_the_page_finds_what_stands_beside_it(registry: Api) -> None:
    assert len(ROWS) == 10
    for query, expected in ROWS:
        author = registry.client.get("/intents/shop-deploy").json()["created_by"]
        found = names(registry, query.replace("ada@acme", author))
        assert found == re.findall(r"`(\S+?)`", expected), query


def test_a_word_is_found_inside_another(registry: Api) -> None:
    (word,) = re.findall(r"`q=(\w+)` finds `billing-report`", PAGE)
    assert names(registry, f"q={word}") == ["billing-report"]


def test_the_facets_are_those_of_the_page(registry: Api) -> None:
    (query,) = ASKED
    assert registry.client.get(f"/intents?{query}").json()["facets"] == FACETS
