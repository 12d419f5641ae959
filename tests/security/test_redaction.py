"""Redaction: no value of a secret is left, whatever encoding it stands in, and nothing else is touched."""

import json
import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.security.escapes import undone
from shared.security.redaction import Redactor, is_redactable
from tests.leaks import ENCODINGS, leaks

MANY = int(os.environ.get("QUANTUM_TEST_SECRECY", "0"))
"""So many new examples, where this is given, in place of some that are always the same."""
DIFFICULT = [
    "hunter2-hunter2",
    "s3cr3t/with+all=the&usual%stuff",
    "quo\"ted 'twice' and \\ back\\nslashed",
    "zwölf Boxkämpfer 😀 jagen",
    "two\nlines of it\r\nor three\ttabs",
    "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEF\nAASCBKcwggSjAgEAAoIBAQ\n-----END KEY-----\n",
    "%41%2541&amp;&lt;\\u0041\\x41",
    "12345678901",
    "/+/+/+/+",
    "<b>&'\"</b>",
    "    spaces    ",
    '{"json": "a secret"}',
    "$(echo `no`) ${HOME}",
]
VALUES = st.one_of(
    st.sampled_from(DIFFICULT),
    st.text("abcXYZ019+/=_-. ", min_size=8, max_size=60),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=6, max_size=40),
    st.text("ab\\\"'%&;#+ /\n<>é😀", min_size=8, max_size=30),
).filter(lambda value: is_redactable(value) and len(value) >= 6)
AROUND = st.text("abz{}[]:,;=?&# .\n<>", max_size=20)


def redactor(*values: str) -> Redactor:
    return Redactor((f"S{at}", value) for at, value in enumerate(values))


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("value", DIFFICULT, ids=range(len(DIFFICULT)))
def test_a_value_is_found_in_every_encoding(value: str, encoding: str) -> None:
    text = f'before {ENCODINGS[encoding](value)} after "it"'
    assert leaks(text, [value]), "the search finds it there"
    cleaned = redactor(value).text(text)
    assert "***S0***" in cleaned
    assert not leaks(cleaned, [value])
    assert cleaned.startswith("before ")
    assert cleaned.endswith('after "it"')


@settings(max_examples=MANY or 150, deadline=None, derandomize=not MANY, database=None)
@given(data=st.data(), value=VALUES)
def test_whatever_the_value_and_wherever_it_stands_nothing_is_left(data: Any, value: str) -> None:
    # What is folded in the middle of an escape of its own, and then escaped, nobody can tell.
    known = sorted(ENCODINGS.keys() - ({"folded"} if undone(value.encode()) != value.encode() else set()))
    drawn = data.draw(st.lists(st.sampled_from(known), min_size=1, max_size=3))
    text = "".join(data.draw(AROUND) + ENCODINGS[name](value) for name in drawn) + data.draw(AROUND)
    outputs = {"body": [{"text": text, text: 1}], "echo": {value: text}, "json": json.dumps({"in": text})}
    cleaned = redactor(value).json(outputs)
    assert not leaks(json.dumps(cleaned), [value]), drawn
    assert not leaks(redactor(value).text(text), [value]), drawn


@settings(max_examples=MANY or 100, deadline=None, derandomize=not MANY, database=None)
@given(st.recursive(st.none() | st.integers(-999, 999) | st.text(max_size=30), st.lists), VALUES)
def test_what_has_no_value_in_it_is_the_same_object(outputs: Any, value: str) -> None:
    clean = redactor(value)
    found = clean.names_in(outputs)
    assert found == ["S0"] or clean.json(outputs) is outputs


def test_the_name_stands_where_the_value_was() -> None:
    clean = Redactor([("TOKEN", "s3cr3t-token"), ("KEY", "other-key-9")])
    assert clean.text("Bearer s3cr3t-token, other-key-9.") == "Bearer ***TOKEN***, ***KEY***."
    assert clean.text('{"a": "s3cr3t-token"}') == '{"a": "***TOKEN***"}'


