"""Receivers of webhooks that answer as a test says."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.ports.webhooks import UndeliveredError


@dataclass(frozen=True)
class Sent:
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class ScriptedReceiver:
    """Answers with each of ``answers`` in turn, then with 204; None is no answer at all."""

    answers: list[int | None] = field(default_factory=list[int | None])
    sent: list[Sent] = field(default_factory=list[Sent])

    async def send(self, *, url: str, headers: Mapping[str, str], body: bytes) -> int:
        self.sent.append(Sent(url, headers, body))
        answer = self.answers.pop(0) if self.answers else 204
        if answer is None:
            raise UndeliveredError("no answer: connection refused")
        return answer
