"""Record histories: ``python -m tests.replay.record NAME …`` (all that are missing, without a name).

A history that is there already is what released orchestrators did: it is not written over. To keep a new
way of an orchestration, add a scenario; to change the orchestrators so that an old history no longer fits,
add new ones beside the old.
"""

import json
import sys
from pathlib import Path

from tests.replay.scenarios import SCENARIOS

HISTORIES = Path(__file__).parent / "histories"


def record(name: str) -> Path:
    """Write the history of the scenario ``name``.

    Raises:
        FileExistsError: there is one.
    """
    recordings = SCENARIOS[name].record().recordings.values()
    path = HISTORIES / f"{name}.json"
    with path.open("x", encoding="utf-8") as file:
        json.dump([recording.to_json() for recording in recordings], file, indent=1)
        file.write("\n")
    return path


def main(names: list[str]) -> None:
    missing = [name for name in SCENARIOS if not (HISTORIES / f"{name}.json").exists()]
    for name in names or missing:
        sys.stdout.write(f"{record(name)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
