"""A request for every route that changes something: the routes are those of the table."""

import gzip
import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from functions.routes.table import ROUTES
from shared.ports.documents import COUNTERS, EXECUTIONS, REGISTRY, TENANCY, Query
from shared.security.scope import TenantScope
from tests.http.harness import Stage, World
from tests.http.modules import MODULE

STEPS = [{"id": "a", "action": "assert", "condition": "true"}]
POLICY = {"policy": 'forbid (principal, action == Action::"intents.archive", resource == Intent::"keep");'}
HOOK = {"url": "https://hooks.example.com/", "events": ["*"]}


@dataclass(frozen=True)
class Request:
    """One that succeeds, and changes something."""

    method: str
    path: str
    body: Any = None
    if_match: str | None = None
    user: str = "admin"
    tenants: tuple[str, ...] = ("acme",)
    """Whose documents it changes."""
    archive: bytes = b""
    """The body, of what is sent a file."""

    async def send(self, world: World, key: str, *, user: str | None = None, **more: str) -> httpx.Response:
        headers = {"Idempotency-Key": key, **({"If-Match": self.if_match} if self.if_match else {}), **more}
        sent: dict[str, Any] = {} if self.body is None else {"json": self.body}
        if self.archive:
            sent, headers["Content-Type"] = {"content": self.archive}, "application/gzip"
        return await world.send(user or self.user, self.method, self.path, headers=headers, **sent)


async def _create(world: World, name: str) -> Request:
    return Request("POST", "/intents", {"name": name, "definition": {"steps": STEPS}})


async def _put(world: World, name: str) -> Request:
    await world.intent(name)
    etag = (await world.send("viewer", "GET", f"/intents/{name}")).headers["etag"]
    return Request("PUT", f"/intents/{name}", {"definition": {"target": "new", "steps": STEPS}}, etag)


async def _patch(world: World, name: str) -> Request:
    await world.intent(name)
    return Request("PATCH", f"/intents/{name}", {"description": "new", "labels": {"team": "web"}})


async def _archive(world: World, name: str) -> Request:
    await world.intent(name)
    return Request("DELETE", f"/intents/{name}")


async def _roll_back(world: World, name: str) -> Request:
    change = await _put(world, name)
    headers = {"If-Match": str(change.if_match)}
    assert (await world.send("author", "PUT", change.path, json=change.body, headers=headers)).is_success
    return Request("POST", f"/intents/{name}/rollback", {"version": 1})


async def _execute(world: World, name: str) -> Request:
    await world.intent(name)
    return Request("POST", f"/intents/{name}/execute")


async def _steer(world: World, name: str, verb: str) -> Request:
    await world.intent(name)
    execution = (await world.send("operator", "POST", f"/intents/{name}/execute")).json()["execution_id"]
    return Request("POST", f"/executions/{execution}/{verb}", {"reason": "it must be"})


async def _cancel(world: World, name: str) -> Request:
    return await _steer(world, name, "cancel")


async def _pause(world: World, name: str) -> Request:
    return await _steer(world, name, "pause")


async def _resume(world: World, name: str) -> Request:
    pause = await _pause(world, name)
    assert (await world.send("operator", "POST", pause.path)).status_code == 202
    return replace(pause, path=pause.path.replace("pause", "resume"))


async def _terminate(world: World, name: str) -> Request:
    return await _steer(world, name, "terminate")


async def _bulk(world: World, name: str) -> Request:
    await _steer(world, name, "pause")
    return Request("POST", "/executions/bulk", {"operation": "pause", "filter": {"intent": name}})


async def _retry(world: World, name: str) -> Request:
    return Request("POST", f"/executions/{await world.failed(name)}/retry", {"reason": "again"})


async def _approve(world: World, name: str) -> Request:
    return Request("POST", f"/executions/{await world.asking(name)}/steps/ask/approve", {"comment": "go"})


async def _reject(world: World, name: str) -> Request:
    return Request("POST", f"/executions/{await world.asking(name)}/steps/ask/reject", {"comment": "no"})


