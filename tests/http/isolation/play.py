"""Two tenants at work on one platform, or one of them alone, and what each of them is shown meanwhile."""

import base64
import binascii
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, Literal
from urllib.parse import urlencode

from functions.routes.executions import EXECUTE_INTENT, WATCH_EXECUTION
from functions.routes.route import EVENT_STREAM, Route
from functions.routes.table import ROUTES
from shared.domain.metrics import LEASES_UNCOUNTED
from shared.domain.places import Place
from shared.security.scope import TenantScope
from tests.http.isolation.actors import Actor, Heard, Told, found_in
from tests.http.isolation.requests import PLATFORMS, Request, opening, request
from tests.http.isolation.stage import Stage, Tail, acting

type Name = Literal["one", "two"]
type Move = Literal["one", "two", "tick"]

TENANTS: Final[Sequence[Name]] = ("one", "two")
DECK: Final = [
    *ROUTES,
    *(route for route in ROUTES if route.mutates or (route.query and "cursor" in route.query.model_fields)),
    *[EXECUTE_INTENT] * 4,
]
"""Every route; what changes something and what has pages come twice as often."""
OPAQUE: Final = re.compile(r'"(?:next_cursor|cursor|secret)": ?"([^"]+)"|^id: (\S+)$', re.MULTILINE)
"""What a client carries and does not read; no two stores have the same."""
ANSWERED_AT: Final = re.compile(r'"timestamp":"[^"]+"')
"""Of a problem: by the clock of the machine, which does not stand still."""
BASE64: Final = re.compile(r"[A-Za-z0-9_-]{16,}")


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request, and all that its sender was shown."""

    request: Request
    status: int
    headers: Sequence[tuple[str, str]]
    text: str

    @property
    def shown(self) -> str:
        return f"{self.status} {sorted(self.headers)} {self.text}"


@dataclass
class Script:
    """Who moves when, and what each of them has heard of the other by then."""

    seed: str
    moves: Sequence[Move]
    heard: dict[int, Heard] = field(default_factory=dict[int, Heard])

    @classmethod
    def of(cls, seed: str, rounds: int) -> "Script":
        """Each tenant goes so many times through all routes."""
        chance = Random(seed)
        moves: list[Move] = [*TENANTS] * (rounds * len(DECK) + 15)
        chance.shuffle(moves)
        for place in range(len(moves), 0, -12):
            moves.insert(place, "tick")
        return cls(seed, moves)


@dataclass
class Account:
    """What a tenant was shown, in a run of the script, and what of it has left the platform."""

    exchanges: list[Exchange] = field(default_factory=list[Exchange])
    events: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """By key, in each in order."""
    webhooks: Counter[str] = field(default_factory=Counter[str])
    metrics: Counter[str] = field(default_factory=Counter[str])
    _names: dict[str, str] = field(default_factory=dict[str, str])

    def plain(self, text: str) -> str:
        """The text with a name for each opaque value, by the order in which they came."""

        def named(match: re.Match[str]) -> str:
            value = match[1] or match[2]
            return match[0].replace(value, self._name(value))

        return ANSWERED_AT.sub("", OPAQUE.sub(named, text))

    def plainly(self, exchange: Exchange) -> str:
        headers = [(name, self._name(value) if name == "etag" else value) for name, value in exchange.headers]
        return f"{exchange.status} {sorted(headers)} {self.plain(exchange.text)}"

    def _name(self, value: str) -> str:
        return self._names.setdefault(value, f"<{len(self._names)}>")


class Play:
    """One run of a script."""

    def __init__(self, stage: Stage, script: Script) -> None:
        self.stage = stage
        self.script = script
        self.actors = {name: Actor.of(name, script.seed) for name in TENANTS}
        self.accounts = {name: Account() for name in TENANTS}
        self.succeeded: Counter[str] = Counter()
        self._decks: dict[Name, list[Route]] = {name: [] for name in TENANTS}
        self._tails: dict[Name, tuple[Request, Tail]] = {}
        self._keyed: dict[Name, Request] = {}
        self._opening: dict[Name, Iterator[Request]] = {}

    @property
    def late(self) -> bool:
        """Whether the store did not answer in time, on a machine that has too much to do."""
        return any(metric is LEASES_UNCOUNTED for metric, _, _ in self.stage.telemetry.recorded)

    @property
    def drawn(self) -> set[str]:
        """The names of the routes that were asked."""
        return {one.request.route.name for account in self.accounts.values() for one in account.exchanges}

    async def run(self, only: Name | None = None) -> None:
        """Play the script, or the moves of one tenant and what time brings."""
        await self.stage.people(list(self.actors.values()))
        self._opening = {name: opening(actor) for name, actor in self.actors.items()}
        for number, move in enumerate(self.script.moves):
            if move == "tick":
                with self._watched(f"time, as move {number}"):
                    await self.stage.tick(30)
            elif only in {None, move}:
                await self._move(number, move, alone=only is not None)
        for name, (asked, tail) in self._tails.items():
            await tail.told(self.stage.documents.counts[asked.path.split("/")[2]])
            text = await tail.close()
            self._shown(name, Exchange(asked, tail.status, tail.headers, text))
        await self._look_outside()

    async def _move(self, number: int, name: Name, *, alone: bool) -> None:
        actor, other = self.actors[name], self.actors[_other(name)]
        if not alone:
            self.script.heard[number] = other.telling()
        actor.heard = self.script.heard[number]
        asked = next(self._opening[name], None) or self._next(name)
        token = acting.set(actor.tag)
        try:
            with self._watched(f"{name}'s move {number}, {asked}", name, asked):
                exchange = await self._exchanged(actor, asked)
                await self.stage.engine.work()
                await self._wait_outside(actor, exchange)
        finally:
            acting.reset(token)
        self._shown(name, exchange)
        if asked.route is EXECUTE_INTENT and name not in self._tails and "/asks/" in asked.path:
            await self._watch(name)

    def _next(self, name: Name) -> Request:
        """Another request, or the last one with a key once more."""
        actor, last = self.actors[name], self._keyed.get(name)
        if last is not None and actor.happens(0.04):
            return last
        asked = request(actor, self._draw(name))
        if "Idempotency-Key" in asked.headers:
            self._keyed[name] = asked
        return asked

    def _draw(self, name: Name) -> Route:
        deck = self._decks[name]
        if not deck:
            deck += DECK
            self.actors[name].chance.shuffle(deck)
        return deck.pop()

    async def _exchanged(self, actor: Actor, asked: Request) -> Exchange:
        stage, route = self.stage, asked.route
        actor.requests += 1
        headers = {**asked.headers, "X-Request-ID": f"request-{actor.requests}"}
        if route.closed:
            headers["Authorization"] = f"Bearer {stage.token(actor.subject(asked.user))}"
        path, query = f"/api/v1{asked.path}", urlencode(asked.params)
        if headers.get("Accept") == EVENT_STREAM:
            tail = stage.watch(path, query, headers)
            await tail.began()
            text = await tail.close()
            return Exchange(asked, tail.status, tail.headers, text)
        body: dict[str, Any] = {} if asked.content is None else {"content": asked.content}
        body |= {} if asked.body is None else {"json": asked.body}
        answer = await stage.http.request(route.method, f"{path}?{query}", headers=headers, **body)
        return Exchange(asked, answer.status_code, list(answer.headers.items()), answer.text)

    async def _wait_outside(self, actor: Actor, exchange: Exchange) -> None:
        """Have somebody outside be told where to call back what waits in an execution that has begun."""
        if exchange.status == 202 and exchange.request.path == "/intents/asks/execute":
            execution = json.loads(exchange.text)["execution_id"]
            actor.asking.append(execution)
            place = Place(execution, "ask", 1)
            opened = await self.stage.platform.callbacks.open(TenantScope(actor.tenant), place, seconds=3600)
            address = opened.address.rpartition("/")[2]
            if address not in actor.callbacks:
                actor.callbacks.append(address)

    async def _watch(self, name: Name) -> None:
        """Keep a stream open from now on."""
        actor = self.actors[name]
        path = f"/executions/{actor.executions[-1]}/events"
        headers = {"Authorization": f"Bearer {self.stage.token(actor.subject('ada'))}"}
        headers |= {"Accept": EVENT_STREAM, "X-Request-ID": "tail"}
        tail = self.stage.watch("/api/v1" + path, "", headers)
        await tail.began()
        self._tails[name] = Request(WATCH_EXECUTION, "ada", path), tail

    def _shown(self, name: Name, exchange: Exchange) -> None:
        """Hold what was shown against what may be, and remember it."""
        asked, other = exchange.request, self.actors[_other(name)]
        where = f"{name} was shown what is not its own, by {asked}"
        self._require_own(name, exchange.shown, asked, where)
        for one in BASE64.findall(exchange.text):
            assert other.secret.encode() not in _decoded(one), f"{where}: encoded as {one}"
        self._require_refused(exchange)
        self.accounts[name].exchanges.append(exchange)
        if asked.route.closed:  # what is open to everybody is the same for everybody
            self.actors[name].learn(asked.path, _told(exchange))
        if exchange.status == asked.route.status:
            self.succeeded[asked.route.name] += 1

    def _require_own(self, name: Name, text: str, asked: Request | None, where: str) -> None:
        """That nothing of the other tenant's is in the text, but what the request itself has said."""
        text = _unsaid(text, asked)
        for one in self.actors[_other(name)].forbidden():
            assert one not in text, f"{where}: {one} in {text[:4000]}"

    def _require_refused(self, exchange: Exchange) -> None:
        """That what names another tenant's things comes to nothing, or is not for tenants."""
        asked, status = exchange.request, exchange.status
        assert status >= 400 or asked.route not in PLATFORMS, f"{asked} was answered {exchange.shown[:2000]}"
        refused = {"path", "cursor", "If-Match"} | ({"X-Tenant-ID"} if asked.route.closed else set())
        if refused & asked.foreign.keys():
            assert status >= 400, f"{asked} names {asked.foreign}, and was answered {exchange.shown[:2000]}"
        if "If-None-Match" in asked.foreign:
            assert status != 304, f"{asked} has another's etag, and was answered {exchange.shown[:2000]}"

    @contextmanager
    def _watched(self, when: str, name: Name | None = None, asked: Request | None = None) -> Iterator[None]:
        """Hold what is logged and measured meanwhile against whose it may be."""
        log, telemetry = self.stage.log, self.stage.telemetry
        log.lines.clear()
        telemetry.spans.clear()
        measured = len(telemetry.recorded)
        yield
        told = [*log.lines]
        told += [f"{span.name} {span.attributes} {span.parent} {span.error}" for span in telemetry.spans]
        told += [f"{metric} {value} {about}" for metric, value, about in telemetry.recorded[measured:]]
        for line in told:
            behind = line.startswith('{"time"') and '"request_id"' not in line
            if name is not None and not behind:
                self._require_own(name, line, asked, f"{when} was logged or measured as another's")
            both = all(self._is_of(actor, line) for actor in self.actors.values())
            assert (asked is not None and not behind) or not both, f"{when} mixed the two: {line}"

    def _is_of(self, actor: Actor, text: str) -> bool:
        return any(one in text for one in actor.forbidden())

    async def _look_outside(self) -> None:
        """Sort what has left the platform by whose it is, and find nothing of the other's in it."""
        for event in await self.stage.hub():
            tenant = event["data"]["tenant_id"]
            (name,) = (name for name, actor in self.actors.items() if actor.tenant == tenant)
            assert event["source"].startswith(f"/tenants/{tenant}/"), event
            assert event["partitionkey"].startswith(f"{tenant}/"), event
            self._require_own(name, json.dumps(event), None, f"{name}'s event has what is not its own")
            told = self.accounts[name].events.setdefault(event["partitionkey"], [])
            told.append(json.dumps(event, sort_keys=True))
        for sent in self.stage.receiver.sent:
            (name,) = (name for name, actor in self.actors.items() if actor.secret in sent.url)
            text = f"{sent.url} {dict(sent.headers)} {sent.body.decode()}"
            self._require_own(name, text, None, f"{name} was sent what is not its own")
            self.accounts[name].webhooks[f"{sent.url} {sent.body.decode()}"] += 1
        for metric, value, about in self.stage.telemetry.recorded:
            for name, actor in self.actors.items():
                if about.get("tenant_id") == actor.tenant:
                    self.accounts[name].metrics[f"{metric.name} {value} {sorted(about.items())}"] += 1


def _other(name: Name) -> Name:
    return "two" if name == "one" else "one"


def _unsaid(text: str, asked: Request | None) -> str:
    """The text without what the request itself has said of another tenant."""
    for said in (asked.foreign if asked else {}).values():
        text = text.replace(said, "")
    return text


def _told(exchange: Exchange) -> Told:
    headers = dict(exchange.headers)
    try:
        value: Any = json.loads(exchange.text)
    except ValueError:
        value = [json.loads(line[6:]) for line in exchange.text.splitlines() if line.startswith("data: ")]
    text = _unsaid(exchange.text, exchange.request)
    made = exchange.status in {200, 202}
    cursors = [cursor for name in ("next_cursor", "cursor") for cursor in found_in(value, name)]
    executions = list(found_in(value, "execution_id")) if made else []
    return Told(text, headers.get("etag"), cursors, executions, list(found_in(value, "secret")))


def _decoded(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""
