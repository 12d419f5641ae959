"""Z1: what a decision about who may do what costs, in microseconds: question, engine and answer."""

import time
from datetime import UTC, datetime
from types import MappingProxyType

from benchmarks.bars import bar
from benchmarks.report import line, spread
from shared.security.authorization import Circumstances, Resource, built_in
from shared.security.principals import Principal

ADA = Principal(
    "acme",
    "ada",
    frozenset({"author", "operator"}),
    MappingProxyType({"department": "finance", "site": "north"}),
    "https://issuer.example.com",
    "ada",
)
INTENT = Resource("deploy", {"target": "production", "created_by": "ada@acme"}, {"team": "shop", "tier": "1"})


def decisions(count: int) -> None:
    authorizer = built_in()
    circumstances = Circumstances(datetime(2026, 3, 4, 9, tzinfo=UTC), "192.0.2.7")
    taken: list[float] = []
    for _ in range(count):
        started = time.perf_counter()
        decision = authorizer.decide(ADA, "intents.execute", INTENT, circumstances)
        taken.append((time.perf_counter() - started) * 1e6)
        assert decision.allowed
    figures = spread(taken)
    line(
        "Z1",
        "a decision of the role policies, us",
        decisions=count,
        **figures,
        **bar("Z1", figures["median"]),
    )
