"""HTTP functions with func.HttpRequest and func.HttpResponse."""

import httpx

from tests.host.running import RunningHost, until


def test_a_request_arrives_as_the_worker_would_hand_it_over(
    classic: RunningHost, client: httpx.Client
) -> None:
    url = f"{classic.url}/api/echo/5/a%2Fb/c?x=1&x=2&empty="

    answer = client.post(url, content=b"body", headers={"X-Test": "seen"})

    assert answer.status_code == 201
    assert answer.headers["x-answer"] == "42"
    assert answer.headers["content-type"] == "application/json"
    seen = answer.json()
    assert len(seen.pop("invocation")) == 36
    assert seen == {
        "method": "POST",
        "url": url,
        "params": {"x": "1,2"},
        "route": {"id": "5", "rest": "a/b/c"},
        "header": "seen",
        "body": "body",
        "function": "echo",
    }


def test_a_string_is_plain_text(classic: RunningHost, client: httpx.Client) -> None:
    answer = client.get(f"{classic.url}/API/Text/")

    assert (answer.status_code, answer.text) == (200, "plain")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_a_response_can_be_set_as_an_output(classic: RunningHost, client: httpx.Client) -> None:
    answer = client.get(f"{classic.url}/api/by-out")

    assert (answer.status_code, answer.text) == (203, "set")


def test_a_generic_client_binding_gets_the_starter(classic: RunningHost, client: httpx.Client) -> None:
    starter = client.get(f"{classic.url}/api/starter").json()

    assert starter["taskHubName"] == "Classic"
    assert starter["rpcBaseUrl"] == f"http://{classic.grpc}"
    assert starter["httpBaseUrl"] == classic.webhooks
    assert f"code={classic.keys['durable']}" in starter["requiredQueryStringParameters"]


def test_nothing_is_204(classic: RunningHost, client: httpx.Client) -> None:
    assert client.get(f"{classic.url}/api/nothing").status_code == 204


def test_each_cookie_keeps_its_header(classic: RunningHost, client: httpx.Client) -> None:
    answer = client.get(f"{classic.url}/api/cookies")

    assert answer.headers.get_list("set-cookie") == ["a=1; Path=/", "b=2; Path=/"]


def test_an_exception_is_500_without_its_text_and_logged_with_its_traceback(
    classic: RunningHost, client: httpx.Client
) -> None:
    answer = client.get(f"{classic.url}/api/boom")

    assert (answer.status_code, answer.content) == (500, b"")
    until(lambda: "ValueError: the secret is 12345" in classic.log.read_text())


def test_a_method_that_no_function_has_is_405_with_those_that_are(
    classic: RunningHost, client: httpx.Client
) -> None:
    answer = client.delete(f"{classic.url}/api/start/chain")

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_a_path_that_breaks_a_constraint_is_not_found(classic: RunningHost, client: httpx.Client) -> None:
    assert client.get(f"{classic.url}/api/echo/five/rest").status_code == 404
