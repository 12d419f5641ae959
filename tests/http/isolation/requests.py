"""Random requests of every route of the table.

What a route needs follows from its row in the table; what else it needs stands here: the names that its noun
has (``NAMES``), a body (``BODIES``), the parameters of its query (``QUERIES``). A test fails by name for a
route that lacks one of them.
"""

import gzip
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from functions.routes.executions import EXECUTE_INTENT
from functions.routes.intents import CREATE_INTENT
from functions.routes.members import GET_ME
from functions.routes.modules import PUT_MODULE
from functions.routes.policies import PUT_POLICY
from functions.routes.route import EVENT_STREAM, NDJSON, Route
from functions.routes.schedules import PUT_SCHEDULE
from functions.routes.subscriptions import PUT_SUBSCRIPTION
from functions.routes.table import ROUTES
from shared.security.permissions import OPERATIONS, ROLES
from tests.http.isolation.actors import SHARED_USER, USERS, Actor, shape
from tests.security.test_permissions import golden

type Json = Any

PLATFORMS: Final = [
    route
    for route in ROUTES
    if route.operation and not any(route.operation in golden()[role] for role in ROLES)
]
"""The routes that are for administrators of the platform: no tenant may use them, but it may try."""
KEYS: Final = 40
"""How many idempotency keys there are: both tenants use the same ones, and each uses some again."""
FOREIGN: Final = 0.15
"""How often what could be the other tenant's is."""


@dataclass
class Request:
    """A request; ``foreign`` is what it names that is the other tenant's, by where that is."""

    route: Route
    user: str
    path: str
    params: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: Json = None
    content: bytes | None = None
    """A file, in place of a body."""
    foreign: dict[str, str] = field(default_factory=dict[str, str])

    def __str__(self) -> str:
        return f"{self.user}: {self.route.method} {self.path} {self.params} {self.headers} {self.body}"


def request(actor: Actor, route: Route) -> Request:
    """One that ``actor`` may think of."""
    foreign = dict[str, str]()
    made = Request(route, _user(actor, route), _path(actor, route, foreign), foreign=foreign)
    if route.body is not None and not (route.body_optional and actor.happens(0.2)):
        made.body = BODIES[route.name](actor, made)
    if route.uploads:
        made.content = gzip.compress(actor.one(["", actor.mark()]).encode(), mtime=0)
        made.headers["Content-Type"] = route.uploads[0]
    if route.query is not None:
        made.params = _params(actor, route, made)
    _add_headers(actor, made)
    return made


def _user(actor: Actor, route: Route) -> str:
    if route.operation == "executions.approve":  # ada has executed most of what waits
        return actor.one(["bo", SHARED_USER, *USERS])
    users = ["ada"] * 6 + [*USERS]
    # Who somebody is anywhere is told to that person, and to no other.
    return actor.one(users if route is GET_ME else [*users, SHARED_USER])


def _path(actor: Actor, route: Route, foreign: dict[str, str]) -> str:
    noun = route.path.split("/")[1]

    def value(match: re.Match[str]) -> str:
        place = match[1]
        kind = {"executions": "execution", "tenants": "tenant", "callbacks": "callback"}.get(noun)
        if place in {"id", "token"} and kind and (heard := actor.heard_of(kind, FOREIGN)) is not None:
            foreign["path"] = heard
            return heard
        return (PLACES.get(place) or CHOICES.get(route.name) or NAMES[noun])(actor)

    return "/" + re.sub(r"\{(\w+)\}", value, route.path).removeprefix("v1/")


def _params(actor: Actor, route: Route, made: Request) -> list[tuple[str, str]]:
    """Of the query: with a cursor, what that cursor is of."""
    assert route.query is not None
    fields = route.query.model_fields
    if "cursor" in fields and (heard := actor.heard_of(f"cursor of {shape(made.path)}", 0.3)) is not None:
        made.foreign["cursor"] = heard
        return [("cursor", heard)]
    asked = QUERIES[route.name](actor, made) if route.name in QUERIES else []
    own = [cursor for path, cursor in actor.cursors if path == made.path]
    if "cursor" in fields and own and actor.happens(0.3):
        asked.append(("cursor", actor.one(own[-3:])))
    if "limit" in fields and actor.happens(0.7):
        asked.append(("limit", str(actor.one([1, 1, 2, 50]))))
    return asked


