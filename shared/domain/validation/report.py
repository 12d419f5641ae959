"""What validation finds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from shared.domain.errors import FieldError

type StageName = Literal["schema", "business", "security"]


@dataclass(frozen=True, slots=True)
class Finding(FieldError):  # noqa: N818 - a field's error is no exception
    """What a rule found, and the stage of validation that it belongs to."""

    stage: StageName


@dataclass(frozen=True, slots=True)
class Report:
    """What validation found: what has ``errors`` is not stored, ``warnings`` are for its author."""

    errors: Sequence[Finding]
    warnings: Sequence[Finding] = ()
