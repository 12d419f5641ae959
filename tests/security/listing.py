"""Lists of exceptions, kept as files: a name and its reason in each line."""

from collections.abc import Mapping
from pathlib import Path


def listed(file: str) -> Mapping[str, str]:
    """What the file of that name, beside this one, has in its lines: ``name | reason``."""
    lines = Path(__file__).with_name(file).read_text("utf-8").splitlines()
    entries = [line.partition("|") for line in lines if line and not line.startswith("#")]
    found = {name.strip(): reason.strip() for name, _, reason in entries}
    assert len(found) == len(entries), f"{file} has a name twice"
    assert all(found.values()), f"{file} has a name without a reason"
    return found
