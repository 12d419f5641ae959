"""A host that is killed again and again under everything that it can be asked for, and what is left of it."""

import asyncio
import contextlib
import itertools
import os
import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx

from examples import hosting
from localhost.durable.model import TERMINAL
from localhost.identity.token import settings_of_host
from localhost.stores import document_store
from shared.adapters.system import SystemClock
from shared.domain.executions import TERMINAL_STATUSES
from shared.domain.times import rfc3339
from shared.ports.documents import EXECUTIONS, TENANCY, Documents, Patch, Query
from shared.ports.telemetry import NO_TELEMETRY
from shared.security.scope import TenantScope
from shared.services.schedules import agenda, schedules
from shared.services.tenancy.directory import DIRECTORY
from tests import forked
from tests.e2e.api import Api, token_of
from tests.e2e.receiver import Receiver
from tests.e2e.shapes import LIMIT, SHAPES
from tests.host.running import until
from tests.hosts import run_by_hand
from tests.simulation.laws import Execution

ACME: Final = TenantScope("acme")
SCHEDULES: Final = ("s0", "s1", "s2")
MADE_UP: Final = 3
"""So many missed times each schedule executes when the host is back."""
APPROVERS: Final = ("bob", "cleo")
LATEST: Final = 6
AT_ONCE: Final = 4
"""Requests that are made at the same time."""


