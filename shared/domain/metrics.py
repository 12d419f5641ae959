"""What the platform's metrics are called; alerts and the workbook in ``infra/`` ask for them by these names.

Each carries ``tenant_id`` beside the attributes that are named here.
"""

from typing import Final

RELAY_LAG: Final = "quantum.relay.lag"
"""Seconds from when an event was stored until it was published."""
EXECUTIONS_FINISHED: Final = "quantum.executions.finished"
"""How many executions ended, by ``status``."""
REQUESTS_THROTTLED: Final = "quantum.requests.throttled"
"""How many requests were answered 429."""
STEP_DURATION: Final = "quantum.steps.duration"
"""Seconds that an attempt of a step took, by ``action`` and ``status``."""
REQUEST_UNITS: Final = "quantum.documents.request_units"
"""What operations on documents cost in Cosmos DB, by ``operation``."""
METRICS: Final = (RELAY_LAG, EXECUTIONS_FINISHED, REQUESTS_THROTTLED, STEP_DURATION, REQUEST_UNITS)
