"""The server of these tests is strict: what it does not know, or the service would refuse, it refuses."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.cosmos.aio import ContainerProxy, CosmosClient

from shared.adapters.cosmos.account import Account
from tests.cosmos.evaluation import UNDEFINED, evaluate
from tests.cosmos.sql import SqlError, parse_condition, parse_query

KEY = ["acme", "one"]
BODY = {"id": "a", "kind": "thing", "tenant_id": "acme", "execution_id": "one", "n": 1, "list": [1, "x"]}
DOCUMENT = {"n": 1, "s": "x", "null": None, "flag": True, "list": [1, "x"], "o": {"in": 1}}


@pytest.fixture
async def container(account: Account) -> AsyncIterator[ContainerProxy]:
    assert account.key is not None
    async with CosmosClient(account.endpoint, account.key, enable_endpoint_discovery=False) as client:
        yield client.get_database_client(account.database).get_container_client("executions")


async def refused(call: Any) -> str:
    with pytest.raises(HttpResponseError) as raised:
        await call
    return str(raised.value)


async def found(container: ContainerProxy, query: str, **options: Any) -> list[dict[str, Any]]:
    options = {"partition_key": KEY, **options}
    return [row async for row in container.query_items(query, **options)]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT c.id FROM c",
        "SELECT * FROM c WHERE c.n LIKE 'x'",
        "SELECT * FROM c WHERE c.n = @missing",
        "SELECT * FROM c WHERE x.n = 1",
        "SELECT * FROM c WHERE ABS(c.n) = 1",
        "SELECT * FROM c WHERE CONTAINS(c.s)",
        "SELECT * FROM c WHERE c.n IN ()",
        "SELECT * FROM c WHERE c.n = 1 GROUP BY c.n",
        "SELECT c.n AS v, COUNT(1) AS n FROM c GROUP BY c.s",
        "SELECT c.n AS value, COUNT(1) AS n FROM c GROUP BY c.n",
        "SELECT c.n AS v, COUNT(1) AS n FROM c GROUP BY c.n ORDER BY c.n",
        "SELECT c.n AS v, SUM(1) AS n FROM c GROUP BY c.n",
        "SELECT e AS v, COUNT(1) AS n FROM c GROUP BY e",
        "SELECT * FROM c WHERE c.n = 1; DROP",
        "SELECT TOP 0 * FROM c",
        "SELECT * FROM c ORDER BY 1",
        "SELECT DISTINCT * FROM c",
        "SELECT * FROM c WHERE (c.n = 1",
        "",
    ],
)
def test_sql_that_is_not_known_is_refused(text: str) -> None:
    with pytest.raises(SqlError, match=r".+"):
        parse_query(text, {})


@pytest.mark.parametrize(
    ("condition", "value"),
    [
        ("c.n = 1 AND c.s = \"x\" OR false", True),
        ("c.n = 1.0", True),
        ("c.n = \"1\"", UNDEFINED),
        ("c.missing = null", UNDEFINED),
        ("NOT (c.missing = 1)", UNDEFINED),
        ("c.missing = 1 AND false", False),
        ("c.missing = 1 OR true", True),
        ("NOT ((c.missing = 1) ?? false)", True),
        ("c.null = null", True),
        ("c.flag = 1", UNDEFINED),
        ("c.flag > false", True),
        ("c.s > 1", UNDEFINED),
        ("c.list = [1, \"x\"]", True),
        ("c.o = {\"in\": 1}", True),
        ("c[\"o\"][\"in\"] >= 1", True),
        ("c.list[\"0\"] = 1", UNDEFINED),
        ("c.n IN (2, 1)", True),
        ("c.n IN (\"x\", 1)", True),
        ("IS_DEFINED(c.null) AND IS_NULL(c.null)", True),
        ("IS_NUMBER(c.flag)", False),
        ("IS_OBJECT(c.o) AND NOT IS_OBJECT(c.list)", True),
        ("ARRAY_CONTAINS(c.list, 1)", True),
        ("ARRAY_CONTAINS(c.list, true)", False),
        ("ARRAY_CONTAINS(c.s, 1)", UNDEFINED),
        ("CONTAINS(c.s, \"X\")", False),
        ("CONTAINS(c.s, \"X\", true)", True),
        ("REPLACE(c.s, \"x\", \"y\") = \"y\"", True),
    ],
)  # fmt: skip
def test_conditions_have_three_values(condition: str, value: object) -> None:
    assert evaluate(parse_condition(f"FROM c WHERE {condition}"), DOCUMENT) is value


REFUSALS: list[tuple[str, Callable[[ContainerProxy], Any]]] = [
    ("composite", lambda one: found(one, "SELECT * FROM c ORDER BY c.kind, c.id")),
    ("not indexed", lambda one: found(one, "SELECT * FROM c ORDER BY c.n")),
    ("enablecrosspartition", lambda one: found(one, "SELECT * FROM c", partition_key=None)),
    ("headers", lambda one: found(one, "SELECT * FROM c", priority="High")),
    ("headers", lambda one: found(one, "SELECT * FROM c", populate_query_metrics=True)),
    ("does not know", lambda one: one.create_item(BODY)),
    ("does not know", lambda one: one.delete_item("a", partition_key=KEY)),
    ("2 parts", lambda one: one.read_item("a", partition_key=["acme"])),
    ("2 parts", lambda one: one.execute_item_batch([("create", (BODY,))], partition_key=["acme"])),
]


@pytest.mark.parametrize(
    ("reason", "call"), REFUSALS, ids=[f"{n} {one[0]}" for n, one in enumerate(REFUSALS)]
)
async def test_requests_that_are_not_known_are_refused(
    container: ContainerProxy, reason: str, call: Callable[[ContainerProxy], Any]
) -> None:
    assert reason in await refused(call(container))


@pytest.mark.parametrize(
    ("entry", "status"),
    [
        (("upsert", (BODY,)), 501),
        (("read", ("a",)), 501),
        (("patch", ("a", [{"op": "move", "from": "/n", "path": "/m"}])), 400),
        (("patch", ("a", [{"op": "add", "path": "/m", "value": 1}])), 501),
        (("patch", ("a", [{"op": "set", "path": "/id", "value": "b"}])), 400),
        (("patch", ("a", [{"op": "set", "path": "/execution_id", "value": "b"}])), 400),
        (("patch", ("a", [{"op": "set", "path": "/x/y", "value": 1}])), 400),
        (("patch", ("a", [{"op": "incr", "path": "/kind", "value": 1}])), 400),
        (("patch", ("a", [{"op": "set", "path": f"/f{n}", "value": 1} for n in range(11)])), 400),
        (("patch", ("a", [{"op": "set", "path": "/m", "value": 1}]), {"filter_predicate": "c.n = 1"}), 400),
        (("replace", ("a", {**BODY, "id": "b"})), 400),
        (("create", ({**BODY, "id": "b", "execution_id": "two"},)), 400),
        (("create", ({**BODY, "id": "b/c"},)), 400),
        (("create", ({**BODY, "id": "b", "ttl": 0},)), 400),
    ],
    ids=str,
)
async def test_operations_that_are_not_known_or_not_right_are_refused_and_nothing_is_stored(
    container: ContainerProxy, entry: Any, status: int
) -> None:
    await container.execute_item_batch([("create", (BODY,))], partition_key=KEY)
    before = await container.read_item("a", partition_key=KEY)
    other = ("create", ({**BODY, "id": "other"},))
    with pytest.raises(HttpResponseError) as raised:
        await container.execute_item_batch([other, entry], partition_key=KEY)
    assert raised.value.status_code == status
    assert await container.read_item("a", partition_key=KEY) == before
    assert [row["id"] for row in await found(container, "SELECT * FROM c")] == ["a"]


async def test_an_increment_of_a_missing_field_makes_it_as_the_service_does(
    container: ContainerProxy,
) -> None:
    increment = [{"op": "incr", "path": "/m", "value": 2}]
    batch: list[Any] = [("create", (BODY,)), ("patch", ("a", increment))]
    await container.execute_item_batch(batch, partition_key=KEY)
    assert (await container.read_item("a", partition_key=KEY))["m"] == 2
