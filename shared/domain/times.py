"""Times as they are stored and sent: RFC 3339 in UTC, of one width, so that they sort as text."""

from datetime import UTC, datetime


def rfc3339(moment: datetime) -> str:
    """An aware time as ``2024-01-04T10:00:00.000000Z``."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_rfc3339(text: str) -> datetime:
    """The time that :func:`rfc3339` spelled as ``text``.

    Raises:
        ValueError: it is not a time, or has no offset from UTC.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset from UTC")
    return moment.astimezone(UTC)