@dataclass
class Chaos:
    """Host and callers. ``acknowledged`` are the executions that they were told are stored, by shape."""

    folder: Path
    stores: Mapping[str, str]
    rng: random.Random
    acknowledged: dict[str, str] = field(default_factory=dict[str, str])
    _host: hosting.Host | None = None
    _tokens: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def host(self) -> hosting.Host:
        assert self._host is not None
        return self._host

    def start(self) -> None:
        self._host = forked.start(
            self.folder / "data",
            log=self.folder / "host.log",
            **self.stores,
        )

    def _api(self, user: str = "ada") -> Api:
        """Signed in once: who makes a token opens the files, which a host that died has left to be mended."""
        return Api(self.host, token=self._tokens[user])

    def prepare(self, receiver: Receiver) -> None:
        """Everything that is executed later, and schedules, which miss six hours."""
        self.start()
        self._tokens = {
            user: token_of(self.host, tenant="acme", user=user, role="admin") for user in ("ada", *APPROVERS)
        }
        with self._api() as api:
            for name, shape in SHAPES.items():
                made = {"name": name, "definition": shape.at(receiver.url)}
                assert api.client.post("/intents", json=made).status_code == 201
            for name in SCHEDULES:
                body: dict[str, Any] = {
                    "intent": "plain",
                    "cron": "@hourly",
                    "overlap": "allow",
                    "catch_up": MADE_UP,
                }
                assert api.client.put(f"/schedules/{name}", json=body).status_code == 200
        self.host.kill()
        asyncio.run(self._be_away(timedelta(hours=6)))

    def round(self, names: list[str]) -> None:
        """Start the host, ask for executions and more, and kill it somewhere in between."""
        self.start()
        run_by_hand(self.host, "fire_schedules")
        with ThreadPoolExecutor(AT_ONCE) as pool:
            asked = [pool.submit(self._execute, name) for name in names]
            asked += [pool.submit(self._steer) for _ in range(len(names) // 2)]
            if self.rng.random() < 0.5:
                for future in asked[: self.rng.randrange(len(asked))]:
                    future.result()
            else:
                for future in asked:
                    future.result()
                self._wait_for_events(self.rng.randrange(40))
            self.host.kill()

    def _execute(self, name: str) -> None:
        with self._api() as api, contextlib.suppress(httpx.TransportError):
            body = {"parameters": SHAPES[name].parameters(self.rng)}
            response = api.client.post(f"/intents/{name}/execute", json=body)
            assert response.status_code == 202, response.text
            self.acknowledged[response.json()["execution_id"]] = name

    def _steer(self) -> None:
        """Do something with one of the latest executions that somebody has to do with."""
        steered = [one for one, name in list(self.acknowledged.items()) if SHAPES[name].steered]
        if steered:
            chosen = self.rng.choice(steered[-LATEST:])
            self._post(chosen, self.rng.choice(SHAPES[self.acknowledged[chosen]].steered))

    def _post(self, execution: str, does: str) -> None:
        user = self.rng.choice(APPROVERS)
        with self._api(user) as api, contextlib.suppress(httpx.TransportError):
            status = api.client.post(f"/executions/{execution}/{does}").status_code
            assert status in {202, 404, 409}, status

    def _wait_for_events(self, count: int) -> None:
        """Until some execution that waits for nobody has come so far, or to its end."""
        going = [one for one, name in self.acknowledged.items() if not SHAPES[name].steered]
        if going:
            with self._api() as api, contextlib.suppress(httpx.HTTPError):
                for _ in itertools.islice(api.events(self.rng.choice(going)), count):
                    pass

    def come_to_rest(self) -> None:
        """Every execution ends, with people who decide what is left to them; then the host is stopped."""
        self.start()
        run_by_hand(self.host, "fire_schedules")
        with self._api() as api:
            until(lambda: self._all_ended(api), seconds=120, longest=0.5)
            until(lambda: self._counted(api), seconds=60, longest=0.5)
            chains = api.client.get("/audit/verification").json()
            assert (chains["verified"], chains["damage"]) == (True, [])
        self.host.stop()

    def _all_ended(self, api: Api) -> bool:
        going_on = [one for one in _listed(api) if one["status"] not in TERMINAL_STATUSES]
        if going_on:
            run_by_hand(self.host, "recover_executions")
        for one in going_on:
            # Those too that were stored and, the host being killed, not acknowledged: they wait for people.
            does = SHAPES[one["intent_id"].rpartition("-v")[0]].steered
            if "steps/ask/approve" in does:
                self._post(one["execution_id"], "steps/ask/approve")
            elif one["status"] == "paused":
                self._post(one["execution_id"], "resume")
        return not going_on

    def _counted(self, api: Api) -> bool:
        """Whether the days' counters, which follow the events, have all that the executions say."""
        days = api.client.get("/stats").json()["days"]
        found = _listed(api)
        statuses = Counter(f"executions_{one['status']}" for one in found)
        steps = Counter[str]()
        for one in found:
            for name in ("completed", "failed", "skipped"):
                steps[f"steps_{name}"] += one["progress"][name]
            if one["retry_of"]:  # what it keeps was counted when it ran
                kept = [step for step in api.get(one["execution_id"])["steps"] if step["kept_from"]]
                steps.subtract(f"steps_{step['status']}" for step in kept)
        expected = {"executions_started": len(found), **statuses, **steps}
        return all(sum(day[name] for day in days) == count for name, count in expected.items())

    def check(self) -> None:
        """Look at what is stored, from behind: nothing is lost, stuck or recorded twice."""
        asyncio.run(self._check())
        with closing(sqlite3.connect(self.host.data / "quantum.db")) as hub:
            instances = hub.execute("SELECT id, status FROM instances").fetchall()
        stuck = [name for name, status in instances if status not in TERMINAL]
        assert not stuck, f"orchestrations that go on: {stuck}"

    async def _check(self) -> None:
        async with self._documents() as documents:
            stored = await _all_of(documents, "execution")
            assert self.acknowledged.keys() <= stored.keys(), "an acknowledged execution is lost"
            for one, head in stored.items():
                changes = await documents.changes(ACME, container=EXECUTIONS, partition=one, limit=100_000)
                with _told_of(f"execution {one} of {head['intent']}"):
                    execution = Execution([change.document.body for change in changes])
                    execution.check()
                    SHAPES[head["intent"]].check(execution)
            print(dict(Counter(f"{head['intent']} {head['status']}" for head in stored.values())))
            assert not await _all_of(documents, "nudge")
            times = Counter(
                (head["schedule"]["name"], head["schedule"]["scheduled_at"])
                for head in stored.values()
                if head["schedule"]
            )
            _require_limit(stored.values())
            assert set(times.values()) == {1}, f"a time of a schedule was executed twice: {times}"
            assert len(times) >= MADE_UP * len(SCHEDULES)

    @asynccontextmanager
    async def _documents(self) -> AsyncIterator[Documents]:
        """The host's own store, while no host is there."""
        settings = settings_of_host(self.host.data, os.environ | self.host.settings)
        store = document_store(settings, SystemClock(), NO_TELEMETRY)
        try:
            yield store.port
        finally:
            for close in store.closers:
                await close()

    async def _be_away(self, time: timedelta) -> None:
        """Leave the schedules as they were had the host been away for so long."""
        past = rfc3339((datetime.now(UTC) - time).replace(minute=0, second=0, microsecond=0))
        async with self._documents() as documents:
            for name in SCHEDULES:
                for scope, partition, patch in (
                    (ACME, schedules.PARTITION, Patch(name, set={("firings", "next_at"): past})),
                    (
                        TenantScope(DIRECTORY),
                        agenda.PARTITION,
                        Patch(f"acme:{name}", set={("due",): past, ("noted_at",): past}),
                    ),
                ):
                    await documents.transact(
                        scope, container=TENANCY, partition=partition, operations=[patch]
                    )


def _listed(api: Api) -> list[dict[str, Any]]:
    """Every execution, without its steps."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = api.client.get("/executions", params={"limit": "200", **cursor}).json()
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


async def _all_of(documents: Documents, kind: str) -> dict[str, Mapping[str, Any]]:
    """The documents of a kind among the executions, by execution."""
    found: dict[str, Mapping[str, Any]] = {}
    after: str | None = None
    while True:
        page = await documents.query(ACME, Query(EXECUTIONS, kind, limit=200, after=after))
        found |= {item.body["execution_id"]: item.body for item in page.items}
        if (after := page.after) is None:
            return found


def _require_limit(heads: Iterable[Mapping[str, Any]]) -> None:
    """No more of the intent ``limited`` ran at any time than may."""
    spans = [(one["started_at"], one["finished_at"]) for one in heads if one["intent"] == "limited"]
    for began, _ in spans:
        assert sum(start <= began < end for start, end in spans) <= LIMIT, sorted(spans)


@contextlib.contextmanager
def _told_of(what: str) -> Iterator[None]:
    try:
        yield
    except AssertionError as error:
        error.add_note(what)
        raise
