"""Build contexts that were uploaded: archives that are kept for a while."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

KEPT: Final = timedelta(days=7)
"""For how long at least, from the last time that it was uploaded."""
PREFIX: Final = "upload:"


@dataclass(frozen=True, slots=True)
class BuildContext:
    digest: str
    size: int
    created_at: str
    created_by: str
    expires_at: str

    @property
    def reference(self) -> str:
        """What a step has for its ``context``."""
        return f"{PREFIX}{self.digest}"
