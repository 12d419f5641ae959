"""A tenant that makes requests: what it knows, which is what it was told, and what it heard of another."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

ID: Final = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{26}\b")
"""A ULID, as the platform's ids are."""
TAG_BYTES: Final = 5
"""Of each id that is made in a tenant's request; they are eight of its characters."""

USERS: Final[Mapping[str, Sequence[str]]] = {
    "ada": ["admin"],
    "bo": ["author", "operator", "approver"],
    "cy": ["viewer"],
}
"""The members of each tenant: the same names in both, of different people."""
SHARED_USER: Final = "sam"
"""One person who is an administrator of both tenants, and says which one is meant."""

type Heard = Mapping[str, Sequence[str]]
"""What there is of another tenant, by kind: ids, cursors, etags, addresses, markers."""


@dataclass
class Actor:
    """One of the two tenants. ``secret`` is in every text that it writes, and nobody could guess it."""

    tenant: str
    secret: str
    chance: Random
    executions: list[str] = field(default_factory=list[str])
    asking: list[str] = field(default_factory=list[str])
    """Those of its executions that have begun to wait for somebody."""
    etags: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """By path."""
    cursors: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """With the paths that gave them."""
    callbacks: list[str] = field(default_factory=list[str])
    """The ends of addresses at which somebody is waited for."""
    ids: set[str] = field(default_factory=set[str])
    """Every id that it was ever told."""
    secrets: set[str] = field(default_factory=set[str])
    heard: Heard = field(default_factory=dict[str, Sequence[str]])
    requests: int = 0
    _marks: int = 0

    @classmethod
    def of(cls, name: str, seed: str) -> "Actor":
        chance = Random(f"{seed}:{name}")
        secret = f"q{chance.getrandbits(64):016x}"
        return cls(f"t-{secret}", secret, chance)

    @property
    def tag(self) -> bytes:
        """What the ids that are made in its requests have in common."""
        return hashlib.sha256(self.secret.encode()).digest()[:TAG_BYTES]

    def subject(self, user: str) -> str:
        return user if user == SHARED_USER else f"{user}-{self.secret}"

    def mark(self) -> str:
        """A text of its own that was never there before."""
        self._marks += 1
        return f"{self.secret}x{self._marks}z"

    def one[T](self, some: Sequence[T]) -> T:
        return self.chance.choice(some)

    def happens(self, part: float) -> bool:
        return self.chance.random() < part

    def heard_of(self, kind: str, part: float) -> str | None:
        """Sometimes something of that kind that is the other tenant's."""
        known = self.heard.get(kind, ())
        return self.one(known) if known and self.happens(part) else None

    def execution(self) -> str:
        """One of its executions, those that wait and the late ones rather than others."""
        if not self.executions:
            return "0" * 26
        if self.asking and self.happens(0.6):
            return self.one(self.asking[-2:])
        return self.one(self.executions[-5:] if self.happens(0.7) else self.executions)

    def etag(self, path: str) -> str | None:
        known = self.etags.get(path)
        return known[-1] if known and self.happens(0.8) else self.one(known) if known else None

    def learn(self, path: str, told: "Told") -> None:
        """Remember what an answer has shown."""
        self.ids.update(ID.findall(told.text))
        self.secrets.update(told.secrets)
        if told.etag is not None:
            self.etags.setdefault(path, []).append(told.etag)
        self.cursors += [(path, cursor) for cursor in told.cursors]
        for execution in told.executions:
            if execution not in self.executions:
                self.executions.append(execution)

    def telling(self) -> Heard:
        """What another tenant could hear of, if it overheard everything but rights and secrets."""
        cursors: dict[str, list[str]] = {}
        for path, cursor in self.cursors:
            cursors.setdefault(f"cursor of {shape(path)}", []).append(cursor)
        return cursors | {
            "tenant": [self.tenant],
            "execution": list(self.executions),
            "etag": [etag for known in self.etags.values() for etag in known],
            "callback": [_altered(address) for address in self.callbacks],
            "mark": [f"{self.secret}x{number}z" for number in range(1, self._marks + 1)],
        }

    def forbidden(self) -> set[str]:
        """What no other tenant may ever be shown."""
        return {self.secret, *self.ids, *self.secrets}


@dataclass(frozen=True, slots=True)
class Told:
    """What of an answer leads to other requests."""

    text: str
    etag: str | None
    cursors: Sequence[str]
    executions: Sequence[str]
    secrets: Sequence[str]


def shape(path: str) -> str:
    """The path with its ids left out: lists of one shape differ in nothing else."""
    return ID.sub("*", path)


def found_in(value: Any, name: str) -> Iterable[str]:
    """The texts that stand under ``name`` anywhere in a JSON value."""
    if isinstance(value, dict):
        for key, one in value.items():
            if key == name and isinstance(one, str):
                yield one
            yield from found_in(one, name)
    elif isinstance(value, list):
        for one in value:
            yield from found_in(one, name)


def _altered(address: str) -> str:
    """An address with one character changed: who has an address has its right, and who has not, has none."""
    return address[:-4] + ("A" if address[-4] != "A" else "B") + address[-3:]
