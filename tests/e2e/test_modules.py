"""A host that is killed between a module's doing and its own record of that: nothing is done twice."""

import threading
from pathlib import Path
from typing import Any, override

from examples.modules.provisioner import MANIFEST, Call, Provisioner, Server
from tests import forked
from tests.e2e.api import Api


class Watched(Provisioner):
    """Does what the first call says, and answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: list[str] = []
        self.done, self.may_answer = threading.Event(), threading.Event()

    @override
    def answer(self, call: Call, key: str) -> Any:
        answer = super().answer(call, key)
        self.keys.append(key)
        self.done.set()
        self.may_answer.wait(60)
        return answer


def test_what_a_module_did_for_a_host_that_died_is_not_done_again(tmp_path: Path) -> None:
    module = Watched()
    server = Server([], module=module)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    host = forked.start(tmp_path / "data", log=tmp_path / "log")
    try:
        with Api(host) as api:
            body = {"endpoint": server.url, "manifest": MANIFEST}
            server.keys = [api.client.put("/modules/provisioner", json=body).json()["secret"]]
            lease = {"id": "lease", "action": "provisioner/lease", "environment": "review-7"}
            execution = api.execute(api.create([lease]))
            assert module.done.wait(60)
            host.kill()
        module.may_answer.set()
        host = forked.start(tmp_path / "data", log=tmp_path / "log")
        with Api(host) as api:
            list(api.events(execution))
            found = api.get(execution)
        assert found["status"] == "completed", found
        assert module.keys == [f"{execution}/lease"] * 2
        assert [found["steps"][0]["outputs"]["lease"]] == module.state()["leases"]
    finally:
        module.may_answer.set()
        host.stop()
        server.shutdown()
        thread.join()
        server.server_close()
