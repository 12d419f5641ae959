"""Kill -9 at random points of everything at once: nothing acknowledged is lost, stuck or recorded twice.

``QUANTUM_TEST_LONG=1`` asks for more of it. A failure prints the seed, which ``QUANTUM_TEST_SEED`` repeats as
far as another process's death can be repeated.
"""

import os
import random
from itertools import batched
from pathlib import Path

import pytest

from tests.e2e.chaos import Chaos
from tests.e2e.conftest import LONG
from tests.e2e.receiver import Receiver
from tests.e2e.shapes import SHAPES

AT_A_TIME = 10
"""Executions between two kills."""
ROUNDS = 20 if os.environ.get(LONG) else 4


@pytest.mark.timeout(900)
def test_whenever_the_host_is_killed_each_execution_comes_to_its_one_right_end(
    tmp_path: Path, stores: dict[str, str]
) -> None:
    seed = int(os.environ.get("QUANTUM_TEST_SEED", random.randrange(2**32)))
    print(f"QUANTUM_TEST_SEED={seed} .venv/bin/python -m pytest -n 0 tests/e2e/test_chaos.py")
    rng = random.Random(seed)
    chaos = Chaos(tmp_path, stores, rng)
    rounds = ROUNDS // 2 if stores and ROUNDS < 20 else ROUNDS  # Azure's SDKs take their time
    count = rounds * AT_A_TIME
    names = [*SHAPES] * (count // len(SHAPES)) + rng.choices([*SHAPES], k=count % len(SHAPES))
    rng.shuffle(names)
    with Receiver(lambda _: rng.choice([204, 503])) as receiver:
        try:
            chaos.prepare(receiver)
            for some in batched(names, AT_A_TIME, strict=True):
                chaos.round(list(some))
            chaos.come_to_rest()
            chaos.check()
        finally:
            chaos.host.kill()
