"""Steps that wait for a service that takes long, on a host of its own."""

from typing import Any

from tests.e2e.api import Api
from tests.e2e.jobs import Jobs, call_back


def job(jobs: Jobs, **more: Any) -> dict[str, Any]:
    return {"id": "job", "action": "http-request", "method": "POST", "url": f"{jobs.url}/jobs", **more}


def test_a_service_calls_back_even_before_it_has_answered(api: Api) -> None:
    answer = {"status": "completed", "outputs": {"image": "shop:7"}}
    with Jobs(calls=lambda address: call_back(address, answer)) as jobs:
        found = api.run([job(jobs, callback={"timeout": "1h", "field": "notify"}, body={"app": "shop"})])
        assert found["status"] == "completed", found
        assert found["steps"][0]["outputs"]["callback"] == {"image": "shop:7"}
        ((headers, body),) = jobs.accepted
        assert headers["x-quantum-callback"].encode() in body
        assert call_back(headers["x-quantum-callback"], answer) == 202


def test_a_service_that_says_it_failed_fails_the_step(api: Api) -> None:
    answer = {"status": "failed", "error": {"code": "SCAN", "message": "two holes"}}
    with Jobs(calls=lambda address: call_back(address, answer)) as jobs:
        found = api.run([job(jobs, callback={})])
    assert (found["status"], found["error"]["code"], found["error"]["message"]) == (
        "failed",
        "SCAN",
        "two holes",
    )


def test_a_step_whose_service_never_calls_fails_when_its_time_is_over(api: Api) -> None:
    with Jobs() as jobs:
        found = api.run([job(jobs, callback={"timeout": 1})])
    assert found["error"]["code"] == "TIMEOUT"


def test_a_job_is_asked_about_until_it_is_done(api: Api) -> None:
    with Jobs() as jobs:
        found = api.run([job(jobs, poll=True)])
        assert found["status"] == "completed", found
        assert found["steps"][0]["outputs"]["body"] == {"state": "done"}
        assert (len(jobs.accepted), jobs.asked) == (1, 2)