def test_nothing_but_the_value_goes() -> None:
    clean = Redactor([("PAIR", "admin&pass1234"), ("RATE", "interest 50%2")])
    assert clean.text("the admin has admin&pass1234") == "the admin has ***PAIR***"
    assert clean.text("an interest of 50, interest 50%2") == "an interest of 50, ***RATE***"


def test_of_values_within_each_other_the_longer_one_is_named() -> None:
    clean = Redactor([("SHORT", "secret"), ("LONG", "my-secret-key")])
    assert clean.text("it is my-secret-key") == "it is ***LONG***"
    assert clean.text("it is secret") == "it is ***SHORT***"


def test_keys_and_numbers_are_looked_at_too_and_no_field_is_lost() -> None:
    clean = Redactor([("PIN", "12345678")])
    assert clean.json({"12345678": 1, "MTIzNDU2Nzg=": 2, "number": 12345678, "other": 1234, "on": True}) == {
        "***PIN***": 1,
        "***PIN***=": 2,
        "number": "***PIN***",
        "other": 1234,
        "on": True,
    }
    assert clean.json({"a 12345678": 1, "a 1234\n5678": 2}) == {"a ***PIN***": 1, "a ***PIN*** (2)": 2}


def test_both_values_of_a_secret_that_was_rotated_go() -> None:
    clean = Redactor([("TOKEN", "the-old-value"), ("TOKEN", "the-new-value")])
    assert clean.text("the-old-value the-new-value") == "***TOKEN*** ***TOKEN***"


def test_the_long_words_of_a_value_with_several_lines_go_by_themselves_and_its_small_change_stays() -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEF\nAASCBKcwggSjAgEAAoIBAQ\n-----END KEY-----\n"
    file = "apiVersion: v1\nkind: Config\nclient-certificate-data: TFMwdExTMUNSVWRKVGlCRFJW\n"
    clean = Redactor([("KEY", key), ("FILE", file)])
    assert clean.text("1: AASCBKcwggSjAgEAAoIBAQ") == "1: ***KEY***"
    assert clean.text("data: TFMwdExTMUNSVWRKVGlCRFJW") == "data: ***FILE***"
    assert clean.text(file) == "***FILE***"
    for text in ("1: -----BEGIN KEY-----", "apiVersion: v1", "client-certificate-data: x"):
        assert clean.text(text) == text


@pytest.mark.parametrize("value", ["", "abc", "abc%0", "'\"\"'", "\n\n\n\n\n", "a\\b\nc"])
def test_what_is_too_short_to_be_told_from_other_texts_is_not_redactable(value: str) -> None:
    assert not is_redactable(value)
    assert not Redactor([("S", value)])


@pytest.mark.parametrize("value", ["abcd", "pin 1234", "é😀"])
def test_what_is_long_enough_is(value: str) -> None:
    assert is_redactable(value)
    assert Redactor([("S", value)]).text(f"x{value}x") == "x***S***x"


def test_what_is_no_text_passes_through_it() -> None:
    clean = redactor("s3cr3t-token")
    assert clean.text("\ud800 alone") == "\ud800 alone"
    assert not clean.text("\ud800 s3cr3t-token").count("s3cr3t")


@pytest.mark.parametrize("text", ["\\", "%25", "&amp;", "\\u", "%", "&#", '"', "s3cr3t", "\\x5c"])
def test_no_text_takes_ages(text: str) -> None:
    """Were the time to grow with the square of the length, it would be hours."""
    clean = redactor("s3cr3t-token")
    assert clean.text(text * 100_000 + "s3cr3t-token") == text * 100_000 + "***S0***"


def test_without_secrets_there_is_nothing_to_do() -> None:
    outputs = {"body": object()}
    assert not Redactor()
    assert Redactor().json(outputs) is outputs
