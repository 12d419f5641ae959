"""The page on schedules does what it says, and fires when it says."""

import itertools
import re
from datetime import datetime

import pytest

from examples import hosting
from shared.domain.cron import Cron, parse_cron
from tests.docs.pages import commands_of, needs_curl, run, text_of

PAGE = text_of("schedules.md")
COMMANDS = commands_of("schedules.md")


@needs_curl
def test_the_commands_lead_through_the_life_of_a_schedule(host: hosting.Host) -> None:
    ran = run(COMMANDS, host)
    shown = ran.stdout
    assert re.findall(r'"status":"(active|paused|blocked)"', shown.split('"name":"nightly"', 1)[1]) == [
        "active",
        "paused",
        "active",
        "blocked",
    ]
    refusal = shown[shown.index('"code":"VALIDATION_FAILED"') :]
    for place in ("/intent", "/cron", "/timezone"):
        assert f'"pointer":"{place}"' in refusal
    assert shown.count('"code":"VALIDATION_FAILED"') == 1
    assert "is archived; restore it" in shown


@pytest.mark.parametrize(
    ("expression", "spring", "autumn"),
    [
        ("30 2 * * *", ["03:00+02"], ["02:30+02"]),
        ("*/30 2 * * *", ["03:00+02"], ["02:00+02", "02:30+02"]),
        ("0 * * * *", ["00:00+01", "01:00+01", "03:00+02"], ["01:00+02", "02:00+02", "02:00+01", "03:00+01"]),
    ],
)
def test_clocks_are_changed_as_the_table_says(expression: str, spring: list[str], autumn: list[str]) -> None:
    assert f"| `{expression}` |" in PAGE
    cron = parse_cron(expression, "Europe/Berlin")
    assert isinstance(cron, Cron)
    for start, expected in (("2026-03-28T22:59:59Z", spring), ("2026-10-24T22:59:59Z", autumn)):
        times = itertools.islice(cron.after(datetime.fromisoformat(start)), len(expected))
        shown = [time.astimezone(cron.zone).isoformat() for time in times]
        assert [time[11:16] + time[19:22] for time in shown] == expected
