"""HTTP: the audit trail."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Final

import azure.durable_functions as df
import orjson
from azurefunctions.extensions.http.fastapi import Response, StreamingResponse

from functions.gateway import streams, triggers
from functions.gateway.edge import Call
from functions.gateway.replies import reply
from functions.routes import audit as routes
from functions.routes.route import NDJSON
from functions.wire import audit as wire
from functions.wire.pages import page
from functions.wire.verification import Verification
from quantum.contract.audit import AuditQuery, VerificationQuery
from quantum.contract.pages import Paging
from shared.bootstrap import Application
from shared.domain.times import rfc3339
from shared.ports.documents import EXECUTIONS, REGISTRY, Container
from shared.services.audit.audit import AuditFilter, Trail

CHUNK_BYTES: Final = 64 * 1024
"""Of an export that are sent at once; most chains are far shorter."""


def blueprint(platform: Application) -> df.Blueprint:
    return triggers.blueprint(
        platform,
        {
            routes.GET_INTENT_AUDIT: intent,
            routes.GET_EXECUTION_AUDIT: execution,
            routes.LIST_AUDIT: list_,
            routes.VERIFY_AUDIT: verify,
        },
    )


async def intent(platform: Application, call: Call) -> Response:
    return await _chain(platform, call, REGISTRY, call.name)


async def execution(platform: Application, call: Call) -> Response:
    return await _chain(platform, call, EXECUTIONS, call.id)


async def _chain(platform: Application, call: Call, container: Container, partition: str) -> Response:
    query: Paging = call.query
    trail = await platform.audit.trail(call.caller, container, partition)
    found, following = platform.audit.page(trail, limit=query.limit, cursor=query.cursor)
    verification = Verification(_now(platform))
    verification.add(trail)
    return reply(page(found, following) | {"verification": verification.result()})


async def list_(platform: Application, call: Call) -> Response:
    """A page or, as ``Accept`` says, an export of all that matches."""
    query: AuditQuery = call.query
    matching = AuditFilter(
        principal=query.principal,
        action=query.action,
        intent=query.intent,
        execution=query.execution,
        since=rfc3339(query.since) if query.since else None,
        until=rfc3339(query.until) if query.until else None,
    )
    if streams.wanted(call.header(b"accept"), NDJSON):
        trails = platform.audit.trails(call.caller, matching)
        # The first is asked for before the answer begins: a store that is away is a problem, not a torn file.
        lines = _export(platform, call, matching, await anext(trails, None), trails)
        return StreamingResponse(lines, headers={"Cache-Control": "no-store"}, media_type=NDJSON)
    found, following = await platform.audit.search(
        call.caller, matching, limit=query.limit, cursor=query.cursor
    )
    return reply(page([dict(record) for record in found], following))


async def verify(platform: Application, call: Call) -> Response:
    """As many chains as one request can take, for each is read as a whole."""
    query: VerificationQuery = call.query
    verification, following = Verification(_now(platform)), None
    matching = AuditFilter(intent=query.intent, execution=query.execution)
    async with aclosing(platform.audit.trails(call.caller, matching, cursor=query.cursor)) as trails:
        async for trail in trails:
            verification.add(trail)
            if verification.records >= query.records:
                following = platform.audit.cursor(trail, matching)
                break
    return reply(verification.result() | {"next_cursor": following})


async def _export(
    platform: Application,
    call: Call,
    matching: AuditFilter,
    first: Trail | None,
    rest: AsyncIterator[Trail],
) -> AsyncIterator[bytes]:
    """A line for each record, chain by chain, and at last the manifest: without it the file is cut short."""
    count, links, lines = 0, {}, bytearray()
    trail = first
    while trail is not None:
        count += len(trail.records)
        if trail.link is not None:
            links[trail.chain.name] = trail.link
        for record in trail.records:
            lines += orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
        if len(lines) >= CHUNK_BYTES:
            yield bytes(lines)
            lines.clear()
        trail = await anext(rest, None)
    yield bytes(lines)
    manifest = wire.manifest(
        call.caller.scope.tenant_id, at=_now(platform), whole=matching.whole, records=count, links=links
    )
    yield orjson.dumps(manifest, option=orjson.OPT_APPEND_NEWLINE)


def _now(platform: Application) -> str:
    return rfc3339(platform.adapters.clock.now())
