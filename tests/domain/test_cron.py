"""When cron expressions fire, in zones that change their clocks and in UTC."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.cron import NICKNAMES, Cron, parse_cron
from shared.domain.errors import FieldError

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",
    "Africa/Cairo",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
]


def cron(expression: str, zone: str = "UTC") -> Cron:
    made = parse_cron(expression, zone)
    assert isinstance(made, Cron), made
    return made


def first(made: Cron, after: str, count: int) -> list[str]:
    """The first times behind ``after``, as its zone's clocks show them."""
    times = itertools.islice(made.after(datetime.fromisoformat(after)), count)
    return [time.astimezone(made.zone).isoformat(timespec="minutes") for time in times]


def errors(expression: str, zone: str = "UTC") -> list[FieldError]:
    found = parse_cron(expression, zone)
    assert not isinstance(found, Cron), found
    return found


@pytest.mark.parametrize(
    ("expression", "zone", "after", "times"),
    [
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-03-28T12:00Z",
            ["2026-03-29T03:00+02:00", "2026-03-30T02:30+02:00"],
        ),
        (
            "*/15 2 * * *",
            "Europe/Berlin",
            "2026-03-28T12:00Z",
            ["2026-03-29T03:00+02:00", "2026-03-30T02:00+02:00"],
        ),
        (
            "0 2,3 * * *",
            "Europe/Berlin",
            "2026-03-28T12:00Z",
            ["2026-03-29T03:00+02:00", "2026-03-30T02:00+02:00"],
        ),
        (
            "0 */2 * * *",
            "America/New_York",
            "2026-03-08T05:00Z",
            ["2026-03-08T03:00-04:00", "2026-03-08T04:00-04:00"],
        ),
        (
            "15 2 * * *",
            "Australia/Lord_Howe",
            "2026-10-03T00:00Z",
            ["2026-10-04T02:30+11:00", "2026-10-05T02:15+11:00"],
        ),
        (
            "0 0 * * *",
            "Africa/Cairo",
            "2026-04-22T23:00Z",
            ["2026-04-24T01:00+03:00", "2026-04-25T00:00+03:00"],
        ),
        (
            "0 12 * * *",
            "Pacific/Apia",
            "2011-12-29T00:00Z",
            ["2011-12-29T12:00-10:00", "2011-12-31T00:00+14:00"],
        ),
    ],
)
def test_a_time_that_does_not_exist_fires_once_after_the_gap(
    expression: str, zone: str, after: str, times: list[str]
) -> None:
    assert first(cron(expression, zone), after, 2) == times


@pytest.mark.parametrize(
    ("expression", "zone", "after", "times"),
    [
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-10-24T12:00Z",
            ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"],
        ),
        (
            "*/30 1 * * *",
            "America/New_York",
            "2026-11-01T04:00Z",
            ["2026-11-01T01:00-04:00", "2026-11-01T01:30-04:00", "2026-11-02T01:00-05:00"],
        ),
        (
            "45 1 * * *",
            "Australia/Lord_Howe",
            "2026-04-04T00:00Z",
            ["2026-04-05T01:45+11:00", "2026-04-06T01:45+10:30"],
        ),
    ],
)
def test_a_time_that_exists_twice_fires_the_first_time(
    expression: str, zone: str, after: str, times: list[str]
) -> None:
    assert first(cron(expression, zone), after, len(times)) == times


def test_in_the_second_of_two_equal_hours_the_next_time_is_another_days() -> None:
    during = "2026-10-25T01:10Z"  # 02:10 in Berlin, again
    assert first(cron("30 2 * * *", "Europe/Berlin"), during, 1) == ["2026-10-26T02:30+01:00"]


@pytest.mark.parametrize("expression", ["30 * * * *", "30 0-23 * * *", "30 */1 * * *"])
def test_who_names_no_hour_means_each_hour_that_passes(expression: str) -> None:
    made = cron(expression, "Europe/Berlin")
    assert first(made, "2026-10-24T23:45Z", 3) == [
        "2026-10-25T02:30+02:00",
        "2026-10-25T02:30+01:00",
        "2026-10-25T03:30+01:00",
    ]
    assert first(made, "2026-03-28T23:45Z", 2) == ["2026-03-29T01:30+01:00", "2026-03-29T03:30+02:00"]


