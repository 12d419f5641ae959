"""A host is killed while secrets change: what was acknowledged holds, and nothing is left over."""

import asyncio
import itertools
import threading
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx

from localhost.sqlite.documents import SqliteDocuments
from localhost.sqlite.secrets import SqliteSecrets
from shared.adapters.system import SystemClock
from shared.security.scope import TenantScope
from shared.services.secrets.leftovers import PATIENCE, Leftovers
from shared.services.secrets.values import Purpose, SecretValues
from tests import forked
from tests.e2e.api import Api
from tests.fakes.clock import FrozenClock

ACME = TenantScope("acme")
BUSY = 503
"""Where the machine has much else to do, a store may not answer in time."""
NAMES = ("A", "B", "C")
ACKNOWLEDGED = 60
"""Changes after which the host is killed."""


@dataclass
class Told:
    """What one caller was told of a secret of its own."""

    name: str
    standing: str | None = None
    """The value that was acknowledged last; None after a deletion that was."""
    doubtful: list[str | None] = field(default_factory=list)
    """What it may be instead: what was sent since then, and not answered for certain."""


def change(api: Api, told: Told, enough: threading.Event, count: "itertools.count[int]") -> None:
    """Put the secret, rotate it and delete it at times, until nobody answers any more."""
    for number in itertools.count(1):
        value = None if number % 7 == 0 else f"the value {number} of {told.name}"
        told.doubtful.append(value)
        if value is None:
            response = api.client.delete(f"/secrets/{told.name}")
            if response.status_code == BUSY:
                continue  # it may have been done
            assert response.status_code == 204, response.text
        else:
            response = api.client.put(f"/secrets/{told.name}", json={"value": value})
            if response.status_code == BUSY:
                continue
            assert response.status_code == 200, response.text
        told.standing = value
        told.doubtful.clear()
        if next(count) >= ACKNOWLEDGED:
            enough.set()


def test_what_was_acknowledged_survives_a_kill_and_nothing_is_left_over(tmp_path: Path) -> None:
    host = forked.start(tmp_path / "data", log=tmp_path / "host.log")
    told, enough, count = [Told(name) for name in NAMES], threading.Event(), itertools.count()

    def hammer(one: Told) -> None:
        with Api(host) as api, suppress(httpx.TransportError):
            change(api, one, enough, count)

    callers = [threading.Thread(target=hammer, args=[one]) for one in told]
    for caller in callers:
        caller.start()
    try:
        assert enough.wait(60)
    finally:
        host.kill()
    for caller in callers:
        caller.join()
    asyncio.run(hold(host.data, told))


async def hold(data: Path, told: list[Told]) -> None:
    clock = SystemClock()
    with (
        closing(SqliteDocuments(data / "documents.db")) as documents,
        closing(SqliteSecrets(data / "secrets.db")) as vault,
    ):
        values = SecretValues(documents=documents, vault=vault, clock=clock)
        found = await values.resolve_for(ACME, Purpose("none", "none"), NAMES)
        for one in told:
            value = found[one.name].value if one.name in found else None
            assert value in {one.standing, *one.doubtful}, one
        later = FrozenClock(clock.now() + PATIENCE + timedelta(minutes=1))
        await Leftovers(documents=documents, vault=vault, clock=later).sweep()
        assert {key async for key in vault.names(ACME)} == {one.key for one in found.values()}
