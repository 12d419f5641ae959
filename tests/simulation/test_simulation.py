"""The whole platform in virtual time: random definitions, and everything that can go wrong, at any point.

``QUANTUM_TEST_SIMULATIONS`` is how many scenarios are played, in place of a few, and other ones each time. A
failure prints the seed, the smallest scenario that fails likewise, and the command that plays it again.
"""

import os
import random
import tempfile
import traceback
from pathlib import Path

import pytest

from tests.simulation.checks import check
from tests.simulation.loop import run
from tests.simulation.play import Play
from tests.simulation.scenario import Scenario

MANY = int(os.environ.get("QUANTUM_TEST_SIMULATIONS", "0"))
SEED = os.environ.get("QUANTUM_TEST_SEED")
FEW = 60


def seeds() -> list[int]:
    if SEED is not None:
        return [int(SEED)]
    first = random.randrange(2**32) if MANY else 0
    return list(range(first, first + (MANY or FEW)))


def play(scenario: Scenario) -> None:
    with tempfile.TemporaryDirectory() as folder:

        async def played() -> None:
            one = Play(scenario, Path(folder))
            try:
                await one.run()
                await check(one)
            finally:
                one.close()

        run(played())


def fault_of(scenario: Scenario) -> Exception | None:
    try:
        play(scenario)
    except Exception as error:  # noqa: BLE001 - what is looked for
        return error
    return None


def shrunk(scenario: Scenario, fault: Exception) -> Scenario:
    """A smaller scenario with a fault in the same place."""
    for smaller in scenario.smaller():
        found = fault_of(smaller)
        if found is not None and place_of(found) == place_of(fault):
            return shrunk(smaller, fault)
    return scenario


def place_of(fault: Exception) -> tuple[str, int | None]:
    *_, last = traceback.extract_tb(fault.__traceback__)
    return last.filename, last.lineno


@pytest.mark.parametrize("part", range(4))
def test_whatever_happens_every_execution_comes_to_its_one_right_end(part: int) -> None:
    for seed in seeds()[part::4]:
        scenario = Scenario.of(seed)
        fault = fault_of(scenario)
        if fault is not None:
            print(f"QUANTUM_TEST_SEED={seed} .venv/bin/python -m pytest -n 0 tests/simulation")
            print(f"the smallest scenario with such a fault: {shrunk(scenario, fault)}")
            raise fault
