"""The wait before the next attempt: it grows, it is bounded, and a replay waits the same."""

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.retries import retry_delay
from shared.domain.steps import Retry

POLICIES = st.builds(
    Retry,
    initial_interval=st.floats(0, 3600),
    backoff=st.floats(1, 10),
    max_interval=st.floats(0, 86_400),
    jitter=st.floats(0, 1),
)
GROWING = Retry(initial_interval=1, backoff=2, max_interval=10)


@given(policy=POLICIES, attempt=st.integers(1, 1000), seed=st.text())
def test_a_delay_is_bounded_and_the_same_every_time(policy: Retry, attempt: int, seed: str) -> None:
    delay = retry_delay(policy, attempt=attempt, seed=seed)
    # Delays are rounded to the millisecond.
    assert 0 <= delay <= policy.max_interval * (1 + policy.jitter) + 0.001
    assert retry_delay(policy, attempt=attempt, seed=seed) == delay


def test_delays_grow_by_the_backoff_up_to_the_longest_interval() -> None:
    delays = [retry_delay(GROWING, attempt=n, seed="x") for n in range(1, 9)]
    for number, delay in enumerate(delays):
        wanted = min(2**number, 10)
        assert wanted * (1 - GROWING.jitter) <= delay <= wanted * (1 + GROWING.jitter)


def test_without_jitter_delays_are_exact_and_with_a_backoff_of_one_they_are_all_the_same() -> None:
    exact = GROWING.model_copy(update={"jitter": 0})
    assert [retry_delay(exact, attempt=n, seed="x") for n in range(1, 6)] == [1, 2, 4, 8, 10]
    fixed = exact.model_copy(update={"backoff": 1})
    assert {retry_delay(fixed, attempt=n, seed="x") for n in range(1, 6)} == {1}


def test_executions_that_fail_together_do_not_come_back_together() -> None:
    delays = {retry_delay(GROWING, attempt=1, seed=f"execution-{n}") for n in range(100)}
    assert len(delays) > 50
