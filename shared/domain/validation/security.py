"""The third stage: is it safe to keep and to run? No secrets, nothing forbidden, no calls to inside."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from shared.domain.errors import FieldError
from shared.domain.images import is_own, origin_of, refusal_of_origin
from shared.domain.pointers import pointer
from shared.domain.templates import OPEN
from shared.domain.validation.secrets import secrets_in
from shared.domain.validation.subject import Entry, Rule, Subject, texts

_IMAGES: Final = frozenset({"image", "images", "base_image", "registry"})
"""The parameters of actions that say where container images come from or go."""
_HOST_ENDS: Final = re.compile(r"https?://[^/?#]*[/?#]", re.IGNORECASE)


def no_secrets(subject: Subject) -> Iterator[FieldError]:
    """That nothing in it looks like a password, a key or a token."""
    sent = subject.sent
    told = {"description": sent.description or "", "labels": sent.labels or {}, "definition": sent.definition}
    for path, what in secrets_in(told):
        message = (
            f"this looks like {what}, for everybody to read who may read the intent: take it out, "
            "have it renewed where it was made, PUT it to /api/v1/secrets/NAME, and put "
            "${{ secrets.NAME }} in its place"
        )
        yield FieldError(pointer(*path), "SECRET", message)


def forbidden_actions(subject: Subject) -> Iterator[FieldError]:
    """That it has no action which the tenant's administrators forbid."""
    forbidden = frozenset(subject.context.settings.forbidden_actions)
    for entry in subject.acting if forbidden else ():
        name = entry.step.get("action")
        if isinstance(name, str) and name in forbidden:
            message = f"the administrators of this tenant forbid the action '{name}'; use another"
            yield FieldError(entry.at + "/action", "FORBIDDEN_ACTION", message)


def allowed_registries(subject: Subject) -> Iterator[FieldError]:
    """That container images come from where the tenant's administrators allow it."""
    allowed = subject.context.settings.allowed_registries
    for at, image in _images(subject) if allowed is not None else ():
        origin = origin_of(image)
        if origin is not None and (why := refusal_of_origin(origin, allowed)) is not None:
            yield FieldError(at, "FORBIDDEN_REGISTRY", why)


def _images(subject: Subject) -> Iterator[tuple[str, str]]:
    """Those that come from elsewhere: what is built here is built of images that are looked at when it is."""
    for entry in subject.acting:
        spec = subject.context.actions.get(str(entry.step.get("action")))
        own = spec.own_images if spec else frozenset[str]()
        for name in sorted(_IMAGES & entry.parameters.keys()):
            for path, text in texts(entry.parameters[name], (name,)):
                if not (name in own and is_own(text)):
                    yield entry.place(path), text + "/" if name == "registry" else text


def undecided_registries(subject: Subject) -> Iterator[FieldError]:
    """Images of which only the execution will tell where they come from."""
    if subject.context.settings.allowed_registries is None:
        return
    for at, image in _images(subject):
        if origin_of(image) is None:
            message = "where this image comes from is decided at run time: write the registry itself here"
            yield FieldError(at, "REGISTRY", message)


def egress(subject: Subject) -> Iterator[FieldError]:
    """That URLs do not lead to where the platform calls nobody."""
    for entry in subject.acting:
        for name in sorted(entry.spec.urls) if entry.spec else ():
            url = _as_far_as_known(entry, name)
            if url is not None and (why := subject.context.url_refusal(url)) is not None:
                message = f"{entry.title}: {why}; call a public address, or ask an operator to allow it"
                yield FieldError(entry.place([name]), "EGRESS", message)


def _as_far_as_known(entry: Entry, name: str) -> str | None:
    """The URL up to the first ``${{``; None if that may still change its host."""
    url = entry.parameters.get(name)
    if not isinstance(url, str):
        return None
    known, changes, _ = url.partition(OPEN)
    return known if not changes or _HOST_ENDS.match(known) else None


RULES: Final[Sequence[Rule]] = (no_secrets, forbidden_actions, allowed_registries, egress)
ADVICE: Final[Sequence[Rule]] = (undecided_registries,)
