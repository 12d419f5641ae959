"""Estimates are made of medians and the longest way through what is left."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.definitions import parse_definition
from shared.domain.estimates import Past, Standing, Taken, learned, left_of, remaining
from shared.domain.plans import Plan, make_plan
from tests.domain.actions import ACTIONS

STEPS = ["a", "b", "c", "d", "e", "last"]


def plan_of(depends_on: dict[str, list[str]], *last: str) -> Plan:
    def steps(names: list[str]) -> list[dict[str, object]]:
        return [
            {"id": name, "action": "check", "condition": "true", "depends_on": depends_on.get(name, [])}
            for name in names
        ]

    main = [name for name in depends_on if name not in last]
    definition = {"steps": steps(main), "finally": steps(list(last))}
    return make_plan(parse_definition(definition), actions=ACTIONS)


DIAMOND = plan_of({"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"], "e": [], "last": []}, "last")


def standings(**changed: Standing) -> dict[str, Standing]:
    return {step: changed.get(step, Standing()) for step in STEPS}


def past(**seconds: float) -> Past:
    return Past(1, dict.fromkeys(STEPS, 1.0) | seconds)


def test_the_longest_way_through_what_is_left_counts_and_what_runs_at_last_comes_behind_it() -> None:
    known = past(a=2, b=5, c=3, d=1, e=4, last=10)
    assert remaining(DIAMOND, known, standings()) == 2 + 5 + 1 + 10
    running = standings(a=Standing(ended=True), b=Standing(elapsed=4), e=Standing(elapsed=1))
    assert remaining(DIAMOND, known, running) == 3 + 1 + 10, "c is longer now than what b has left"


def test_what_takes_longer_than_ever_may_end_at_any_moment() -> None:
    assert left_of("a", past(a=2), Standing(elapsed=100)) == 0


def test_what_waits_for_a_step_that_failed_never_runs() -> None:
    failed = standings(a=Standing(ended=True, failed=True))
    assert remaining(DIAMOND, past(b=50, c=50, d=50, e=4, last=1), failed) == 4 + 1


def test_a_step_of_which_nothing_is_known_makes_the_rest_unknown_until_it_has_ended() -> None:
    known = Past(1, {step: 1.0 for step in STEPS if step != "b"})
    assert remaining(DIAMOND, known, standings()) is None
    ended = standings(a=Standing(ended=True), b=Standing(ended=True))
    assert remaining(DIAMOND, known, ended) == 3


def test_a_loop_takes_as_long_as_its_items_that_are_left() -> None:
    known = learned([{"a": Taken(10, items=10)}, {"a": Taken(40, items=20)}, {"a": Taken(30, items=30)}])
    assert known.seconds_per_item == {"a": 1}
    assert left_of("a", known, Standing(elapsed=50, items=100, done=60)) == 40
    assert left_of("a", known, Standing(elapsed=10)) == 20, "as a rule it takes 30, whatever the items"
    assert known.expected("a", 7) == 7


def test_the_median_is_not_moved_by_one_that_took_long() -> None:
    known = learned([{"a": Taken(1)}, {"a": Taken(2)}, {"a": Taken(1000)}, {}])
    assert (known.based_on, known.seconds) == (4, {"a": 2})


@pytest.mark.parametrize("taken", [[], [{}]])
def test_of_no_past_nothing_follows(taken: list[dict[str, Taken]]) -> None:
    assert remaining(DIAMOND, learned(taken), standings()) is None


@st.composite
def graphs(draw: st.DrawFn) -> Plan:
    depends_on = {
        name: draw(st.lists(st.sampled_from(STEPS[:place]), unique=True)) if place else []
        for place, name in enumerate(STEPS[:-1])
    }
    return plan_of({**depends_on, "last": []}, "last")


SECONDS = st.floats(0, 10_000)
STANDING = st.builds(
    Standing,
    ended=st.booleans(),
    elapsed=SECONDS,
    items=st.none() | st.integers(0, 50),
    done=st.integers(0, 50),
)


@given(
    plan=graphs(),
    seconds=st.fixed_dictionaries(dict.fromkeys(STEPS, SECONDS)),
    per_item=st.dictionaries(st.sampled_from(STEPS), SECONDS),
    now=st.fixed_dictionaries(dict.fromkeys(STEPS, STANDING)),
    changed=st.sampled_from(STEPS),
    more=SECONDS,
)
def test_it_is_never_negative_and_falls_as_time_passes_and_steps_and_items_end(
    plan: Plan,
    seconds: dict[str, float],
    per_item: dict[str, float],
    now: dict[str, Standing],
    changed: str,
    more: float,
) -> None:
    known = Past(1, seconds, per_item)
    before = remaining(plan, known, now)
    assert before is not None
    assert before >= 0
    at = now[changed]
    for later in (
        Standing(at.ended, at.failed, at.elapsed + more, at.items, at.done),
        Standing(at.ended, at.failed, at.elapsed, at.items, at.done + 1),
        Standing(ended=True),
        Standing(ended=True, failed=True),
    ):
        after = remaining(plan, known, {**now, changed: later})
        assert after is not None
        assert 0 <= after <= before
    slower = Past(1, {**seconds, changed: seconds[changed] + more}, per_item)
    longer = remaining(plan, slower, now)
    assert longer is not None
    assert longer >= before
    assert remaining(plan, known, dict.fromkeys(STEPS, Standing(ended=True))) == 0
