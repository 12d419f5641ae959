"""Timer triggers: run on schedule, at most one run of a timer at a time, remembered across restarts."""

import asyncio
import json
import logging
from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo
from typing import Any

from azure.functions.timer import TimerRequest

from localhost.app.functions import Function
from localhost.triggers.calls import Call, make_context
from localhost.triggers.clock import Clock
from localhost.triggers.schedule import Schedule, parse_schedule
from localhost.triggers.state import StateFile
from localhost.triggers.tasks import end

_LONGEST_SLEEP = 3600.0
"""Seconds; a long wait is cut, so that a changed system clock or a suspended machine is noticed."""

_MONITORED = timedelta(minutes=1)
"""Schedules that fire more often are not monitored (Timer trigger documentation, ``useMonitor``)."""

_log = logging.getLogger("localhost.timers")


class Timer:
    """One timer-triggered function and its schedule."""

    def __init__(self, function: Function, call: Call, zone: tzinfo, state: StateFile, clock: Clock) -> None:
        properties = function.trigger.properties
        self.function = function
        self.expression = str(properties["schedule"])
        self._schedule: Schedule = parse_schedule(self.expression, zone)
        self._on_startup = bool(properties.get("runOnStartup"))
        self._monitor = properties.get("useMonitor") is not False
        self._call = call
        self._state = state
        self._clock = clock
        self._running = asyncio.Lock()

    async def run_for_ever(self) -> None:
        """Fire at each occurrence until cancelled. What a run outlasts is skipped, not piled up."""
        now = self._clock.now()
        missed = self._missed(now)
        if missed or self._on_startup:
            await self.fire(now, past_due=missed)
        while (due := self._schedule.after(self._clock.now())) is not None:
            while (wait := (due - self._clock.now()).total_seconds()) > 0:
                await self._clock.sleep(min(wait, _LONGEST_SLEEP))
            await self.fire(due, past_due=False)
        _log.info("%s never fires again", self.function.name)

    async def run_by_hand(self, _: str) -> None:
        """Run it now, as ``POST /admin/functions/{name}`` does; timers have no input."""
        await self.fire(self._clock.now(), past_due=False)

    async def fire(self, due: datetime, *, past_due: bool) -> None:
        """Run the function for the occurrence at ``due``, with its retry policy; a failure is logged."""
        async with self._running:
            await self._attempts(past_due=past_due)
            following = self._schedule.after(max(due, self._clock.now()))
            self._remember(due, following)

    async def _attempts(self, *, past_due: bool) -> None:
        policy = self.function.retry
        for attempt in range((policy.max_retries if policy else 0) + 1):
            try:
                await self._invoke(attempt, past_due=past_due)
            except Exception:  # noqa: BLE001 - a timer goes on whatever one run raises
                _log.exception("%s failed", self.function.name)
            else:
                return
            if policy and attempt < policy.max_retries:
                await self._clock.sleep(policy.delay(attempt))

    async def _invoke(self, attempt: int, *, past_due: bool) -> None:
        arguments: dict[str, Any] = {self.function.trigger.name: self._request(past_due=past_due)}
        if self.function.wants_context:
            arguments["context"] = make_context(self.function, retry=attempt)
        if await self._call(**arguments) is not None:
            raise TypeError(f"{self.function.name} returned a value, but a timer has nowhere to send it")

    def _request(self, *, past_due: bool) -> object:
        status = self._status()
        adjust = isinstance(self._schedule.after(self._clock.now()), datetime)
        if self.function.parameter_types.get(self.function.trigger.name) is str:
            return json.dumps(
                {"IsPastDue": past_due, "Schedule": {"AdjustForDST": adjust}, "ScheduleStatus": status}
            )
        return TimerRequest(past_due=past_due, schedule_status=status, schedule={"AdjustForDST": adjust})

    def _status(self) -> dict[str, str]:
        stored: dict[str, str] = self._state.get(self.function.name) or {}
        return {
            "Last": stored.get("last", ""),
            "Next": stored.get("next", ""),
            "LastUpdated": stored.get("updated", ""),
        }

    def _missed(self, now: datetime) -> bool:
        stored = self._state.get(self.function.name)
        if (
            not self._monitor
            or not stored
            or stored.get("schedule") != self.expression
            or not stored.get("next")
        ):
            return False
        return datetime.fromisoformat(stored["next"]) < now

    def _remember(self, due: datetime, following: datetime | None) -> None:
        if not self._monitor or (following is not None and following - due < _MONITORED):
            return
        status = {
            "schedule": self.expression,
            "last": due.isoformat(),
            "next": following.isoformat() if following else "",
            "updated": self._clock.now().isoformat(),
        }
        self._state.set(self.function.name, status)


class Timers:
    """All timers of an app, running side by side."""

    def __init__(self, timers: Iterable[Timer]) -> None:
        self._timers = list(timers)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        for timer in self._timers:
            self._tasks.append(asyncio.create_task(timer.run_for_ever(), name=f"timer:{timer.function.name}"))

    async def stop(self) -> None:
        """Stop them; a run that is under way is cancelled (a sync one finishes on its thread)."""
        await end(self._tasks)
