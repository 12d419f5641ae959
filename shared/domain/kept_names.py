"""The names of what a tenant keeps beside the chain of its audit records: schedules, policies and others."""

from collections.abc import Iterator
from typing import Final

from shared.domain.errors import FieldError
from shared.domain.intents import NAME

RESERVED: Final = frozenset({"chain"})
"""Ids under which their partitions keep something else."""


def kept_name_errors(name: str) -> Iterator[FieldError]:
    """What is wrong with a name."""
    if not NAME.fullmatch(name) or name in RESERVED:
        taken = " or ".join(map(repr, sorted(RESERVED)))
        yield FieldError("/name", "INVALID", f"a name is 1 to 63 of a-z, 0-9 and '-', and not {taken}")
