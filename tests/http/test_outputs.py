"""Outputs over HTTP: whole, under their hash, and referred to where they are large."""

import hashlib

from tests.http.harness import World

TIMES = 3000


async def test_what_a_large_output_refers_to_is_all_of_it(world: World) -> None:
    ended = await world.ended(text="hello", much="${{ execution.id }}" * TIMES)
    execution = (await world.send("viewer", "GET", f"/executions/{ended}")).json()
    much = ended * TIMES
    for shown in (execution["outputs"], execution["steps"][0]["outputs"]):
        assert shown["preview"] == {"text": "hello", "much": f"{much[:80]}… ({len(much)} characters)"}
        response = await world.send("viewer", "GET", shown["$ref"].removeprefix("/api/v1"))
        assert response.json() == {"text": "hello", "much": much}
        assert len(response.content) == shown["size"]
        assert hashlib.sha256(response.content).hexdigest() == shown["sha256"]
        assert response.headers["etag"] == f'"{shown["sha256"]}"'


async def test_who_has_them_is_told_so(world: World) -> None:
    path = f"/executions/{await world.ended(text='hello')}/steps/ask/outputs"
    first = await world.send("viewer", "GET", path)
    assert first.json() == {"text": "hello"}
    again = await world.send("viewer", "GET", path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_what_has_no_outputs_is_not_found(world: World) -> None:
    asking, ended = await world.asking(), await world.ended(text="hello")
    for path in (
        f"{asking}/outputs",
        f"{asking}/steps/ask/outputs",
        f"{ended}/steps/ask/outputs?item=0",
        f"{ended}/steps/none/outputs",
        f"{ended}/steps/..%2fask/outputs",
    ):
        assert (await world.send("viewer", "GET", f"/executions/{path}")).status_code == 404, path
    for item in ("-1", "10000", "x", ""):
        response = await world.send("viewer", "GET", f"/executions/{ended}/steps/ask/outputs?item={item}")
        assert response.status_code == 400
        assert response.json()["errors"][0]["pointer"] == "/query/item"
