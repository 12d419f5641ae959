"""What the web console is told before anybody has signed in."""

from pydantic import BaseModel, Field


class ConsoleConfig(BaseModel):
    """Where people sign in, as OpenID Connect has it. The same for everybody, and no secret."""

    issuer: str | None = Field(
        description="The issuer's address: its discovery document is at `/.well-known/openid-configuration` "
        "below it. null: nobody can sign in to the console here.",
        examples=["https://login.microsoftonline.com/<directory>/v2.0"],
    )
    client_id: str = Field(description="What the console is called there.", examples=["quantum-console"])
    scopes: list[str] = Field(
        description="What it asks for.", examples=[["api://quantum/.default", "openid", "offline_access"]]
    )
