"""Patterns of paths: they mean what a regular expression made of them does, and never take its time."""

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.modules.containers.images.globs import MAX_PATTERN, Glob, GlobError

MEANINGS = {
    "**/": "(?:.*/)?",
    "**": ".*",
    "*": "[^/]*",
    "?": "[^/]",
    "[ab]": "[ab]",
    "[^a]": "[^/a]",
    "[a-c]": "[a-c]",
    r"\*": r"\*",
}
PIECES = st.sampled_from([*MEANINGS, "a", "b", "/", "."])
PATTERNS = st.lists(PIECES, max_size=7).filter(
    # Together they would be read as another one.
    lambda pieces: all(not (one.endswith("*") and two[0] in "*/") for one, two in itertools.pairwise(pieces))
)


@given(PATTERNS, st.text("abc/.*\n", max_size=8))
@settings(max_examples=500, deadline=None)
def test_a_pattern_means_what_a_regular_expression_of_it_does(pieces: list[str], path: str) -> None:
    meaning = "".join(MEANINGS.get(piece, re.escape(piece)) for piece in pieces)
    assert Glob("".join(pieces))(path) == (re.fullmatch(f"(?s:{meaning})", path) is not None)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*a" * 40 + "*b", "a" * 4000),
        ("**/" * 40 + "x", "a/" * 2000 + "y"),
        ("**/a*" * 40 + "b", "a/" * 2000 + "y"),
        ("*" * 900 + "b", "a" * 4000),
        ("**a" * 40 + "b", "a" * 4000),
    ],
    ids=["stars", "folders", "both", "many", "anything"],
)
def test_no_pattern_takes_ages(pattern: str, path: str) -> None:
    assert not Glob(pattern)(path)
    assert Glob(pattern[:-1])(path.removesuffix("y") if pattern.endswith("x") else path) in {True, False}


@pytest.mark.parametrize("pattern", ["[a", "[", "\\", "[z-a]", "a" * (MAX_PATTERN + 1)])
def test_what_is_no_pattern_is_told(pattern: str) -> None:
    with pytest.raises(GlobError):
        Glob(pattern)