def _add_headers(actor: Actor, made: Request) -> None:
    route, headers = made.route, made.headers
    if made.user == SHARED_USER or actor.happens(0.2):
        headers["X-Tenant-ID"] = actor.tenant
    if made.user != SHARED_USER and (heard := actor.heard_of("tenant", 0.03)) is not None:
        headers["X-Tenant-ID"] = heard
        made.foreign["X-Tenant-ID"] = heard
    if route.mutates and actor.happens(0.3):
        headers["Idempotency-Key"] = f"key-{actor.chance.randrange(4 if made.user == SHARED_USER else KEYS)}"
    _add_conditions(actor, made)
    if route.streams == NDJSON and "cursor" not in dict(made.params) and actor.happens(0.4):
        headers["Accept"] = NDJSON
    if route.streams == EVENT_STREAM and actor.happens(0.6):
        headers["Accept"] = EVENT_STREAM
        if made.params and made.params[0][0] == "cursor":
            headers["Last-Event-ID"] = made.params.pop(0)[1]


def _add_conditions(actor: Actor, made: Request) -> None:
    route = made.route
    heard = actor.heard_of("etag", FOREIGN)
    etag = heard or actor.etag(made.path)
    if _conditional(route) and (428 in route.problems or actor.happens(0.4)):
        name, etag = "If-Match", etag or "*"
    elif route.method == "GET" and actor.happens(0.2):
        name = "If-None-Match"
    else:
        return
    if etag is not None:
        made.headers[name] = etag
        made.foreign |= {name: heard} if heard else {}


def _conditional(route: Route) -> bool:
    """Whether it heeds If-Match, and does not only compare a plan."""
    return 412 in route.problems and "plan_hash" not in (route.body.model_fields if route.body else {})


def _step(actor: Actor) -> str:
    return actor.one(["ask", "ask", "say"])


PLACES: Final[Mapping[str, Callable[[Actor], str]]] = {
    "step": _step,
    "version": lambda actor: str(actor.one([1, 1, 2, 3])),
}
"""What stands at a place of a path that is no name of a noun."""


def _named(*names: str) -> Callable[[Actor], str]:
    return lambda actor: actor.one(names)


def _callback(actor: Actor) -> str:
    return actor.one(actor.callbacks) if actor.callbacks else "nothing"


def _done(actor: Actor) -> str:
    """An execution that waits for nobody."""
    done = [one for one in actor.executions if one not in actor.asking]
    return actor.one(done) if done else actor.execution()


INTENTS: Final = ("shop", "asks", "fails", "nests")
"""The names of both tenants' intents; what they do says :func:`definition`."""
NAMES: Final[Mapping[str, Callable[[Actor], str]]] = {
    "intents": _named(*INTENTS, "asks", "shop", "shop-v1"),
    "executions": Actor.execution,
    "callbacks": _callback,
    "tenants": lambda actor: actor.tenant,
    "members": _named("bo", "cy", "dee", "eli", "dee"),
    "modules": _named("core", "scanner", "scanner", "builder"),
    "policies": _named("keep", "rule"),
    "schedules": _named("nightly", "minutely"),
    "secrets": _named("TOKEN", "KEY"),
    "subscriptions": lambda actor: actor.one(["hook", f"own-{actor.secret}"]),
}
"""What the things of a noun are called: as a rule the same in both tenants."""
CHOICES: Final[Mapping[str, Callable[[Actor], str]]] = {
    "archive_intent": _named("spare", "spare", "nests"),
    "execute_intent": _named("asks", "asks", "asks", "shop", "fails", "nests-v1"),
    "get_outputs": _done,
    "get_step_outputs": _done,
    "delete_module": _named("builder"),
    "delete_policy": _named("rule"),
    "delete_schedule": _named("nightly"),
    "delete_subscription": lambda actor: f"own-{actor.secret}",
}
"""Of which of them there is more to be seen."""


