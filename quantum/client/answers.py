"""What a request is answered with: as it came, or as a model of the contract."""

from collections.abc import Iterator
from typing import Any

import httpx
from pydantic import BaseModel, ValidationError

from quantum.client.errors import UnexpectedAnswerError


def parsed[Model: BaseModel](model: type[Model], response: httpx.Response) -> Model:
    """The body of a successful answer.

    Raises:
        UnexpectedAnswerError: it is something else.
    """
    try:
        return model.model_validate_json(response.content)
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"])) or "the body"
        raise UnexpectedAnswerError(
            f"{response.request.method} {response.request.url} was answered with something that is no "
            f"{model.__name__} ({place}): is the platform there, and no newer than this client?"
        ) from error


class Answer:
    """A successful answer. Its JSON is had by ``json()``, or of an object directly: ``answer["id"]``."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response

    @property
    def status_code(self) -> int:
        return self._response.status_code

    @property
    def headers(self) -> httpx.Headers:
        return self._response.headers

    @property
    def etag(self) -> str | None:
        """What to send as ``If-Match`` so that nobody else's change is overwritten."""
        tag: str | None = self.headers.get("ETag")
        return tag

    @property
    def content(self) -> bytes:
        return self._response.content

    @property
    def text(self) -> str:
        return self._response.text

    def json(self) -> Any:
        """The body; None if there is none (204)."""
        return self._response.json() if self._response.content else None

    def __getitem__(self, key: str) -> Any:
        return self.json()[key]

    def __contains__(self, key: object) -> bool:
        return key in (self.json() or ())

    def __iter__(self) -> Iterator[Any]:
        return iter(self.json() or ())

    def __repr__(self) -> str:
        return (
            f"<Answer {self.status_code} {self._response.request.method} {self._response.request.url.path}>"
        )
