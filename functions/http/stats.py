"""HTTP: what a tenant's days were like."""

from datetime import timedelta

import azure.durable_functions as df
from azurefunctions.extensions.http.fastapi import Response

from functions.gateway import triggers
from functions.gateway.edge import Call
from functions.gateway.replies import reply
from functions.routes import stats as routes
from functions.wire import stats as wire
from quantum.contract.stats import StatsQuery
from shared.bootstrap import Application

DAYS = 30
"""How many days are shown to whoever names none."""


def blueprint(platform: Application) -> df.Blueprint:
    return triggers.blueprint(platform, {routes.GET_STATS: get})


async def get(platform: Application, call: Call) -> Response:
    query: StatsQuery = call.query
    until = query.until or platform.adapters.clock.now().date()
    since = query.since or until - timedelta(days=DAYS - 1)
    days = await platform.counters.days(call.caller, since=since, until=until)
    return reply({"days": [wire.day(day) for day in days]})
