"""Time and identity of new things, as ports: tests freeze them."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The time, aware, in UTC."""
        ...


class Ids(Protocol):
    def new(self) -> str:
        """A fresh ULID: 26 characters, sortable by time, unique in the world."""
        ...
