"""Lists, a page at a time."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Page[Item: BaseModel](BaseModel):
    """One page of a list. There are more items exactly if ``next_cursor`` is a string."""

    items: list[Item] = Field(description="The items of this page, in the list's order.")
    next_cursor: str | None = Field(
        description="Give it as `cursor` with the same filter to get the next page; null on the last page.",
        examples=[None],
    )


type Cursor = Annotated[
    str | None,
    Field(max_length=2048, description="`next_cursor` of the page before; opaque, bound to this filter."),
]


class Paging(BaseModel):
    """The query parameters that every list knows."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=200, description="Most items on the page.")] = 50
    cursor: Cursor = None
