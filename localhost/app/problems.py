"""What stops a host from starting, in words for the person at the terminal."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend: where it is, what is wrong, and how to put it right."""

    where: str
    reason: str
    mend: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}" + (f"\n      {self.mend}" if self.mend else "")


class StartupError(Exception):
    """The host cannot start. Its text is the message; the process ends with exit code 2."""

    def __init__(self, summary: str, problems: Iterable[Problem] = ()) -> None:
        self.summary = summary
        self.problems = tuple(problems)
        super().__init__("\n".join([summary, *(f"  - {problem}" for problem in self.problems)]))
