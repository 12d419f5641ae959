"""What is asked again, how, and what is not."""

from random import Random

import httpx
import pytest

from quantum.client import Client, Retries
from quantum.client.errors import (
    BY_CODE,
    ApiError,
    ConflictError,
    QuotaExceededError,
    RateLimitedError,
    SignInError,
    UnauthenticatedError,
    UnavailableError,
    UnexpectedAnswerError,
    UnreachableError,
)
from quantum.client.tokens import EnvironmentToken
from tests.client.script import CUT, Script, answer, problem

SOON = Retries(attempts=4, first=0.001, longest=0.002)
BODY = {"name": "again", "definition": {}}


class Renewing:
    """A provider whose tokens are counted."""

    def __init__(self) -> None:
        self.made = 1

    async def token(self, *, refused: str | None = None) -> str:
        if refused == f"token-{self.made}":
            self.made += 1
        return f"token-{self.made}"


@pytest.fixture
def hurried(script: Script) -> Client:
    return Client(script.url, token="t", retries=SOON)


@pytest.mark.parametrize(
    "passing", [CUT, problem(503, "UNAVAILABLE"), problem(429, "RATE_LIMITED"), answer(502)]
)
async def test_a_change_is_sent_again_with_the_same_key_until_it_is_answered(
    script: Script, hurried: Client, passing: bytes
) -> None:
    script.lines = [passing, passing, answer(201, {"id": "again-v1"})]
    async with hurried:
        made = await hurried.post("/api/v1/intents", json=BODY)
    assert made["id"] == "again-v1"
    assert len(script.asked) == 3
    assert len({(asked.headers["idempotency-key"], asked.body) for asked in script.asked}) == 1


async def test_every_change_has_a_key_of_its_own_and_reads_have_none(script: Script, hurried: Client) -> None:
    script.lines = [answer()]
    async with hurried:
        await hurried.post("/api/v1/intents", json=BODY)
        await hurried.post("/api/v1/intents", json=BODY)
        await hurried.post("/api/v1/intents", json=BODY, idempotency_key="mine")
        await hurried.get("/api/v1/intents")
    first, second, third, read = script.asked
    assert first.headers["idempotency-key"] != second.headers["idempotency-key"]
    assert third.headers["idempotency-key"] == "mine"
    assert "idempotency-key" not in read.headers


async def test_an_answer_that_breaks_off_is_asked_for_again(script: Script, hurried: Client) -> None:
    script.lines = [answer(200, {"items": [1, 2, 3]})[:-4], answer(200, {"items": []})]
    async with hurried:
        assert (await hurried.get("/api/v1/intents"))["items"] == []


async def test_an_earlier_attempt_that_is_still_being_done_is_waited_for(script: Script) -> None:
    script.lines = [CUT, problem(409, "CONFLICT", Retry_After="0"), answer(200, {"id": "again-v1"})]
    async with Client(script.url, token="t", retries=SOON) as client:
        assert (await client.post("/api/v1/intents", json=BODY))["id"] == "again-v1"


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (problem(409, "CONFLICT"), ConflictError),
        (problem(429, "QUOTA_EXCEEDED", Retry_After="1"), QuotaExceededError),
        (problem(429, "RATE_LIMITED", Retry_After="3000"), RateLimitedError),
        (problem(400, "NEWLY_INVENTED"), ApiError),
    ],
)
async def test_what_waiting_does_not_mend_is_raised_at_once(
    script: Script, hurried: Client, refusal: bytes, kind: type[ApiError]
) -> None:
    script.lines = [refusal]
    async with hurried:
        with pytest.raises(ApiError) as raised:
            await hurried.post("/api/v1/intents", json=BODY)
    assert type(raised.value) is kind
    assert raised.value.request_id == "r-1"
    assert len(script.asked) == 1


async def test_it_gives_up_and_says_why(script: Script, hurried: Client) -> None:
    script.lines = [problem(503, "UNAVAILABLE")]
    async with hurried:
        with pytest.raises(UnavailableError, match="so it is scripted"):
            await hurried.get("/api/v1/intents")
        assert len(script.asked) == 4
        script.lines = [CUT]
        with pytest.raises(UnreachableError, match=script.url):
            await hurried.get("/api/v1/intents")


