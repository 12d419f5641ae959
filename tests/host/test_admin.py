"""The Functions host's own endpoints."""

import httpx
import pytest

from tests.host.running import RunningHost, until


def test_the_host_says_that_it_is_running(streaming: RunningHost, client: httpx.Client) -> None:
    status = client.get(f"{streaming.url}/admin/host/status").json()

    assert (status["id"], status["state"]) == ("streaming", "Running")


def test_functions_are_listed_with_their_routes_and_bindings(
    streaming: RunningHost, client: httpx.Client
) -> None:
    listed = {one["name"]: one for one in client.get(f"{streaming.url}/admin/functions").json()}
    alone = client.get(f"{streaming.url}/admin/functions/item").json()

    assert "from_queue" not in listed  # it is switched off
    assert alone == listed["item"]
    assert alone["invoke_url_template"] == f"{streaming.url}/items/{{id:int}}"
    assert alone["config"]["bindings"][0]["type"] == "httpTrigger"
    assert client.get(f"{streaming.url}/admin/functions/nobody").status_code == 404


def test_a_timer_can_be_run_by_hand(streaming: RunningHost, client: httpx.Client) -> None:
    until(lambda: streaming.notes().count("yearly past due: False"))
    before = streaming.notes().count("yearly past due: False")

    url, key = f"{streaming.url}/admin/functions/yearly", {"x-functions-key": streaming.keys["master"]}
    answer = client.post(url, json={"input": ""}, headers=key)

    assert answer.status_code == 202
    until(lambda: streaming.notes().count("yearly past due: False") == before + 1)


def test_an_http_function_is_not_run_by_hand(streaming: RunningHost, client: httpx.Client) -> None:
    key = {"x-functions-key": streaming.keys["master"]}
    assert client.post(f"{streaming.url}/admin/functions/item", headers=key).status_code == 400


def test_nothing_is_run_by_hand_without_the_master_key(streaming: RunningHost, client: httpx.Client) -> None:
    """A step that a tenant has written asks from this machine, too."""
    for name in ("yearly", "item", "nobody"):
        answer = client.post(f"{streaming.url}/admin/functions/{name}", json={"input": ""})
        assert answer.status_code == 401


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Host": "evil.example"}, {"X-Forwarded-For": "10.0.0.1"}]
)
def test_a_web_page_needs_the_master_key(
    streaming: RunningHost, client: httpx.Client, headers: dict[str, str]
) -> None:
    url = f"{streaming.url}/admin/functions"
    key = {"x-functions-key": streaming.keys["master"]}

    assert client.get(url, headers=headers).status_code == 401
    assert client.get(url, headers={**headers, **key}).status_code == 200


def test_the_first_page_names_the_functions(streaming: RunningHost, client: httpx.Client) -> None:
    page = client.get(f"{streaming.url}/")

    assert page.status_code == 200
    assert "streaming is running" in page.text
    assert "/items/{id:int}" in page.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/admin/host/status", 200),
        ("/admin/functions/nobody", 404),
        ("/runtime/webhooks/durabletask/instances", 401),
        ("/nothing", 404),
    ],
)
def test_the_hosts_own_answers_are_framed_and_kept_by_nobody(
    classic: RunningHost, client: httpx.Client, path: str, status: int
) -> None:
    answer = client.get(classic.url + path)
    assert answer.status_code == status
    for name, value in {
        "cache-control": "no-store",
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }.items():
        assert answer.headers.get_list(name) == [value]


def test_an_apps_own_answers_have_what_the_app_says(streaming: RunningHost, client: httpx.Client) -> None:
    answer = client.get(f"{streaming.url}/items/five")
    assert answer.status_code == 200
    assert "content-security-policy" not in answer.headers
