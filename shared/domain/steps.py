"""Steps as definitions spell them: their shape, their limits, and the two ways to write parameters."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

MAX_TIMEOUT: Final = 86_400
"""The longest timeout of a step, in seconds: a day."""
DEFAULT_TIMEOUT: Final = 300
MAX_ATTEMPTS: Final = 100
MAX_INTERVAL: Final = 86_400
"""The longest wait between two attempts, in seconds."""
MAX_BACKOFF: Final = 10
MAX_STEP_TIME: Final = 30 * 86_400
"""The most seconds that a step may take with all of its attempts and the waits between them: 30 days."""
MAX_DEPENDENCIES: Final = 1000
STEP_ID: Final = r"[A-Za-z][A-Za-z0-9_-]{0,62}"
ACTION_NAME: Final = r"[a-z0-9][a-z0-9-]*(/[a-z0-9][a-z0-9-]*)?"

KEYWORDS: Final = frozenset(
    {
        *("id", "action", "parameters", "depends_on", "when", "timeout", "retry", "continue_on_error"),
        *("compensate", "foreach", "concurrency"),
    }
)
"""The keys of a step that are not parameters of its action."""
MAX_ITEMS: Final = 10_000
"""Of a ``foreach``."""
MAX_CONCURRENCY: Final = 100
RUN_INTENT: Final = "run-intent"
"""The action that executes another intent, and so refers to it."""

_STRICT: Final = ConfigDict(strict=True, extra="forbid", frozen=True)


class Retry(BaseModel):
    """How often a failing step is tried, and how long to wait in between (seconds, growing)."""

    model_config = _STRICT

    max_attempts: int = Field(default=3, ge=1, le=MAX_ATTEMPTS, description="The first one included.")
    initial_interval: float = Field(
        default=1, ge=0, le=MAX_INTERVAL, description="Seconds before the second attempt."
    )
    backoff: float = Field(
        default=2, ge=1, le=MAX_BACKOFF, description="How many times as long each next wait is."
    )
    max_interval: float = Field(
        default=60, ge=0, le=MAX_INTERVAL, description="The longest wait, in seconds."
    )
    jitter: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="The share by which a wait is longer or shorter, so that many failures do not come back "
        "at once.",
    )
    budget: Annotated[float, Field(gt=0, le=MAX_STEP_TIME)] | None = Field(
        default=None,
        description="Seconds from the beginning of the first attempt after which no other begins.",
    )
    non_retryable: list[Annotated[str, Field(min_length=1, max_length=100)]] = Field(
        default=[], description="Codes of errors after which there is no other attempt."
    )

    def to_json(self) -> dict[str, Any]:
        """As a plan has it: what came later is left out at its default, so that no plan's hash changes."""
        added = {name for name, default in _ADDED.items() if getattr(self, name) == default}
        return self.model_dump(exclude=added)


_ADDED: Final = {name: Retry.model_fields[name].default for name in ("jitter", "budget")}

NO_RETRY: Final = Retry(max_attempts=1)


_ACTION: Final = Field(pattern=f"^{ACTION_NAME}$", max_length=128, description="What to do.")
_TIMEOUT: Final = Field(
    default=DEFAULT_TIMEOUT, ge=1, le=MAX_TIMEOUT, description="Seconds that one attempt may take."
)
# As a plain default, it would be copied for every step.
_RETRY: Final = Field(default_factory=lambda: NO_RETRY, description="Whether and when to try again.")


class Compensation(BaseModel):
    """How a step that has completed is undone when its execution fails or is cancelled."""

    model_config = _STRICT

    action: str = _ACTION
    parameters: dict[str, Any] = Field(default={}, description="The action's parameters.")
    timeout: float = _TIMEOUT
    retry: Retry = _RETRY


class Step(BaseModel):
    """One step, with the flat form's parameters gathered and its id made up if it had none."""

    model_config = _STRICT

    id: str = Field(pattern=f"^{STEP_ID}$", description="How others refer to it.", examples=["build"])
    action: str = _ACTION
    parameters: dict[str, Any] = Field(default={}, description="The action's parameters.")
    depends_on: list[str] = Field(
        default=[], max_length=MAX_DEPENDENCIES, description="Steps that must have ended well before."
    )
    when: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="A condition in CEL; if it does not hold, the step is skipped.",
        examples=["target == 'production'"],
    )
    timeout: float = _TIMEOUT
    retry: Retry = _RETRY
    continue_on_error: bool = Field(
        default=False, description="Whether what depends on it runs although it failed."
    )
    foreach: list[Any] | str | None = Field(
        default=None,
        description=f"A list of at most {MAX_ITEMS} items, or an expression that yields one: the action runs "
        "once for each, as `item`.",
        examples=["${{ parameters.regions }}"],
    )
    concurrency: int = Field(
        default=10, ge=1, le=MAX_CONCURRENCY, description="Of `foreach`: how many items at a time, at most."
    )
    compensate: Compensation | None = Field(
        default=None,
        description="How to undo it if it completed and the execution fails or is cancelled. Some actions "
        "say themselves what undoes them; with false, nothing does.",
    )
    kept: bool = Field(default=False, description="Whether nothing undoes it: its compensate is false.")


def long_form(raw: Mapping[str, Any], position: int) -> dict[str, Any]:
    """``raw`` with its id and with the flat form's keys under ``parameters`` (positions start at 1).

    A keyword given as null counts as left out.
    """
    step = {key: value for key, value in raw.items() if key in KEYWORDS and value is not None}
    step["parameters"] = parameters_of(raw)
    step.setdefault("id", derived_id(str(raw.get("action", "step")), position))
    match step.get("compensate"):
        case Mapping() as compensation:
            step["compensate"] = compensation_of(compensation)
        case False:
            del step["compensate"]
            step["kept"] = True
    return step


def compensation_of(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A step's ``compensate`` in its long form."""
    keywords = {key: value for key, value in raw.items() if key in KEYWORDS and value is not None}
    return {**keywords, "parameters": parameters_of(raw)}


def parameters_of(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A step's action parameters, from the flat form, the long form or both."""
    flat = {key: value for key, value in raw.items() if key not in KEYWORDS}
    long = raw.get("parameters")
    return {**flat, **long} if isinstance(long, Mapping) else flat


def derived_id(action: str, position: int) -> str:
    """The id of a step that has none: ``build-container-1``."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", action).strip("-_")[:56]
    return f"{stem if stem[:1].isalpha() else 'step'}-{position}"
