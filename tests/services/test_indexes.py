"""No query of the platform reads more than an index finds.

The server of the services' and the HTTP tests refuses what no index serves; here is every list with every
combination of its filters, and that the server's judgement is one.
"""

from itertools import combinations
from typing import Any, get_args

import pytest

from quantum.contract.intents import IntentFacet
from shared.adapters.cosmos.containers import DEFINITIONS
from shared.domain.executions import EXECUTION_STATUSES, ExecutionFilter
from shared.domain.intents import FACETS, IntentFilter
from shared.ports.documents import REGISTRY
from tests.cosmos.indexing import unserved, unsorted
from tests.cosmos.sql import parse_query
from tests.services.conftest import Workshop

POLICY = next(one.indexing_policy for one in DEFINITIONS if one.container == REGISTRY)
FILTERS: dict[str, Any] = {
    "text": "two words",
    "status": "active",
    "labels": ["team:web", "tier:1"],
    "action": "assert",
    "created_by": "ada@acme",
    "updated_since": "2024-01-04T10:00:00.000000Z",
}
SORTS = [way + name for name in ("name", "created_at", "updated_at") for way in ("", "-")]
CHOICES = [names for length in range(len(FILTERS) + 1) for names in combinations(FILTERS, length)]


@pytest.mark.parametrize("store", ["cosmos"], indirect=True)
async def test_every_filter_sort_and_facet_of_intents_is_served_by_an_index(workshop: Workshop) -> None:
    assert set(FACETS) == set(get_args(IntentFacet.__value__))
    for number, names in enumerate(CHOICES):
        chosen = {name: FILTERS[name] for name in names}
        for sort in SORTS if len(names) < 2 else [SORTS[number % len(SORTS)]]:
            matching = IntentFilter(**chosen, sort=sort)
            assert await workshop.intents.list(workshop.ada, matching) == ([], None)
        await workshop.intents.facets(workshop.ada, IntentFilter(**chosen), FACETS)


@pytest.mark.parametrize("store", ["cosmos"], indirect=True)
async def test_every_filter_of_executions_is_served_by_an_index(workshop: Workshop) -> None:
    filters: dict[str, Any] = {"status": "failed", "since": "2024", "until": "2025", "parent": "01J"}
    for intent in (None, "deploy", "deploy-v1"):
        for names in [names for length in range(5) for names in combinations(filters, length)]:
            chosen = {name: filters[name] for name in names}
            assert await workshop.executions.list(workshop.ada, ExecutionFilter(intent=intent, **chosen)) == (
                [],
                None,
            )
    for status in EXECUTION_STATUSES:
        assert await workshop.executions.list(workshop.ada, ExecutionFilter(status=status)) == ([], None)


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("SELECT * FROM c WHERE c.status = 'x'", []),
        ("SELECT * FROM c WHERE c.status = 'x' OR c.definition = 1", ["/definition/?"]),
        ("SELECT * FROM c WHERE c.labels.team = 'x'", ["/labels/team/?"]),
        ("SELECT * FROM c WHERE ARRAY_CONTAINS(c.actions, 'x')", []),
        ("SELECT * FROM c WHERE c.actions = 'x'", ["/actions/?"]),
        ("SELECT * FROM c WHERE ARRAY_CONTAINS(c.status, 'x')", ["/status/[]/?"]),
        ("SELECT * FROM c WHERE CONTAINS(c.search, 'x', true)", []),
        ("SELECT * FROM c WHERE CONTAINS(REPLACE(c.search, 'a', 'b'), 'x')", ["REPLACE(…)"]),
        ("SELECT * FROM c WHERE NOT ((c.status = 'x') ?? false)", ["??(…)"]),
        ("SELECT e AS v, COUNT(1) AS n FROM c JOIN e IN c.actions WHERE IS_STRING(e) GROUP BY e", []),
        ("SELECT e AS v, COUNT(1) AS n FROM c JOIN e IN c.steps GROUP BY e", ["/steps/[]/?"]),
        ("SELECT c.message AS v, COUNT(1) AS n FROM c GROUP BY c.message", ["/message/?"]),
    ],
)
def test_what_no_index_serves_is_named(text: str, missing: list[str]) -> None:
    select = parse_query(text.replace("'", '"'), {})
    assert unserved(select, POLICY) == [f"{path} is not indexed" for path in missing]


@pytest.mark.parametrize(
    ("order", "served"),
    [
        ("c.name", True),
        ("c.message", False),
        ("c.name, c.intent, c.id", True),
        ("c.name DESC, c.intent DESC, c.id DESC", True),
        ("c.name DESC, c.intent, c.id", False),
        ("c.status, c.intent, c.id", False),
    ],
)
def test_an_order_needs_an_index_of_its_own(order: str, served: bool) -> None:
    assert (unsorted(parse_query(f"SELECT * FROM c ORDER BY {order}", {}), POLICY) is None) == served
