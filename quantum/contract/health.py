"""Is the platform alive, and can it work?"""

from typing import Literal

from pydantic import BaseModel, Field


class Health(BaseModel):
    """The answer of the health routes."""

    status: Literal["ok", "unavailable"] = Field(description="`ok` exactly if every check is.")
    checks: dict[str, Literal["ok", "unavailable"]] = Field(
        default={}, description="How each dependency stands.", examples=[{"documents": "ok"}]
    )