async def _put_schedule(world: World, name: str) -> Request:
    await world.intent(name)
    return Request("PUT", f"/schedules/{name}", {"intent": name, "cron": "@daily"})


async def _delete_schedule(world: World, name: str) -> Request:
    put = await _put_schedule(world, name)
    assert (await world.send("admin", "PUT", put.path, json=put.body)).is_success
    return Request("DELETE", put.path)


async def _put_subscription(world: World, name: str) -> Request:
    return Request("PUT", f"/subscriptions/{name}", HOOK)


async def _delete_subscription(world: World, name: str) -> Request:
    assert (await world.send("admin", "PUT", f"/subscriptions/{name}", json=HOOK)).is_success
    return Request("DELETE", f"/subscriptions/{name}")


async def _put_policy(world: World, name: str) -> Request:
    return Request("PUT", f"/policies/{name}", POLICY)


async def _delete_policy(world: World, name: str) -> Request:
    assert (await world.send("admin", "PUT", f"/policies/{name}", json=POLICY)).is_success
    return Request("DELETE", f"/policies/{name}")


async def _put_secret(world: World, name: str) -> Request:
    return Request("PUT", f"/secrets/{name.replace('-', '_')}", {"value": f"the value of {name}"})


async def _delete_secret(world: World, name: str) -> Request:
    put = await _put_secret(world, name)
    assert (await world.send("admin", "PUT", put.path, json=put.body)).is_success
    return Request("DELETE", put.path)


async def _put_module(world: World, name: str) -> Request:
    return Request("PUT", f"/modules/m{name[-20:]}", MODULE)


async def _rotate_key(world: World, name: str) -> Request:
    put = await _put_module(world, name)
    assert (await world.send("admin", "PUT", put.path, json=put.body)).is_success
    return Request("POST", f"{put.path}/rotate-key")


async def _delete_module(world: World, name: str) -> Request:
    put = await _put_module(world, name)
    assert (await world.send("admin", "PUT", put.path, json=put.body)).is_success
    return Request("DELETE", put.path)


async def _put_member(world: World, name: str) -> Request:
    identity = {"issuer": world.identity.issuer.url, "subject": name}
    return Request("PUT", f"/members/{name}", {"roles": ["viewer"], **identity})


async def _delete_member(world: World, name: str) -> Request:
    put = await _put_member(world, name)
    assert (await world.send("admin", "PUT", put.path, json=put.body)).is_success
    return Request("DELETE", put.path)


async def _upload(world: World, name: str) -> Request:
    del world
    return Request("POST", "/contexts", archive=gzip.compress(name.encode(), mtime=0))


async def _patch_tenant(world: World, name: str) -> Request:
    return Request("PATCH", "/tenants/acme", {"settings": {"allowed_registries": [f"{name}.example.com"]}})


async def _create_tenant(world: World, name: str) -> Request:
    first = {"user": "ada", "issuer": world.identity.issuer.url, "subject": f"ada-of-{name}"}
    body = {"id": name, "administrator": first}
    return Request("POST", "/tenants", body, user="root", tenants=(name, "platform"))


async def _suspend_tenant(world: World, name: str) -> Request:
    create = await _create_tenant(world, name)
    assert (await world.send("root", "POST", "/tenants", json=create.body)).is_success
    return replace(create, path=f"/tenants/{name}/suspend", body={"reason": "it must be"})


async def _put_ceiling(world: World, name: str) -> Request:
    suspend = await _suspend_tenant(world, name)
    return replace(suspend, method="PUT", path=f"/tenants/{name}/ceiling", body={"quotas": {"intents": 5}})


async def _resume_tenant(world: World, name: str) -> Request:
    suspend = await _suspend_tenant(world, name)
    assert (await world.send("root", "POST", suspend.path, json=suspend.body)).is_success
    return replace(suspend, path=f"/tenants/{name}/resume")


async def _erase_tenant(world: World, name: str) -> Request:
    suspend = await _suspend_tenant(world, name)
    made = await world.send("root", "POST", suspend.path, json=suspend.body)
    return replace(
        suspend, method="DELETE", path=f"/tenants/{name}", body=None, if_match=made.headers["etag"]
    )


