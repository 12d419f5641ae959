"""Validation: three stages, each a plain list of rules, and every error of all of them at once."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from shared.domain.errors import FieldError
from shared.domain.validation import bounds, business, schema, security
from shared.domain.validation.report import Finding, Report, StageName
from shared.domain.validation.subject import Context, Rule, Sent, Subject

MAX_FINDINGS: Final = 200
"""Most errors and most warnings that are told: who has so many mends these first."""

_RULES: Final[Sequence[tuple[StageName, Sequence[Rule]]]] = (
    ("schema", schema.RULES),
    ("business", business.RULES),
    ("security", security.RULES),
)
_ADVICE: Final[Sequence[tuple[StageName, Sequence[Rule]]]] = (
    ("business", business.ADVICE),
    ("security", security.ADVICE),
)


def validate(sent: Sent, context: Context) -> Report:
    """Every rule that what was sent breaks, and advice where it breaks none."""
    if too_much := [_found("security", error) for error in bounds.excess(sent, context.max_definition_bytes)]:
        return Report(too_much)  # nothing else looks at what is too much to be looked at
    subject = Subject(sent, context)
    return Report(_findings(_RULES, subject), _findings(_ADVICE, subject))


def _findings(stages: Sequence[tuple[StageName, Sequence[Rule]]], subject: Subject) -> list[Finding]:
    return list(islice(_every(stages, subject), MAX_FINDINGS))


def _every(stages: Sequence[tuple[StageName, Sequence[Rule]]], subject: Subject) -> Iterator[Finding]:
    for stage, rules in stages:
        for rule in rules:
            for error in rule(subject):
                yield _found(stage, error)


def _found(stage: StageName, error: FieldError) -> Finding:
    return Finding(error.pointer, error.code, error.message, stage)
