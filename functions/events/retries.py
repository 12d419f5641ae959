"""How triggers that read a log retry: for ever, because Azure goes on behind a batch that it has given up."""

from typing import Any

import azure.functions as func


def for_ever(triggers: func.Blueprint, builder: Any) -> Any:
    """Hold a batch that fails and try it again, after 1 s at first and up to 5 minutes later on.

    -1 is "for ever" (Azure Functions error handling, retry policies); the batch's partition waits meanwhile.
    """
    retry = triggers.retry(
        strategy="exponential_backoff",
        max_retry_count="-1",
        minimum_interval="00:00:01",
        maximum_interval="00:05:00",
    )
    return retry(builder)