@pytest.mark.parametrize("nickname", NICKNAMES)
def test_a_nickname_stands_for_its_expression(nickname: str) -> None:
    start = "2026-01-02T03:04Z"
    assert first(cron(nickname.upper()), start, 3) == first(cron(NICKNAMES[nickname]), start, 3)


def test_days_of_month_and_week_are_joined_as_in_debians_cron() -> None:
    start = "2026-01-01T12:00Z"
    assert first(cron("0 0 13 * FRI"), start, 3) == [
        "2026-01-02T00:00+00:00",
        "2026-01-09T00:00+00:00",
        "2026-01-13T00:00+00:00",
    ]
    assert first(cron("0 0 L * *"), start, 1) == ["2026-01-31T00:00+00:00"]
    assert first(cron("0 0 * * MON#1"), start, 1) == ["2026-01-05T00:00+00:00"]


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("", "five fields"),
        ("* * * *", "five fields"),
        ("0 * * * * *", "five fields"),
        ("@reboot", "@daily"),
        ("60 * * * *", "minute field"),
        ("0 24 * * *", "hour field"),
        ("0 0 31 2 *", "day-of-month field"),
        ("0 0 * 13 *", "month field"),
        ("0 0 * * FUN", "day-of-week field"),
        ("*/0 * * * *", "minute field"),
        ("9-5 * * * *", "minute field"),
        ("0 0 */20 * 1L", "never fires"),
        ("1," * 200 + "1 * * * *", "256"),
    ],
)
def test_what_has_no_meaning_is_refused_with_what_to_write(expression: str, says: str) -> None:
    (error,) = errors(expression)
    assert error.pointer == "/cron"
    assert says in error.message


@pytest.mark.parametrize(
    "zone", ["", "Europe", "europe/berlin", "Mars/Olympus", "../../etc/passwd", "localtime", "/etc/localtime"]
)
def test_only_names_of_the_iana_database_are_zones(zone: str) -> None:
    (error,) = errors("@daily", zone)
    assert (error.pointer, error.code) == ("/timezone", "UNKNOWN")


def test_both_an_expression_and_a_zone_are_named_at_once() -> None:
    assert [error.pointer for error in errors("x", "y")] == ["/cron", "/timezone"]


@given(text=st.text(max_size=300), zone=st.text(max_size=50))
def test_no_text_makes_parsing_fail(text: str, zone: str) -> None:
    parse_cron(text, zone)


PARTS = st.one_of(st.just("*"), st.integers(0, 8).map(str), st.sampled_from(["*/7", "1-5", "2,3", "1-9/3"]))
SECONDS = st.integers(1_306_886_400, 2_082_758_400)  # 2011 to 2036
MOMENTS = SECONDS.map(lambda seconds: datetime.fromtimestamp(seconds, UTC)) | st.sampled_from(
    [
        datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC),
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
        datetime(2026, 4, 4, 15, 10, tzinfo=UTC),
    ]
)


@st.composite
def crons(draw: st.DrawFn) -> Cron:
    minute, hour, week = draw(PARTS), draw(PARTS), draw(st.sampled_from(["*", "1", "0,6", "2-4"]))
    return cron(f"{minute} {hour} * * {week}", draw(st.sampled_from(ZONES)))


@given(made=crons(), moment=MOMENTS)
def test_times_are_later_than_asked_for_and_each_is_later_than_the_one_before(
    made: Cron, moment: datetime
) -> None:
    times = list(itertools.islice(made.after(moment), 20))
    assert len(times) == 20
    assert all(earlier < later for earlier, later in itertools.pairwise([moment, *times]))


@given(made=crons(), moment=MOMENTS, steps=st.integers(0, 15))
def test_the_times_are_the_same_wherever_one_begins_to_ask(made: Cron, moment: datetime, steps: int) -> None:
    times = list(itertools.islice(made.after(moment), 20))
    behind = [moment, *times][steps]
    assert list(itertools.islice(made.after(behind), 20 - steps)) == times[steps:]


@given(made=crons(), moment=MOMENTS, ahead=st.integers(1, 40), count=st.integers(0, 30))
def test_the_last_times_are_the_last_of_all(made: Cron, moment: datetime, ahead: int, count: int) -> None:
    times = list(itertools.islice(made.after(moment), ahead))
    last = times[-1] + timedelta(seconds=59)
    found = made.until(last, since=times[0], count=count)
    assert found == (times[-count:] if count else [])
