"""Secrets on the wire: everything about them but their values, which go in and never come out."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from quantum.contract.pages import Page

_NAME = "Steps name it `${{ secrets.NAME }}`."
_DESCRIPTION = "What it is for, in words."


class PutSecret(BaseModel):
    """A secret, or the next value of one that there is."""

    model_config = ConfigDict(extra="forbid", strict=True)

    value: SecretStr = Field(
        description="8 characters or more, at most 24 KiB in UTF-8. It is never shown again.",
        examples=["a value made by chance"],
    )
    description: str | None = Field(
        default=None, description=f"{_DESCRIPTION} Left out: the one there is stays."
    )


class Secret(BaseModel):
    """What may be known of a secret."""

    name: str = Field(description=_NAME, examples=["REGISTRY_TOKEN"])
    description: str = Field(description=_DESCRIPTION)
    version: int = Field(description="Counts its values, from 1.", examples=[3])
    created_at: str = Field(description="RFC 3339, UTC.", examples=["2024-01-04T10:00:00.000000Z"])
    created_by: str = Field(examples=["ada@tenant-123"])
    updated_at: str = Field(description="When its value was last put.")
    updated_by: str


class SecretPage(Page[Secret]):
    """A page of secrets, by name."""


class LastUse(BaseModel):
    """What the value was last given out for."""

    at: str = Field(description="RFC 3339, UTC. It may be a minute late.")
    execution_id: str
    step: str


class SecretDetail(Secret):
    """What may be known of a secret, and of who uses it."""

    last_used: LastUse | None = Field(description="Null: never, or more than a year ago.")
    used_by: list[str] = Field(
        description="Active intents that mention it, by name; the first 20.", examples=[["deploy"]]
    )


class DeleteSecretQuery(BaseModel):
    """How to delete a secret."""

    model_config = ConfigDict(extra="forbid")

    even_if_used: bool = Field(
        default=False, description="Delete it although active intents mention it; their steps will fail."
    )
