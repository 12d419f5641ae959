"""The local host's own routes: what somebody who has no key and no token gets from each of them."""

import json
import subprocess
import sys
from pathlib import Path

from tests.host.running import environment
from tests.security.listing import listed

CLOSED = [401, 401]


def test_the_hosts_own_routes_are_closed_to_who_has_no_key_or_have_a_reason_not_to_be(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.host.doors", str(tmp_path / "data")]
    ran = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    doors: dict[str, list[int]] = json.loads(ran.stdout)
    assert {
        "POST /admin/functions/x",
        "GET /v2/",
        "GET /runtime/webhooks/durabletask/instances",
    } <= doors.keys()
    opened = {f"{door} {outside} {inside}" for door, (outside, inside) in doors.items()}
    opened -= {f"{door} 401 401" for door in doors}
    known = listed("host_doors.txt").keys()
    assert opened - known == set(), "say in host_doors.txt why these answer somebody who has no key"
    assert known - opened == set(), "take these out of host_doors.txt: they are closed, or gone"
