"""Times that a request names."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator


def _moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise ValueError("a time is RFC 3339, as in 2024-01-04T10:00:00Z") from error
    if moment.tzinfo is None:
        raise ValueError("say the offset from UTC too, as in 2024-01-04T10:00:00Z")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("that is outside the years 1 to 9999 in UTC") from error


type Moment = Annotated[datetime, BeforeValidator(_moment)]
