"""What follows from a change of a tenant is done, whoever dies."""

import pytest

from tests.fakes.documents import Killed
from tests.http.harness import Stage
from tests.http.test_tenant_changes import make_one, suspend


@pytest.mark.parametrize("verb", ["create", "suspend"])
async def test_what_follows_is_done_by_the_timer_if_the_process_dies(stage: Stage, verb: str) -> None:
    """It dies around each transaction of a request that nobody sends again."""
    world = stage.world
    for point in range(40):
        name = f"t{point}"
        if verb == "suspend":
            await make_one(world, name)
        told = (await world.send("root", "GET", f"/audit?limit=200&action=tenant.{verb}")).json()["items"]
        asked = 0

        def die(*_: object, at: int = point) -> None:
            nonlocal asked
            asked += 1
            if asked == at + 1:
                raise Killed

        stage.documents.interrupt = die
        try:
            if verb == "suspend":
                await suspend(world, name)
            else:
                await make_one(world, name)
        except Killed:
            pass
        finally:
            stage.documents.interrupt = None
        stage.clock.advance(60)
        await world.platform.recovery.run()
        listed = (await world.send("root", "GET", "/tenants?limit=200")).json()["items"]
        status = {one["id"]: one["status"] for one in listed}.get(name)
        done = status == ("active" if verb == "create" else "suspended")
        after = (await world.send("root", "GET", f"/audit?limit=200&action=tenant.{verb}")).json()["items"]
        assert len(after) == len(told) + done, point
        if verb == "create" and done:
            assert (await world.send(f"bill-of-{name}", "GET", "/me")).status_code == 200, point
        if asked <= point:
            assert done
            return
    raise AssertionError("it never came to its end")