REQUESTS: Mapping[str, Callable[[World, str], Awaitable[Request]]] = {
    "create_intent": _create,
    "put_intent": _put,
    "patch_intent": _patch,
    "archive_intent": _archive,
    "roll_back_intent": _roll_back,
    "execute_intent": _execute,
    "cancel_execution": _cancel,
    "bulk_executions": _bulk,
    "retry_execution": _retry,
    "pause_execution": _pause,
    "resume_execution": _resume,
    "terminate_execution": _terminate,
    "approve_step": _approve,
    "reject_step": _reject,
    "put_schedule": _put_schedule,
    "delete_schedule": _delete_schedule,
    "put_subscription": _put_subscription,
    "delete_subscription": _delete_subscription,
    "put_policy": _put_policy,
    "delete_policy": _delete_policy,
    "put_secret": _put_secret,
    "delete_secret": _delete_secret,
    "put_module": _put_module,
    "rotate_module_key": _rotate_key,
    "delete_module": _delete_module,
    "put_member": _put_member,
    "delete_member": _delete_member,
    "upload_context": _upload,
    "patch_tenant": _patch_tenant,
    "create_tenant": _create_tenant,
    "put_ceiling": _put_ceiling,
    "suspend_tenant": _suspend_tenant,
    "resume_tenant": _resume_tenant,
    "erase_tenant": _erase_tenant,
}
"""How each of the routes is asked; one that is missing here fails its tests by name."""

RECORDS: Mapping[str, int] = {
    "retry_execution": 2,
    "create_tenant": 3,
    "put_ceiling": 2,
    "suspend_tenant": 2,
    "resume_tenant": 2,
    "erase_tenant": 2,
}
"""How many audit records each leaves, if it is not one: a retry leaves one in each of two executions, what is
made of a tenant one in its and one in the platform's own, and its first administrator one more."""

OTHER: Mapping[str, dict[str, Any]] = {
    "put_module": {"endpoint": "https://modules.example.com/another"},
    "create_intent": {"description": "another"},
    "put_intent": {"message": "another"},
    "patch_intent": {"description": "another"},
    "roll_back_intent": {"message": "another"},
    "bulk_executions": {"reason": "another"},
    "retry_execution": {"reason": "another"},
    "cancel_execution": {"reason": "another"},
    "pause_execution": {"reason": "another"},
    "resume_execution": {"reason": "another"},
    "terminate_execution": {"reason": "another"},
    "approve_step": {"comment": "another"},
    "reject_step": {"comment": "another"},
    "put_member": {"roles": ["author"]},
    "put_schedule": {"catch_up": 2},
    "put_subscription": {"enabled": False},
    "put_policy": {"enabled": False},
    "put_secret": {"value": "another value"},
    "patch_tenant": {"settings": {"allowed_registries": None}},
    "create_tenant": {"id": "another"},
    "put_ceiling": {"quotas": {"intents": 6}},
    "suspend_tenant": {"reason": "another"},
    "resume_tenant": {"reason": "another"},
}
"""What of its body makes it another request."""

EVERY_ROUTE = pytest.mark.parametrize(
    "route", [route for route in ROUTES if route.mutates], ids=lambda route: route.name
)


async def stored(stage: Stage, kind: str, tenants: Sequence[str] = ("acme",)) -> list[tuple[str, str]]:
    """Partition and id of all documents of that kind that the tenants have."""
    found = []
    containers = (COUNTERS,) if kind == "idempotency" else (REGISTRY, EXECUTIONS, TENANCY)
    for container, tenant in itertools.product(containers, tenants):
        page = await stage.documents.query(TenantScope(tenant), Query(container, kind, limit=1000))
        found += [(item.body[container.partition_field], item.body["id"]) for item in page.items]
    return found


def shown(response: httpx.Response) -> tuple[int, bytes, list[str | None]]:
    names = ("etag", "location", "content-type", "cache-control", "deprecation", "link")
    return response.status_code, response.content, [response.headers.get(name) for name in names]
