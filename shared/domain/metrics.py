"""The platform's metrics; alerts and the workbook in ``infra/`` ask for them by these names.

Each carries ``tenant_id`` beside the attributes that are named here. Tenants apart, what an attribute can be
is known in advance: whatever else is without bound (ids, addresses, messages) belongs in spans and logs.
"""

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. A ``sum`` adds up; a ``distribution`` keeps number, sum, extremes and buckets."""

    name: str
    kind: Literal["sum", "distribution"]
    unit: str
    """As UCUM writes it."""
    description: str


RELAY_LAG: Final = Metric(
    "quantum.relay.lag",
    "distribution",
    "s",
    "From when the oldest event of a batch was stored until it was published.",
)
EXECUTIONS_FINISHED: Final = Metric(
    "quantum.executions.finished", "sum", "{execution}", "Executions that ended, by status."
)
REQUESTS_THROTTLED: Final = Metric(
    "quantum.requests.throttled", "sum", "{request}", "Requests that were answered 429."
)
DECISIONS_DENIED: Final = Metric(
    "quantum.decisions.denied", "sum", "{decision}", "What the policies denied, by operation."
)
LEASES_UNCOUNTED: Final = Metric(
    "quantum.rates.leases_uncounted",
    "sum",
    "{lease}",
    "Leases of a rate limit that an instance gave itself, for the store did not answer; by policy.",
)
STEP_DURATION: Final = Metric(
    "quantum.steps.duration", "distribution", "s", "How long an attempt of a step took, by action and status."
)
REQUEST_UNITS: Final = Metric(
    "quantum.documents.request_units",
    "sum",
    "{request_unit}",
    "What operations on documents cost in Cosmos DB, by operation and container.",
)
METRICS: Final = (
    RELAY_LAG,
    EXECUTIONS_FINISHED,
    REQUESTS_THROTTLED,
    DECISIONS_DENIED,
    LEASES_UNCOUNTED,
    STEP_DURATION,
    REQUEST_UNITS,
)
