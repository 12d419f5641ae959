"""The HTTP routes of statistics; a part of the table in ``table.py``."""

from functions.routes.route import Route
from quantum.contract.stats import Stats, StatsQuery

GET_STATS = Route(
    name="get_stats",
    method="GET",
    path="v1/stats",
    summary="Count the executions and steps of each day",
    operation="executions.read",
    query=StatsQuery,
    response=Stats,
)