async def test_what_is_not_from_the_platform_is_an_error_with_its_status(
    script: Script, hurried: Client
) -> None:
    script.lines = [answer(418, "tea")]
    async with hurried:
        with pytest.raises(ApiError, match="not by the platform") as raised:
            await hurried.get("/api/v1/intents")
    assert (raised.value.status, raised.value.code) == (418, "HTTP_418")


async def test_what_this_release_cannot_read_is_said(script: Script, hurried: Client) -> None:
    script.lines = [answer(200, {"items": [{"name": "half an intent"}], "next_cursor": None})]
    async with hurried:
        with pytest.raises(UnexpectedAnswerError, match=r"no IntentPage \(items\.0\.id\)"):
            await hurried.intents.list().page()
        with pytest.raises(UnexpectedAnswerError, match=script.url):
            await hurried.members.me()


async def test_a_refused_token_is_renewed_once(script: Script) -> None:
    refused = problem(401, "UNAUTHENTICATED")
    script.lines = [refused, answer(), refused]
    async with Client(script.url, token=Renewing(), retries=SOON) as client:
        await client.get("/api/v1/me")
        with pytest.raises(UnauthenticatedError):
            await client.get("/api/v1/me")
    sent = [asked.headers["authorization"] for asked in script.asked]
    assert sent == [f"Bearer token-{number}" for number in (1, 2, 2, 3)]


async def test_a_token_that_is_not_there_is_said_before_anything_is_sent(script: Script) -> None:
    async with Client(script.url, token=EnvironmentToken(environment={})) as client:
        with pytest.raises(SignInError, match="QUANTUM_TOKEN is not set"):
            await client.get("/api/v1/me")
    assert script.asked == []


async def test_the_environment_says_where_as_whom_and_for_which_tenant(script: Script) -> None:
    script.lines = [answer()]
    said = {"QUANTUM_URL": script.url, "QUANTUM_TOKEN": "t", "QUANTUM_TENANT": "acme"}
    async with Client.from_environment(said) as client:
        await client.get("/api/v1/me")
        client.set_tenant("globex")
        await client.get("/api/v1/me")
    assert [asked.headers["x-tenant-id"] for asked in script.asked] == ["acme", "globex"]
    assert {asked.headers["authorization"] for asked in script.asked} == {"Bearer t"}


@pytest.mark.parametrize("url", ["http://quantum.example.com", "ftp://127.0.0.1", "quantum.example.com"])
def test_a_token_is_sent_to_no_address_where_others_could_read_it(url: str) -> None:
    with pytest.raises(ValueError, match=url.replace(".", r"\.")):
        Client(url, token="t")


@pytest.mark.parametrize("path", ["https://elsewhere.example.com/", "//elsewhere.example.com/", "api"])
async def test_a_token_is_sent_to_no_other_host(path: str) -> None:
    async with Client(token="t") as client:
        with pytest.raises(ValueError, match="is no path of this platform"):
            await client.get(path)


def test_pauses_grow_to_their_bound_and_are_as_long_as_was_asked_for() -> None:
    retries, dice = Retries(attempts=9, first=1, longest=8), Random(7)
    for attempt, most in ((1, 1), (2, 2), (3, 4), (4, 8), (8, 8)):
        pauses = [retries.pause(attempt, dice) or 0 for _ in range(100)]
        assert most / 2 <= min(pauses) <= max(pauses) <= most
        assert len(set(pauses)) == 100, "those who were cut off at once come back apart"
    assert 5 <= (retries.pause(1, dice, asked=5) or 0) <= 5.5
    assert retries.pause(9, dice) is None
    assert retries.pause(1, dice, asked=61) is None


def test_every_code_of_the_platform_has_an_error_of_its_own() -> None:
    from functions.gateway.problems import STATUSES

    assert BY_CODE.keys() == STATUSES.keys()


async def test_what_is_sent_with_may_be_given() -> None:
    seen: list[httpx.Request] = []

    def serve(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=[1, 2])

    async with Client(
        "https://quantum.example.com/api/v1", http=httpx.AsyncClient(transport=httpx.MockTransport(serve))
    ) as client:
        found = await client.get("/api/v1/me")
        assert list(found) == [1, 2]
        assert 2 in found
    assert str(seen[0].url) == "https://quantum.example.com/api/v1/me"
    assert "authorization" not in seen[0].headers
