"""Is the platform alive, and can it work?"""

from typing import Literal

from pydantic import BaseModel, Field

type Standing = Literal["ok", "degraded", "unavailable"]


class Impairment(BaseModel):
    """Why a dependency does not serve."""

    check: str = Field(description="The dependency, by its name in `checks`.", examples=["documents"])
    cause: str = Field(description="Stable name of the cause.", examples=["refused"])
    reason: str = Field(
        description="What is the matter.", examples=["it refuses the platform's key, or its identity's token"]
    )
    remedy: str = Field(description="What an operator can do.", examples=["renew the key or the identity"])


class Health(BaseModel):
    """The answer of the health routes."""

    status: Standing = Field(
        description="`ok` if every check is; `degraded` if the platform serves and what is `degraded` "
        "catches up later; `unavailable` if it cannot serve."
    )
    release: str | None = Field(
        default=None, description="The platform's release; only `/health` tells it.", examples=["0.1.0"]
    )
    checks: dict[str, Standing] = Field(
        default={}, description="How each dependency stands.", examples=[{"documents": "ok"}]
    )
    impairments: list[Impairment] = Field(default=[], description="One for each check that is not `ok`.")
