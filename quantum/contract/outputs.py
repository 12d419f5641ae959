"""Outputs of steps and executions on the wire."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, RootModel


class Outputs(RootModel[dict[str, Any]]):
    """What a step, one of its items, or an execution has come to, whole."""


class OutputsQuery(BaseModel):
    """Of which item."""

    model_config = ConfigDict(extra="forbid")

    item: Annotated[
        int | None,
        Field(ge=0, le=9999, description="Of a step with `foreach`: the outputs of the item at this place."),
    ] = None
