"""What the adapter is made of: where the database is, and who measures."""

from collections.abc import Callable
from dataclasses import dataclass

type RequestUnits = Callable[[str, str, float], None]
"""Told of every answer: the operation (read, query, transact, changes), the container, the request units."""


@dataclass(frozen=True, slots=True)
class Account:
    """Where the database is and who asks.

    With ``key``, the account's key; without, a managed identity: the user-assigned one of the client id
    ``identity``, or the system's.
    """

    endpoint: str
    database: str
    key: str | None = None
    identity: str | None = None
