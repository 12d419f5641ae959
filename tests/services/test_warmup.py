"""What the warm-up loads is what the first work would have loaded."""

import subprocess
import sys

PROGRAM = """
import sys
from shared.modules.catalogue import BuiltInActions
from shared.security.egress import EgressPolicy
from shared.services.upkeep.warmup import WarmUp

warm_up = WarmUp(BuiltInActions(egress=EgressPolicy(), approvals=None).actions())
print([name for name in ("httpx", "jsonschema", "referencing") if name in sys.modules])
warm_up.run()
print([name for name in ("httpx", "jsonschema", "referencing") if name in sys.modules])
"""


def test_what_a_cold_start_leaves_out_is_there_after_the_warm_up() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)

    assert ran.stdout.splitlines() == ["[]", "['httpx', 'jsonschema', 'referencing']"]
