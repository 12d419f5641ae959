"""The HTTP routes of schedules; a part of the table in ``table.py``."""

from functions.routes.route import Route
from quantum.contract.pages import Paging
from quantum.contract.schedules import (
    PreviewSchedule,
    PutSchedule,
    Schedule,
    SchedulePage,
    SchedulePreview,
)

LIST_SCHEDULES = Route(
    name="list_schedules",
    method="GET",
    path="v1/schedules",
    summary="List the schedules, by name",
    operation="schedules.read",
    query=Paging,
    response=SchedulePage,
)
GET_SCHEDULE = Route(
    name="get_schedule",
    method="GET",
    path="v1/schedules/{name}",
    summary="Get one schedule: when it fires next, how the last time went, and why it does not fire",
    operation="schedules.read",
    response=Schedule,
    # Of what its owner wrote, for If-Match: no validator of the whole, which changes as time goes by.
    occasional=("ETag",),
)
PUT_SCHEDULE = Route(
    name="put_schedule",
    method="PUT",
    path="v1/schedules/{name}",
    summary="Make or change a schedule, which then executes in your name; with paused true it rests",
    operation="schedules.manage",
    body=PutSchedule,
    response=Schedule,
    headers=("ETag",),
    problems=(409, 412, 422),
)
DELETE_SCHEDULE = Route(
    name="delete_schedule",
    method="DELETE",
    path="v1/schedules/{name}",
    summary="Delete a schedule; the executions that it has started go on",
    operation="schedules.manage",
    response=None,
    status=204,
)
PREVIEW_SCHEDULE = Route(
    name="preview_schedule",
    method="POST",
    path="v1/schedules/preview",
    summary="Say when a schedule would fire; nothing is kept",
    operation="schedules.read",
    body=PreviewSchedule,
    response=SchedulePreview,
    problems=(422,),
)