def definition(actor: Actor, name: str) -> Json:
    """What the intent of that name does."""
    say = {
        "id": "say",
        "action": "transform",
        "outputs": {"said": actor.mark(), "given": "${{ parameters.word }}", "by": "${{ execution.id }}"},
    }
    ask = {"id": "ask", "action": "approval", "message": actor.mark()}
    steps: Sequence[Json] = {
        "shop": [say, {"id": "each", "action": "transform", "foreach": [1, 2], "value": actor.mark()}],
        "asks": [ask | {"compensate": {"action": "transform", "value": actor.mark()}}, say],
        "fails": [say, {"id": "ask", "action": "assert", "condition": "false", "message": actor.mark()}],
        "nests": [{"id": "ask", "action": "run-intent", "intent": "shop"}, say],
    }.get(name, [say])
    word = {"type": "string", "default": actor.mark(), "description": actor.mark()}
    return {
        "target": actor.one(["staging", "production", actor.mark()]),
        "parameters": {"type": "object", "properties": {"word": word}},
        "steps": steps,
        "outputs": {"all": "${{ steps.say.outputs }}"} if name != "fails" else {},
    }


def _reason(actor: Actor, _: Request) -> Json:
    return {"reason": actor.mark()}


def _create_intent(actor: Actor, _: Request) -> Json:
    name = actor.one([*INTENTS, "spare", "spare", f"own-{actor.mark()}"])
    return {
        "name": name,
        "definition": definition(actor, name),
        "description": actor.mark(),
        "labels": {"team": actor.one(["web", actor.mark()])},
        "message": actor.mark(),
    }


def _put_intent(actor: Actor, made: Request) -> Json:
    name = made.path.split("/")[2]
    return {"definition": definition(actor, name), "message": actor.mark(), "description": actor.mark()}


def _patch_intent(actor: Actor, _: Request) -> Json:
    changes: Sequence[Json] = [
        {"description": actor.mark()},
        {"labels": {"team": actor.mark(), "tier": "one"}},
        {"status": "deprecated", "successor": actor.one(["shop", "asks"])},
        {"status": "active"},
        {"status": "active"},
    ]
    return actor.one(changes)


def _execute(actor: Actor, _: Request) -> Json:
    return {"parameters": {"word": actor.mark()}} | ({"dry_run": True} if actor.happens(0.15) else {})


def _bulk(actor: Actor, made: Request) -> Json:
    filtered = actor.one([{"intent": "asks"}, {"status": "failed"}, {"intent": actor.mark()}])
    heard = actor.heard_of("execution", FOREIGN)
    if heard is not None:
        made.foreign["parent"] = heard
    return {
        "operation": actor.one(["pause", "resume", "retry"]),
        "filter": {"parent": heard} if heard else filtered,
        "reason": actor.mark(),
        "limit": actor.one([1, 2]),
    }


def _retry(actor: Actor, _: Request) -> Json:
    return {"reason": actor.mark()} | ({"from": "say"} if actor.happens(0.3) else {})


def _decide(actor: Actor, _: Request) -> Json:
    return {"comment": actor.mark()}


def _call_back(actor: Actor, _: Request) -> Json:
    if actor.happens(0.3):
        return {"status": "failed", "error": {"code": "BROKEN", "message": actor.mark()}}
    return {"status": "completed", "outputs": {"image": actor.mark()}}


def _put_schedule(actor: Actor, _: Request) -> Json:
    return {
        "intent": actor.one(["shop", "asks", "fails"]),
        "cron": actor.one(["* * * * *", "@daily"]),
        "parameters": {"word": actor.mark()},
        "description": actor.mark(),
        "overlap": actor.one(["skip", "queue"]),
    }


