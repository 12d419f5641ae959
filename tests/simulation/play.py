"""Plays a scenario: the whole platform, in processes that die, over a store and an engine that do not."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Literal

from shared.adapters.jwt.keys import JwksSource
from shared.adapters.jwt.verifier import JwtTokens
from shared.bootstrap import Application, compose
from shared.domain.callbacks import Answer
from shared.domain.errors import QuantumError, UnavailableError
from shared.domain.executions import TERMINAL_STATUSES
from shared.domain.ids import RANDOM_BYTES, ulid
from shared.domain.intents import NewIntent
from shared.domain.retrying import Retrial
from shared.domain.secrets import NewSecret
from shared.domain.steering import Verb
from shared.domain.times import parse_rfc3339
from shared.modules.approvals import ApprovalAction
from shared.modules.children import RunIntent
from shared.modules.core import Assert, Transform, Wait
from shared.ports.actions import Action
from shared.ports.adapters import Adapters
from shared.ports.documents import EXECUTIONS, TENANCY, Container, Document, Query
from shared.security.principals import Principal
from shared.security.scope import TenantScope
from shared.services.callers import Caller
from shared.settings import Settings
from tests.fakes.actions import ScriptedCatalogue
from tests.fakes.documents import Killed
from tests.fakes.events import FlakyEvents
from tests.fakes.secrets import KeptSecrets
from tests.simulation.outside import EFFECTS, Act, Job, Outside
from tests.simulation.scenario import Deed, Scenario, intent_name
from tests.simulation.stores import InlineDocuments, RemoteDocuments, Weather
from tests.workflow.live import LiveEngine

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RECOVERY = 30.0
"""Seconds between two runs of the recovery timer, as in ``functions/timers/recovery.py``."""
QUIET = 6 * 3600.0
"""Seconds, after the last deed, in which everything has to come to its end."""
ACME = TenantScope("acme")
SECRET = "what-only-the-outside-may-know"


@dataclass(frozen=True)
class VirtualClock:
    def now(self) -> datetime:
        return START + timedelta(seconds=asyncio.get_running_loop().time())


@dataclass(frozen=True)
class SeededIds:
    chance: Random

    def new(self) -> str:
        return ulid(VirtualClock().now(), self.chance.randbytes(RANDOM_BYTES))


def member(user: str) -> Caller:
    return Caller(Principal("acme", user, frozenset({"admin"}), {}, "urn:test", user), ACME)


@dataclass(eq=False)
class Process:
    """One process of the platform: what it knows by itself is lost with it."""

    platform: Application
    documents: RemoteDocuments
    tasks: list[asyncio.Task[None]] = field(default_factory=list[asyncio.Task[None]])


class Play:
    """What came of a scenario is in ``documents``, ``engine``, ``outside`` and ``acknowledged``."""

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        self.scenario = scenario
        self.chance = Random(scenario.seed)
        self.weather = Weather()
        self.documents = InlineDocuments(folder / "documents.db", now=VirtualClock().now)
        self.engine = LiveEngine(self.chance, scenario.unreliability, recut=scenario.recut)
        self.outside = Outside()
        self.vault = KeptSecrets(now=VirtualClock().now)
        self.acknowledged: list[str] = []
        """The executions whose callers were told that they are stored."""
        self.processes: list[Process] = []
        self._errors: list[BaseException] = []

    async def run(self) -> None:
        for _ in range(self.scenario.processes):
            self.start()
        await self._prepare()
        self.weather.failing, self.weather.stale = self.scenario.failing, self.scenario.stale
        people = asyncio.create_task(self._decide())
        began = asyncio.get_running_loop().time()
        for deed in self.scenario.deeds:
            await asyncio.sleep(max(0, began + deed.at - asyncio.get_running_loop().time()))
            self._do(deed)
        await self._come_to_rest()
        people.cancel()
        for process in list(self.processes):
            self.kill(process)
        self._raise_errors()

    def close(self) -> None:
        self.documents.close()

    def start(self) -> None:
        """One more process."""
        documents = RemoteDocuments(self.documents, self.chance, self.weather)
        clock = VirtualClock()
        adapters = Adapters(
            documents=documents,
            events=FlakyEvents(),
            orchestrations=self.engine,
            tokens=JwtTokens([], keys=JwksSource(), clock=clock),
            clock=clock,
            ids=SeededIds(self.chance),
            cursor_key=b"k" * 32,
            secrets=self.vault,
        )
        catalogue = ScriptedCatalogue()
        settings = Settings(adapters="localhost", host_url="http://127.0.0.1:7071")
        platform = compose(adapters, settings, catalogue=catalogue)
        actions: list[Action] = [Wait(), Assert(), Transform(), RunIntent(), Job(self.outside)]
        actions.append(ApprovalAction(platform.approvals))
        for action in (*actions, *(Act(effect, self.outside) for effect in EFFECTS)):
            catalogue.use(action)
        process = Process(platform, documents)
        self.processes.append(process)
        self.engine.serve(platform)
        self._spawn(process, self._recover)

    def kill(self, process: Process) -> None:
        """End a process where it stands."""
        process.documents.dead = True
        self.processes.remove(process)
        self.engine.lose(process.platform)
        for task in process.tasks:
            task.cancel()

    async def _prepare(self) -> None:
        """The tenant, who executes in it, and what they execute: what others run is there before them."""
        platform, ada = self.processes[0].platform, member("ada")
        await platform.tenants.ensure("acme")
        await platform.members.ensure_member(
            "acme", user="ada", roles=["admin"], issuer=ada.principal.issuer, subject=ada.principal.subject
        )
        if self.scenario.most is not None:
            most = {"max_concurrent_executions": self.scenario.most}
            await platform.configuration.configure(ada, "acme", most)
        await platform.secrets.put(ada, "TOKEN", NewSecret(SECRET))
        for number, definition in reversed([*enumerate(self.scenario.definitions)]):
            await platform.intents.create(ada, NewIntent(name=intent_name(number), definition=definition))

    def _do(self, deed: Deed) -> None:
        match deed.does:
            case "kill" if self.processes:
                self._kill_for_a_while(self.processes[deed.which % len(self.processes)], deed.lasts)
            case "die writing" if self.processes:
                process = self.chance.choice(self.processes)
                process.documents.fuse = 1 + deed.which
                process.documents.burnt = lambda: self._kill_for_a_while(process, deed.lasts)
            case "hub away":
                self.engine.reachable = False
                asyncio.get_running_loop().call_later(deed.lasts, self._back)
            case "execute" | "rehearse":
                intent, dry_run = (
                    intent_name(deed.which % len(self.scenario.definitions)),
                    deed.does == "rehearse",
                )
                self._ask(partial(self._execute, intent=intent, dry_run=dry_run))
            case "cancel" | "pause" | "resume" | "terminate" | "retry" as verb if self.acknowledged:
                execution = self.acknowledged[deed.which % len(self.acknowledged)]
                self._ask(partial(self._steer, execution=execution, verb=verb))
            case _:
                pass

    def _back(self) -> None:
        self.engine.reachable = True

    def _kill_for_a_while(self, process: Process, seconds: float) -> None:
        self.kill(process)
        asyncio.get_running_loop().call_later(seconds, self.start)

    async def _execute(self, platform: Application, intent: str, *, dry_run: bool) -> None:
        execution = await platform.executions.execute(member("ada"), intent, {}, dry_run=dry_run)
        self.acknowledged.append(execution.execution_id)

    async def _steer(self, platform: Application, execution: str, verb: Verb | Literal["retry"]) -> None:
        if verb != "retry":
            await platform.steering.steer(member("ada"), execution, verb)
            return
        repeat: Literal[True] | tuple[()] = True if self.chance.random() < 0.3 else ()
        made = await platform.retrying.retry(member("ada"), execution, Retrial(repeat=repeat))
        self.acknowledged.append(made.execution_id)

    def _ask(self, request: Callable[[Application], Awaitable[object]]) -> None:
        """Have some process serve a request; who asks is told of an error, or of nothing at all."""
        if self.processes:
            process = self.chance.choice(self.processes)
            self._spawn(process, partial(self._request, request))

    async def _request(self, request: Callable[[Application], Awaitable[object]], process: Process) -> None:
        with contextlib.suppress(QuantumError):
            await request(process.platform)

    def _spawn(self, process: Process, work: Callable[[Process], Awaitable[None]]) -> None:
        async def watched() -> None:
            try:
                await work(process)
            except Killed:
                pass
            except Exception as error:  # noqa: BLE001 - told at the end
                self._errors.append(error)

        process.tasks.append(asyncio.create_task(watched()))

    async def _recover(self, process: Process) -> None:
        while True:
            with contextlib.suppress(UnavailableError):
                await process.platform.recovery.run()
            await asyncio.sleep(RECOVERY)

    async def _decide(self) -> None:
        """People and services look at what waits for them from time to time, and answer some of it."""
        while True:
            await asyncio.sleep(self.chance.choice([1, 5, 40]))
            for address in self.outside.addresses:
                if self.chance.random() < 0.5:
                    self._ask(partial(self._call_back, address=address))
            for document in await self.stored("approval"):
                if document.body["approval"]["status"] == "waiting" and self.chance.random() < 0.5:
                    self._ask_people(document)

    async def _call_back(self, platform: Application, address: str) -> None:
        called = platform.callbacks.called(address.rpartition("/")[2])
        await platform.callbacks.require_awaited(called)
        await platform.callbacks.receive(called, Answer("completed", {"n": 1}))

    def _ask_people(self, document: Document) -> None:
        user, execution = self.chance.choice(["bob", "cleo", "dan"]), document.body["execution_id"]
        verdict = self.chance.choice(["approved", "approved", "approved", "rejected"])
        step = document.body["approval"]["step"]
        self._ask(lambda platform: platform.approvals.decide(member(user), execution, step, verdict))  # type: ignore[arg-type]  # one of the verdicts

    async def stored(self, kind: str, container: Container = EXECUTIONS) -> list[Document]:
        return list((await self.documents.query(ACME, Query(container, kind, limit=1000))).items)

    async def _come_to_rest(self) -> None:
        """Nothing fails any more; whatever is stored has to end."""
        self.weather.failing = 0
        await self._hold_families()
        await asyncio.sleep(60)
        end = asyncio.get_running_loop().time() + QUIET
        for late in (0, 2 * self.scenario.unreliability.lag + RECOVERY):
            await asyncio.sleep(late)
            while not await self._rests():
                self._raise_errors()
                await self._resume()
                assert asyncio.get_running_loop().time() < end, "an execution does not end"
                await asyncio.sleep(5)

    async def _hold_families(self) -> None:
        """Whoever is paused holds all that is below it."""
        lag = 2 * self.scenario.unreliability.lag
        if any(head.body["status"] == "paused" for head in await self.stored("execution")):
            await self._resume()
            await asyncio.sleep(2 * RECOVERY)
        for head in await self.stored("execution"):
            if head.body["parent"] is None and head.body["status"] not in TERMINAL_STATUSES:
                self._ask(partial(self._steer, execution=head.body["execution_id"], verb="pause"))
        await asyncio.sleep(20 * RECOVERY)
        heads = {head.body["execution_id"]: head.body for head in await self.stored("execution")}
        for one, body in heads.items():
            above = heads[body["parent"]["execution_id"]] if body["parent"] else None
            if above is not None and above["status"] == "paused":
                latest = parse_rfc3339(above["paused"]["at"]) + timedelta(seconds=2 * RECOVERY + lag)
                query = Query(EXECUTIONS, "event", partition=one, limit=1000)
                for event in (await self.documents.query(ACME, query)).items:
                    begins = event.body["type"] == "step_started"
                    late = begins and parse_rfc3339(event.body["time"]) > latest
                    assert not late, f"{one} goes on below what is paused"

    async def _resume(self) -> None:
        """Nothing stays paused; what its parent has paused goes on with that."""
        for head in await self.stored("execution"):
            if head.body["status"] == "paused" and not head.body["paused"]["by"].startswith("execution:"):
                execution = head.body["execution_id"]
                self._ask(partial(self._steer, execution=execution, verb="resume"))

    async def _rests(self) -> bool:
        heads = await self.stored("execution")
        return (
            not self.engine.busy
            and all(head.body["status"] in TERMINAL_STATUSES for head in heads)
            and not await self.stored("nudge")
            and not await self.stored("retry")
            and not await self.stored("ticket", TENANCY)
            and all(instance.ended for instance in self.engine.instances.values())
        )

    def _raise_errors(self) -> None:
        for error in [*self.engine.failures, *self._errors]:
            raise error
