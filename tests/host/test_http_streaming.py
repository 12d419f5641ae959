"""HTTP functions with the FastAPI types."""

import httpx
import pytest

from tests.host.running import RunningHost, until


def test_the_more_specific_route_wins(streaming: RunningHost, client: httpx.Client) -> None:
    by_number = client.get(f"{streaming.url}/items/5?a=b")
    by_name = client.get(f"{streaming.url}/items/five")

    assert by_number.json() == {"id": "5", "query": {"a": "b"}}
    assert by_name.json() == {"name": "five"}


def test_a_body_is_read_from_the_request(streaming: RunningHost, client: httpx.Client) -> None:
    body = bytes(range(256)) * 1000

    answer = client.post(f"{streaming.url}/items", content=body)

    assert (answer.status_code, answer.content) == (201, body)


def test_a_sync_function_runs_and_its_value_is_sent_as_json(
    streaming: RunningHost, client: httpx.Client
) -> None:
    answer = client.get(f"{streaming.url}/sync")

    assert (answer.json(), answer.headers["content-type"]) == ("from a thread", "application/json")


def test_an_http_exception_is_answered_as_the_workers_fastapi_does(
    streaming: RunningHost, client: httpx.Client
) -> None:
    answer = client.get(f"{streaming.url}/teapot")

    assert (answer.status_code, answer.json()) == (418, {"detail": "short and stout"})


@pytest.mark.parametrize("path", ["boom", "forgets"])
def test_a_failure_is_500_without_its_text(streaming: RunningHost, client: httpx.Client, path: str) -> None:
    answer = client.get(f"{streaming.url}/{path}")

    assert (answer.status_code, answer.content) == (500, b"")


def test_a_stream_arrives_chunk_by_chunk_and_ends_when_the_client_goes(
    streaming: RunningHost, client: httpx.Client
) -> None:
    ended = streaming.notes().count("stream ended")

    with client.stream("GET", f"{streaming.url}/events") as answer:
        chunks = answer.iter_text()
        assert [next(chunks), next(chunks)] == ["data: 0\n\n", "data: 1\n\n"]

    until(lambda: streaming.notes().count("stream ended") == ended + 1)


def test_a_stream_that_fails_is_cut_so_that_nobody_takes_it_as_whole(
    streaming: RunningHost, client: httpx.Client
) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(f"{streaming.url}/breaks")


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [
        ("keyed", None, 401),
        ("keyed", "wrong", 401),
        ("keyed", "function", 200),
        ("keyed", "master", 200),
        ("managed", "function", 401),
        ("managed", "master", 200),
    ],
)
def test_a_function_opens_to_the_keys_of_its_level(
    streaming: RunningHost, client: httpx.Client, path: str, key: str | None, status: int
) -> None:
    value = streaming.keys.get(key or "", key)

    by_header = client.get(f"{streaming.url}/{path}", headers={"x-functions-key": value} if value else {})
    by_query = client.get(f"{streaming.url}/{path}", params={"code": value} if value else {})

    assert (by_header.status_code, by_query.status_code) == (status, status)


def test_the_keys_are_readable_by_their_owner_alone(streaming: RunningHost) -> None:
    assert (streaming.data / "keys.json").stat().st_mode & 0o777 == 0o600


def test_a_timer_that_runs_on_startup_has_run(streaming: RunningHost) -> None:
    until(lambda: "yearly past due: False" in streaming.notes())


def test_an_app_without_durable_functions_starts_no_engine(streaming: RunningHost) -> None:
    assert streaming.grpc == ""
    assert not list(streaming.data.glob("*.db"))
