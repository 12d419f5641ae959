"""What the ``${{ }}`` in a structure mention: other steps, and secrets. Nothing is evaluated here."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from shared.domain.expressions import bare_source, pieces_of
from shared.domain.templates import has_template, name_steps, secret_of


def expressions_in(value: Any) -> Iterator[str]:
    """The sources of every ``${{ }}`` in ``value``, at any depth.

    Raises:
        ExpressionError: a ``${{`` has no ``}}``.
    """
    match value:
        case str() if has_template(value):
            yield from (piece for is_expression, piece in pieces_of(value) if is_expression)
        case Mapping():
            for item in value.values():
                yield from expressions_in(item)
        case list():
            for item in value:
                yield from expressions_in(item)
        case _:
            pass


def secrets_in(value: Any) -> frozenset[str]:
    """The secrets that ``${{ }}`` in ``value`` are."""
    return frozenset(name for source in expressions_in(value) if (name := secret_of(source)) is not None)


def references(value: Any, known: Collection[str]) -> frozenset[str]:
    """The steps that the ``${{ }}`` in ``value`` name (of ``known`` ids the longest that fits)."""
    found: set[str] = set()
    for source in expressions_in(value):
        found |= named_steps(source, known)
    return frozenset(found)


def named_steps(source: str, known: Collection[str]) -> frozenset[str]:
    """The steps that one expression names."""
    _, accesses = name_steps(bare_source(source), known)
    return frozenset(access.step for access in accesses if access.step is not None)
