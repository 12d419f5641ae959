"""What a real host on this machine lets steps call on it, and that it says so."""

from pathlib import Path

from examples import hosting
from tests import forked
from tests.e2e.api import Api
from tests.e2e.receiver import Receiver

CALL = {"id": "call", "action": "http-request", "method": "POST", "body": {}}
URL = {"type": "object", "properties": {"url": {"type": "string"}}}
SAYS = "steps and webhooks may call this machine itself"


def test_the_local_host_lets_steps_call_its_machine_and_says_so(host: hosting.Host, api: Api) -> None:
    assert SAYS in (host.data.parent / "host.log").read_text()
    with Receiver() as target:
        ended = api.run([{**CALL, "url": target.url}])
        assert ended["status"] == "completed"
        assert len(target.received) == 1


def test_an_operator_can_forbid_it(tmp_path: Path) -> None:
    log = tmp_path / "host.log"
    host = forked.start(tmp_path / "data", log=log, QUANTUM_EGRESS_LOOPBACK="refuse")
    try:
        with Api(host) as api, Receiver() as target:
            intent = api.create([{**CALL, "url": "${{ parameters.url }}"}], parameters=URL)
            execution = api.execute(intent, url=target.url)
            list(api.events(execution))
            assert api.get(execution)["steps"][0]["error"]["code"] == "EGRESS_REFUSED"
            assert target.received == []
    finally:
        host.stop()
    assert SAYS not in log.read_text()
