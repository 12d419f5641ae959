"""HTTP: a tenant as a whole, a line for each document."""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator
from typing import Final

import azure.durable_functions as df
import orjson
from azurefunctions.extensions.http.fastapi import Response, StreamingResponse

from functions.gateway import triggers
from functions.gateway.edge import Call
from functions.routes import tenants as routes
from functions.routes.route import NDJSON
from shared.bootstrap import Application
from shared.domain.times import rfc3339
from shared.services.upkeep.exports import EXPORTED, Exported

FORMAT: Final = 1
CHUNK_BYTES: Final = 64 * 1024
"""Of an export that are sent at once; most documents are far smaller."""


def blueprint(platform: Application) -> df.Blueprint:
    return triggers.blueprint(platform, {routes.EXPORT_TENANT: export})


async def export(platform: Application, call: Call) -> Response:
    documents = await platform.exports.begin(call.caller, call.id)
    # The first is asked for before the answer begins: a store that is away is a problem, not a torn file.
    first = await anext(documents, None)
    about = {"format": FORMAT, "tenant": call.id, "at": rfc3339(platform.adapters.clock.now())}
    return StreamingResponse(
        _lines(about, first, documents), headers={"Cache-Control": "no-store"}, media_type=NDJSON
    )


async def _lines(
    about: dict[str, object], first: Exported | None, rest: AsyncIterator[Exported]
) -> AsyncIterator[bytes]:
    """What is exported, between a head and a manifest, without which the file is cut short."""
    counts, digest = Counter(dict.fromkeys((one.name for one in EXPORTED), 0)), hashlib.sha256()
    lines, one = bytearray(_line({"export": about})), first
    while one is not None:
        container, body = one
        counts[container.name] += 1
        lines += _line({"container": container.name, "document": body})
        if len(lines) >= CHUNK_BYTES:
            digest.update(lines)
            yield bytes(lines)
            lines.clear()
        one = await anext(rest, None)
    digest.update(lines)
    yield bytes(lines)
    yield _line({"manifest": {**about, "documents": dict(counts), "sha256": digest.hexdigest()}})


def _line(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE, default=dict)
