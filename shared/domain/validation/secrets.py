"""Secrets in plain text: known kinds by their form, others by the name they stand under and by their entropy.

A message never repeats what was found. Hashes, digests, UUIDs and names of images are no secrets; what a
``${{ }}`` will yield is not here to be read.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from shared.domain.templates import OPEN

type Path = tuple[str | int, ...]
type _Text = tuple[Path, str, str | None]
"""A text, the path to it, and the name that it stands under."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of secret: its name, its form, and texts (in lower case) of which each one has one in it.

    The form is compiled when a text first has such a hint: all of them would take 10 ms of every start.
    """

    name: str
    form: str
    hints: tuple[str, ...]


def _kind(name: str, form: str, *hints: str) -> _Kind:
    return _Kind(name, form, hints)


_KINDS: Final = (
    _kind("an AWS access key", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b", "akia", "asia", "abia", "acca"),
    _kind("a GitHub token", r"\bgh[pousr]_[A-Za-z0-9]{36,255}\b", "ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
    _kind("a GitHub token", r"\bgithub_pat_[A-Za-z0-9_]{40,255}\b", "github_pat_"),
    _kind(
        "a GitLab token",
        r"\bgl(?:pat|ptt|dt|rt|cbt)-[A-Za-z0-9_-]{20,}",
        "glpat-",
        "glptt-",
        "gldt-",
        "glrt-",
        "glcbt-",
    ),
    _kind("a Slack token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bxapp-\d-[A-Za-z0-9-]{10,}", "xox", "xapp-"),
    _kind(
        "a Slack webhook",
        r"hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9_/+-]{20,}",
        "hooks.slack.com/",
    ),
    _kind(
        "a Stripe key",
        r"\b(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}",
        "sk_live_",
        "sk_test_",
        "rk_live_",
        "rk_test_",
    ),
    _kind("a Google API key", r"\bAIza[A-Za-z0-9_-]{35}\b", "aiza"),
    _kind("a Google access token", r"\bya29\.[A-Za-z0-9_-]{20,}", "ya29."),
    _kind("an npm token", r"\bnpm_[A-Za-z0-9]{36}\b", "npm_"),
    _kind("a PyPI token", r"\bpypi-AgEI[A-Za-z0-9_-]{50,}", "pypi-agei"),
    _kind("a Docker token", r"\bdckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}", "dckr_"),
    _kind("a SendGrid key", r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}", "sg."),
    _kind("an API key", r"\bsk-(?:ant|proj|svcacct|or)-[A-Za-z0-9_-]{20,}", "sk-"),
    _kind("a Hugging Face token", r"\bhf_[A-Za-z0-9]{30,}\b", "hf_"),
    _kind("a webhook's secret", r"\bwhsec_[A-Za-z0-9+/=]{24,}", "whsec_"),
    _kind("an Entra ID client secret", r"(?<![\w~.-])[\w~.-]{3}\dQ~[\w~.-]{31,34}(?![\w~.-])", "q~"),
    _kind("a private key", r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----", "private key"),
    _kind("a JSON Web Token", r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}", "eyj"),
    _kind(
        "a connection string with a key",
        r"(?i)\b(?:account|shared_?access|api|access)_?key\s*=\s*[A-Za-z0-9+/=_-]{16,}",
        "key=",
        "key =",
    ),
    _kind(
        "a connection string with a password",
        r"(?i)\b(?:password|pwd)\s*=\s*[^\s;,&'\"$<{*%][^\s;,&'\"$<{*]{3,}",
        "password",
        "pwd",
    ),
    _kind("a shared access signature", r"[?&]sig=[A-Za-z0-9%+/=_-]{20,}", "sig="),
    _kind(
        "a password in a URL",
        r"\b[a-zA-Z][a-zA-Z0-9+.-]{1,20}://[^\s/:@'\"]*:[^\s/@'\"$<{*]{3,}@[\w.\[-]",
        "@",
    ),
    _kind(
        "credentials of a request",
        r"(?i)(?:^|[\s:'\"])(?:bearer|basic|token)\s+(?=[A-Za-z+/._~-]*\d)[A-Za-z0-9+/._~-]{20,}=*",
        "bearer ",
        "basic ",
        "token ",
    ),
)

_CHOSEN: Final = r"(?:^|_)(?:password|passwd|passphrase|pwd)$"
"""What names end in under which something chosen stands."""
_MADE: Final = (
    r"(?:^|_)(?:secret|token|api_?key|access_?key|secret_?key|private_?key|client_?secret|account_?key"
    r"|shared_access_key|bearer|hmac_key|signing_?key|encryption_?key|credentials?|connection_?string|authorization|auth)$"
)
"""What names end in under which something made by chance stands."""
_PLACEHOLDER: Final = r"[*•.xX_-]*|<[^>]*>|\{[^}]*\}|\$\w+|\$\{[^}]*\}|%\w+%|@Microsoft\.KeyVault\(.*\)"
_HARMLESS: Final = (
    r"(?i)sha(?:1|256|384|512)[:-].*|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|(?:https?|api|urn)://?.*"
    r"|/.*|\d{4}-\d\d-\d\d.*|true|false|null|none"
)
_VALUE_KEYS: Final = frozenset({"value", "default", "const", "enum", "example", "examples"})
"""Keys whose values belong to the name above them or beside them."""
MIN_LENGTH: Final = 12
"""Of what stands under a name of a token: shorter texts are words, as a rule."""
MIN_ENTROPY: Final = 3.0
"""Bits for each character of it; words and names of things have less, or have no digits."""


def secrets_in(value: Any) -> Iterator[tuple[Path, str]]:
    """Where in ``value`` a secret seems to stand, and what it seems to be; one for each text."""
    texts: list[_Text] = []
    _collect(value, (), None, texts)
    every = "\n".join([text for _, text, _ in texts]).lower()
    kinds = [kind for kind in _KINDS if any(hint in every for hint in kind.hints)]
    for path, text, name in texts:
        if (what := _by_form(text, kinds) or (name and _by_name(name, text))) is not None:
            yield path, what


def _by_form(text: str, kinds: list[_Kind]) -> str | None:
    return next((kind.name for kind in kinds if re.search(kind.form, text)), None)


def _by_name(name: str, text: str) -> str | None:
    """What ``text`` is under ``name``, or None: a password is any text, a token one of some entropy."""
    kind = _kind_of_name(name)
    if kind is None or OPEN in text or re.fullmatch(_PLACEHOLDER, text) or re.fullmatch(_HARMLESS, text):
        return None
    if kind == "a password":
        return kind
    return kind if len(text) >= MIN_LENGTH and _is_random(text) else None


@lru_cache(maxsize=4096)
def _kind_of_name(name: str) -> str | None:
    """What stands under a name such as ``dbPassword`` or ``X-Api-Key``; None if it is no secret."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[\s.-]", "_", name[-64:]).lower()
    if re.search(_CHOSEN, words):
        return "a password"
    return "a key or token" if re.search(_MADE, words) else None


def _is_random(text: str) -> bool:
    """Whether it looks made by chance: digits among letters, no words apart, and enough entropy."""
    if " " in text.strip() or not (any(map(str.isdigit, text)) and any(map(str.isalpha, text))):
        return False
    counts = Counter(text).values()
    entropy = -sum(count / len(text) * math.log2(count / len(text)) for count in counts)
    return entropy >= MIN_ENTROPY


def _collect(value: Any, path: Path, name: str | None, texts: list[_Text]) -> None:
    """Gather every text in ``value`` with its path and the name that it stands under; keys are no texts."""
    if isinstance(value, str):
        texts.append((path, value, name))
    elif isinstance(value, dict):
        beside = value.get("name")
        for key, item in value.items():
            own = beside if key == "value" and isinstance(beside, str) else key
            own = "hmac_key" if (name, key) == ("hmac", "key") else own
            _collect(item, (*path, key), name if own in _VALUE_KEYS else own, texts)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _collect(item, (*path, index), name, texts)
