"""Build contexts on the wire."""

from pydantic import BaseModel, Field


class BuildContext(BaseModel):
    """An archive that container images can be built from."""

    reference: str = Field(
        description="What a step has for its `context`.", examples=["upload:sha256:" + "0" * 64]
    )
    size: int = Field(description="Bytes of the archive.", examples=[20480])
    created_at: str = Field(description="RFC 3339, UTC.", examples=["2024-01-04T10:00:00.000000Z"])
    created_by: str = Field(examples=["ada@tenant-123"])
    expires_at: str = Field(
        description="Until when it is kept at least; uploading it again has it kept for longer."
    )
