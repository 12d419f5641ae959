"""The corpus through what calls: the action, the look where a 202 has sent it, and the sender of webhooks."""

import re
from collections.abc import AsyncIterator

import pytest
from pydantic import ValidationError

from shared.modules.http import HttpRequest
from shared.modules.http_parameters import HttpRequestParameters
from shared.modules.webhooks import GuardedWebhooks
from shared.ports.actions import ActionContext, ActionError
from shared.ports.webhooks import UndeliveredError
from shared.security.egress import EgressPolicy
from tests.modules.conftest import ANSWERS, Server, clock, context, server
from tests.security.corpora import samples

__all__ = ["clock", "context", "server"]

REFUSED = samples("refused")
ABSOLUTE = re.compile(r"[a-z+]+://[^/?#:@]", re.IGNORECASE)
LOCATIONS = [
    sample
    for sample in samples("refused", "invalid")
    if ABSOLUTE.match(sample.url) and sample.url.isascii() and sample.url.isprintable()
]
"""Those that can be the value of a header, and are no way within the host."""


@pytest.fixture
async def action(server: Server) -> AsyncIterator[HttpRequest]:
    made = HttpRequest(EgressPolicy.allowing([f"127.0.0.1:{server.server_port}"]))
    yield made
    await made.aclose()


async def test_a_step_calls_nothing_inside(action: HttpRequest, context: ActionContext) -> None:
    for sample in REFUSED:
        try:
            parameters = HttpRequestParameters.model_validate({"url": sample.url})
        except ValidationError:
            continue  # not even a URL
        with pytest.raises(ActionError) as failed:
            await action.run(parameters, context)
        assert (failed.value.code, failed.value.retryable) == ("EGRESS_REFUSED", False), sample


async def test_a_202_sends_nobody_inside(
    action: HttpRequest,
    context: ActionContext,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at = f"http://127.0.0.1:{server.server_port}/accepted"
    parameters = HttpRequestParameters.model_validate({"url": at, "poll": True})
    assert len(LOCATIONS) > 400
    for sample in LOCATIONS:
        monkeypatch.setitem(ANSWERS, "/accepted", (202, b"", {"location": sample.url}))
        with pytest.raises(ActionError) as failed:
            await action.run(parameters, context)
        assert failed.value.code in {"EGRESS_REFUSED", "HTTP_POLL"}, (sample, failed.value)


async def test_a_webhook_is_sent_to_nobody_inside() -> None:
    sender = GuardedWebhooks(EgressPolicy())
    for sample in REFUSED:
        with pytest.raises(UndeliveredError, match="address"):
            await sender.send(url=sample.url, headers={}, body=b"{}")
