"""The bars: what each figure is held against, as data.

``aim`` is what we are to reach; ``others`` did the same trivial steps on a machine of two cores like ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Bar:
    """``lower`` says whether less is better."""

    aim: float
    lower: bool = True
    others: Mapping[str, float] = field(default_factory=dict[str, float])

    def beside(self, measured: float) -> dict[str, Any]:
        """The bar as a line prints it, and how ``measured`` stands to it and to the best of the others."""
        told: dict[str, Any] = {"aim": self.aim, "met": self._as_good(measured, self.aim)}
        if self.others:
            best = min(self.others.values()) if self.lower else max(self.others.values())
            told |= {"others": dict(self.others), "ahead_of_others": self._as_good(measured, best)}
        return told

    def _as_good(self, measured: float, other: float) -> bool:
        return measured <= other if self.lower else measured >= other


BARS: Mapping[str, Bar] = {
    # ms from the POST to the terminal event, 10 steps
    "W1": Bar(30, others={"DBOS": 36, "Restate": 37, "durabletask-python": 63, "Prefect": 1137}),
    # steps/s, 200 executions of 10 steps at once
    "W2-steps": Bar(
        1000, lower=False, others={"DBOS": 256, "Restate": 1916, "durabletask-python": 243, "Prefect": 30}
    ),
    # ms for 1,000 parallel steps
    "W3-1000": Bar(1400, others={"DBOS": 6200, "Restate": 2100, "durabletask-python": 1400}),
    # ms a step of a chain, of any length; the others' chains have 1,000
    "W4": Bar(3, others={"DBOS": 3.5, "Restate": 3.4, "durabletask-python": 36}),
    # how often the time a step, or an item, of the smallest the largest takes: flat is 1
    "W4-flat": Bar(1.2),
    "F1-flat": Bar(1.2),
    # CPU seconds of the host in a minute in which all wait, and KB for each that waits
    "R1": Bar(1),
    "R1-memory-1000": Bar(50),
    # executions that are lost, or not cancelled
    "R1-cancel": Bar(0),
    # microseconds of one decision about who may do what
    "Z1": Bar(300),
    # ms of the whole edge, and of its rate limit alone
    "E1": Bar(1.5),
    "E1-new": Bar(1.5),
    "E1-limit": Bar(0.03),
    "W5": Bar(0),
    "K1": Bar(0),
}


def bar(name: str, measured: float) -> dict[str, Any]:
    """What to print of the bar called ``name``, beside ``measured``; nothing where there is none."""
    return {"bar": BARS[name].beside(measured)} if name in BARS else {}