def _put_subscription(actor: Actor, _: Request) -> Json:
    return {
        "url": f"https://hooks.example.com/{actor.mark()}",
        "events": actor.one([["*"], ["execution_completed", "step_completed"]]),
        "description": actor.mark(),
    }


def _put_module(actor: Actor, _: Request) -> Json:
    act = {
        "description": actor.mark(),
        "side_effect": "idempotent",
        "parameters": {"type": "object", "description": actor.mark()},
        "outputs": {"type": "object"},
    }
    return {
        "endpoint": f"https://modules.example.com/{actor.mark()}",
        "manifest": {"description": actor.mark(), "actions": {"act": act}},
    }


def _put_policy(actor: Actor, _: Request) -> Json:
    rule = f'forbid (principal, action == Action::"intents.archive", resource == Intent::"{actor.mark()}");'
    return {"policy": f"// {actor.mark()}\n{rule}", "description": actor.mark()}


def _put_member(actor: Actor, _: Request) -> Json:
    """Those of :data:`USERS` keep their identities; others are new."""
    named = {} if actor.happens(0.5) else {"issuer": "https://login.example.com", "subject": actor.mark()}
    roles = actor.one([["viewer"], ["author", "operator", "approver"], ["auditor"]])
    return {"roles": roles, "attributes": {"department": actor.mark()}} | named


def _patch_tenant(actor: Actor, _: Request) -> Json:
    settings: Sequence[Json] = [
        {"allowed_registries": [f"{actor.mark()}.example.com"]},
        {"forbidden_actions": [actor.one(["push-to-registry", "wait"])]},
        {"max_concurrent_executions": actor.one([5, 50, None])},
        {"rate_limits": {"tenant_hour": actor.one([5000, 6000, None])}},
    ]
    return {"settings": actor.one(settings)}


def _create_tenant(actor: Actor, made: Request) -> Json:
    heard = actor.heard_of("tenant", 0.5)
    if heard is not None:
        made.foreign["id"] = heard
    subject = {"user": "ada", "issuer": "https://login.example.com", "subject": actor.mark()}
    return {"id": heard or actor.mark(), "administrator": subject}


def _check(actor: Actor, made: Request) -> Json:
    heard = actor.heard_of("mark", FOREIGN)
    if heard is not None:
        made.foreign["resource"] = heard
    user = {"user": actor.one(["ada", "bo", "nobody"])} if actor.happens(0.5) else {}
    resource = {"resource": heard or actor.one(["shop", actor.mark()])} if actor.happens(0.5) else {}
    return {"operation": actor.one(sorted(OPERATIONS))} | user | resource


BODIES: Final[Mapping[str, Callable[[Actor, Request], Json]]] = {
    "create_intent": _create_intent,
    "put_intent": _put_intent,
    "patch_intent": _patch_intent,
    "validate_intent": _create_intent,
    "roll_back_intent": lambda actor, _: {"version": actor.one([1, 1, 2]), "message": actor.mark()},
    "plan_intent": lambda actor, _: {"parameters": {"word": actor.mark()}},
    "execute_intent": _execute,
    "bulk_executions": _bulk,
    "retry_execution": _retry,
    "cancel_execution": _reason,
    "pause_execution": _reason,
    "resume_execution": _reason,
    "terminate_execution": _reason,
    "approve_step": _decide,
    "reject_step": _decide,
    "call_back": _call_back,
    "put_schedule": _put_schedule,
    "preview_schedule": lambda actor, _: {"cron": actor.one(["@daily", "30 2 * * 1-5"])},
    "put_subscription": _put_subscription,
    "put_module": _put_module,
    "put_policy": _put_policy,
    "check_policies": _check,
    "put_secret": lambda actor, _: {"value": actor.mark(), "description": actor.mark()},
    "put_member": _put_member,
    "patch_tenant": _patch_tenant,
    "put_ceiling": lambda *_: {"quotas": {"intents": 5000}},
    "create_tenant": _create_tenant,
    "suspend_tenant": _reason,
    "resume_tenant": _reason,
}
"""A body for each route that has one."""


