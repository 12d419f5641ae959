"""The wait before the next attempt: it grows, it is bounded, and a replay waits the same."""

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.retries import JITTER, retry_delay

POLICIES = {
    "attempt": st.integers(1, 1000),
    "initial_interval": st.floats(0.01, 3600),
    "backoff": st.floats(1, 100),
    "max_interval": st.floats(0.01, 86_400),
    "seed": st.text(),
}


@given(**POLICIES)
def test_a_delay_is_positive_bounded_and_the_same_every_time(
    attempt: int, initial_interval: float, backoff: float, max_interval: float, seed: str
) -> None:
    def delay() -> float:
        return retry_delay(
            attempt=attempt,
            initial_interval=initial_interval,
            backoff=backoff,
            max_interval=max_interval,
            seed=seed,
        )

    # Delays are rounded to the millisecond.
    assert 0 <= delay() <= max_interval * (1 + JITTER) + 0.001
    assert delay() == delay()


def test_delays_grow_by_the_backoff_up_to_the_longest_interval() -> None:
    delays = [
        retry_delay(attempt=n, initial_interval=1, backoff=2, max_interval=10, seed="x") for n in range(1, 9)
    ]
    for number, delay in enumerate(delays):
        wanted = min(2**number, 10)
        assert wanted * (1 - JITTER) <= delay <= wanted * (1 + JITTER)


def test_executions_that_fail_together_do_not_come_back_together() -> None:
    delays = {
        retry_delay(attempt=1, initial_interval=1, backoff=2, max_interval=10, seed=f"execution-{n}")
        for n in range(100)
    }
    assert len(delays) > 50
