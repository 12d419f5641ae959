"""Specimens of the module ``http``, over a service that does a thing once for one idempotency key."""

import itertools
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any, Final

from shared.domain.callbacks import Answer, Callback
from shared.modules.http import HttpRequest
from shared.security.egress import EgressPolicy
from tests.fakes.callbacks import StandingCallbacks
from tests.fakes.clock import START
from tests.modules.kit.breaking import Hesitant
from tests.modules.kit.specimen import Specimen, Surroundings

FAILING: Final = {"expect_status": 418}
_numbers = itertools.count()


def requests(around: Surroundings, opened: AsyncExitStack) -> Callable[[], HttpRequest]:
    """New actions, which are closed at the end."""

    def make() -> HttpRequest:
        action = HttpRequest(EgressPolicy.allowing([around.service.host]))
        opened.push_async_callback(action.aclose)
        return action

    return make


def _specimen(around: Surroundings, make: Callable[[], HttpRequest], kind: str, **more: Any) -> Specimen:
    name = f"{kind}-{next(_numbers):05}"
    path = f"/{kind}/{name}"
    parameters = {"method": "POST", "url": f"http://{around.service.host}{path}", "body": {"number": 1}}

    async def look() -> Any:
        with around.service.lock:
            return list(around.service.effects.get(path, {}).values())

    parameters |= more.pop("parameters", {})
    return Specimen(
        make, parameters, look=look, name=name, remains="what was asked for", failing=FAILING, **more
    )


@asynccontextmanager
async def order(around: Surroundings) -> AsyncGenerator[Specimen]:
    async with AsyncExitStack() as opened:
        yield _specimen(around, requests(around, opened), "orders", parameters={"expect_status": 201})


@asynccontextmanager
async def job(around: Surroundings) -> AsyncGenerator[Specimen]:
    async with AsyncExitStack() as opened:
        yield _specimen(around, requests(around, opened), "jobs", parameters={"poll": True})


@asynccontextmanager
async def call(around: Surroundings) -> AsyncGenerator[Specimen]:
    callbacks = StandingCallbacks()

    async def go_on() -> None:
        answer = Answer("completed", {"built": "web:1"})
        callbacks.callback = Callback("answered", START + timedelta(days=1), answer)

    async with AsyncExitStack() as opened:
        make, parameters = requests(around, opened), {"callback": {"timeout": "1h"}}
        yield _specimen(
            around, make, "calls", parameters=parameters, go_on=go_on, callbacks=Hesitant(callbacks)
        )