def _own_or_heard(actor: Actor, made: Request, kind: str, own: Callable[[], str]) -> str:
    heard = actor.heard_of(kind, 2 * FOREIGN)
    if heard is not None:
        made.foreign[f"filter by {kind}"] = heard
    return heard or own()


def _list_intents(actor: Actor, made: Request) -> list[tuple[str, str]]:
    word = _own_or_heard(actor, made, "mark", lambda: actor.one(["shop", actor.secret]))
    asked = {
        "q": word,
        "label": f"team:{word}",
        "created_by": f"ada@{actor.tenant}",
        "action": "transform",
        "status": "active",
        "sort": "-updated_at",
    }
    facets = (
        [("facets", actor.one(["status", "label", "action", "created_by"]))] if actor.happens(0.5) else []
    )
    return [*actor.chance.sample(list(asked.items()), actor.one([0, 1, 2])), *facets]


def _list_executions(actor: Actor, made: Request) -> list[tuple[str, str]]:
    parent = _own_or_heard(actor, made, "execution", actor.execution)
    asked = {"intent": actor.one(INTENTS), "status": actor.one(["waiting", "completed"]), "parent": parent}
    return actor.chance.sample(list(asked.items()), actor.one([0, 0, 1]))


def _list_approvals(actor: Actor, _: Request) -> list[tuple[str, str]]:
    asked = {
        "intent": actor.one(INTENTS),
        "status": actor.one(["waiting", "approved", "rejected", "withdrawn"]),
        "mine": actor.one(["true", "false"]),
    }
    return actor.chance.sample(list(asked.items()), actor.one([0, 1, 2]))


def _audited(actor: Actor, made: Request) -> list[tuple[str, str]]:
    asked = {
        "intent": actor.one(INTENTS),
        "execution": _own_or_heard(actor, made, "execution", actor.execution),
    }
    return actor.chance.sample(list(asked.items()), actor.one([0, 0, 1]))


def _list_audit(actor: Actor, made: Request) -> list[tuple[str, str]]:
    tenant = _own_or_heard(actor, made, "tenant", lambda: actor.tenant)
    by = [("principal", f"ada@{tenant}")] if actor.happens(0.3) else [("action", "intent.create")]
    return _audited(actor, made) or (by if actor.happens(0.5) else [])


def _diff(actor: Actor, _: Request) -> list[tuple[str, str]]:
    return [("from", "1"), ("to", str(actor.one([1, 2])))]


def _list_members(actor: Actor, _: Request) -> list[tuple[str, str]]:
    return [("role", actor.one(ROLES))] if actor.happens(0.4) else []


QUERIES: Final[Mapping[str, Callable[[Actor, Request], list[tuple[str, str]]]]] = {
    "list_intents": _list_intents,
    "list_executions": _list_executions,
    "list_approvals": _list_approvals,
    "list_audit": _list_audit,
    "verify_audit": _audited,
    "diff_versions": _diff,
    "list_members": _list_members,
}
"""What a query has beside its page."""


def opening(actor: Actor) -> Iterator[Request]:
    """What each tenant begins with, so that there is something of everything."""
    intents = [*INTENTS]
    for name in intents:
        body = {"name": name, "definition": definition(actor, name), "description": actor.mark()}
        yield Request(CREATE_INTENT, "ada", "/intents", body=body)
    for name, route in {
        "hook": PUT_SUBSCRIPTION,
        "scanner": PUT_MODULE,
        "keep": PUT_POLICY,
        "minutely": PUT_SCHEDULE,
    }.items():
        path = "/" + route.path.removeprefix("v1/").replace("{name}", name)
        made = Request(route, "ada", path)
        made.body = BODIES[route.name](actor, made)
        yield made
    for name in intents:
        yield Request(EXECUTE_INTENT, "ada", f"/intents/{name}/execute", body={})
