"""Schedules: intents that are executed by themselves."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NotRequired, TypedDict, Unpack

from quantum.client.addresses import path
from quantum.client.pages import Listing
from quantum.client.resources.resource import Resource, given
from quantum.contract.schedules import Overlap, Schedule, SchedulePage, SchedulePreview


class Wanted(TypedDict):
    """What a schedule shall be; what is left out is as ``quantum.contract.schedules.PutSchedule`` says."""

    intent: str
    cron: str
    timezone: NotRequired[str]
    parameters: NotRequired[Mapping[str, Any]]
    overlap: NotRequired[Overlap]
    catch_up: NotRequired[int]
    paused: NotRequired[bool]
    start: NotRequired[datetime | str]
    end: NotRequired[datetime | str]
    description: NotRequired[str]


class Schedules(Resource):
    def list(self, *, limit: int | None = None) -> Listing[Schedule, SchedulePage]:
        return Listing(self._transport, Schedule, SchedulePage, path("schedules"), given({"limit": limit}))

    async def get(self, name: str) -> Schedule:
        return await self._read(Schedule, path("schedules", name))

    async def put(self, name: str, *, if_match: str | None = None, **schedule: Unpack[Wanted]) -> Schedule:
        """The schedule as it shall be, new or in place of the one there is; it executes in your name."""
        return await self._change(Schedule, "PUT", path("schedules", name), schedule, if_match=if_match)

    async def delete(self, name: str, *, if_match: str | None = None) -> None:
        await self._delete(path("schedules", name), if_match=if_match)

    async def preview(
        self,
        cron: str,
        timezone: str = "UTC",
        *,
        start: datetime | str | None = None,
        end: datetime | str | None = None,
    ) -> SchedulePreview:
        """When would it fire? Nothing is kept."""
        body = {"cron": cron, "timezone": timezone, "start": start, "end": end}
        return await self._change(SchedulePreview, "POST", path("schedules", "preview"), body)
