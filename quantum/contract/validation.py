"""Validation on the wire: what an intent would be refused for, before anything is stored."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, RootModel

from quantum.contract.problems import FieldError


class ValidateIntent(BaseModel):
    """An intent, or only a definition, to be looked at."""

    model_config = ConfigDict(extra="ignore", strict=True)

    definition: dict[str, Any] = Field(
        description="What should happen: target, parameters (JSON Schema), steps.",
        examples=[{"steps": [{"action": "wait", "seconds": 1}]}],
    )
    name: str | None = Field(default=None, description="The name it shall have; nothing is said of none.")
    description: str | None = Field(default=None, description="What it is for, in words.")
    labels: dict[str, str] | None = Field(default=None, description="Names and values to find it by.")


class ValidationReport(BaseModel):
    """Everything that is wrong with an intent, and advice on what is right."""

    valid: bool = Field(description="Whether it could be stored: there are no errors.")
    errors: list[FieldError] = Field(description="What breaks a rule, in the order of the stages.")
    warnings: list[FieldError] = Field(description="What breaks none and is worth a look.")


class IntentSchema(RootModel[dict[str, Any]]):
    """The JSON Schema (2020-12) of an intent as it is sent; a definition alone is `#definition`."""
