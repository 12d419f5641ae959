"""The glossary has every word that the contract uses in a sense of its own."""

import re

import pytest

from functions.openapi.document import document
from shared.domain.events import EVENT_TYPES
from tests.docs.pages import text_of

STANDARD = [
    *("intent", "version", "plan", "step", "attempt", "action", "module", "execution", "tenant"),
    *("principal", "policy", "event", "partition", "cursor"),
]
NO_TERMS = {"me", "stats", "system", "audit"}
"""Nouns of routes that are plain English."""


def explained(section: str) -> set[str]:
    chapter = text_of("glossary.md").partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    firsts = re.findall(r"^\| (.+?) \|", chapter, re.MULTILINE)[1:]
    return {word.strip("`") for first in firsts for word in first.split(", ")}


def test_every_standard_term_and_every_noun_of_the_contract_is_explained() -> None:
    nouns = {tag["name"] for tag in document()["tags"]} - NO_TERMS
    singular = {"policies": "policy"} | {noun: noun.removesuffix("s") for noun in nouns - {"policies"}}
    assert {*STANDARD, *(singular[noun] for noun in nouns)} <= explained("Terms")


def test_terms_are_in_order_and_explained_once() -> None:
    chapter = text_of("glossary.md").partition("\n## Terms\n")[2].partition("\n## ")[0]
    terms = re.findall(r"^\| (.+?) \|", chapter, re.MULTILINE)[1:]
    terms.remove("---") if "---" in terms else None
    assert terms == sorted(set(terms))


@pytest.mark.parametrize(
    ("section", "model"),
    [
        ("Status of an intent", "IntentStatus"),
        ("Status of an execution", "ExecutionStatus"),
        ("Status of a step", "StepStatus"),
        ("Side effects", "SideEffect"),
    ],
)
def test_every_status_is_explained(section: str, model: str) -> None:
    assert explained(section) == set(document()["components"]["schemas"][model]["enum"])


def test_everything_that_is_waited_for_is_explained() -> None:
    waiting = document()["components"]["schemas"]["Waiting"]["properties"]["for"]
    assert explained("What waits, and for what") == set(waiting["enum"])


def test_every_type_of_event_is_explained() -> None:
    assert explained("Types of events") == set(EVENT_TYPES)
