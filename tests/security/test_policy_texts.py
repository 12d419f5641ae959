"""What is wrong with the text of a policy, and where."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.security.policy_sets import statements
from shared.security.policy_texts import MAX_DEPTH, MAX_TOKENS, faults

ALL = "permit (principal, action, resource)"
EXECUTE = 'permit (principal, action == Action::"intents.execute", resource)'


def told(text: str) -> Sequence[str]:
    return [str(fault) for fault in faults(text)]


def marked(text: str) -> Sequence[str]:
    """The pieces of the text that its faults are about."""
    spans = [fault.span for fault in faults(text)]
    return [text[span.offset : span.offset + span.length] for span in spans]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("permit (principal\n action, resource);", "line 2, column 2: unexpected token `action`"),
        (f"{ALL};\n{ALL} when {{ 1 + }};", "line 2, column 49: unexpected token `}`"),
        (f"{ALL};;", "line 1, column 38: unexpected token `;`"),
        (f"{ALL}\n", "line 2, column 1: unexpected end of input"),
        (f'{ALL}\nwhen {{ "a }};\n', "line 2, column 8: this text in quotes has no end"),
        (f"{ALL}\nwhen {{ é }};", "line 2, column 8: invalid token"),
        (f"{ALL};\n{ALL}\nwhen {{ foo(1) }};\n{ALL};", "line 3, column 8: `foo` is not a valid function"),
        (f"{ALL}\nwen {{ true }};", "line 2, column 1: invalid policy condition: wen"),
        ("// nothing", "line 1, column 1: there is no policy in it"),
        ("\x85\xa0\u2009\u3000", "line 1, column 1: there is no policy in it"),
        (f"{ALL}\xa0wen {{ true }};", "line 1, column 38: invalid policy condition: wen"),
        (
            "permit (principal == ?principal, action, resource);",
            "line 1, column 1: a policy here has no slots",
        ),
        (
            f'{EXECUTE}\nwhen {{ resource.targt == "a" }};',
            "line 2, column 17: attribute `targt` on entity type `Intent` not found",
        ),
        (
            f'{ALL};\n{EXECUTE}\nwhen {{ resource.target == "a" }};',
            "line 3, column 17: unable to guarantee safety of access to optional attribute `target`",
        ),
        (
            f'{ALL}\nwhen {{ principal.getTag("team") == "a" }};',
            'line 2, column 25: unable to guarantee safety of access to tag `"team"`',
        ),
    ],
)
def test_a_fault_is_told_with_its_place(text: str, fault: str) -> None:
    (found,) = told(text)
    assert found.startswith(fault)


def test_every_fault_of_every_policy_is_told() -> None:
    asked = "permit (principal, action, resource) when { context.minute == 3 };"
    assert [fault.span.line for fault in faults(f"{asked}\n{ALL};\n{asked}")] == [1, 3]


def test_what_cannot_be_read_hides_nothing_of_the_other_policies() -> None:
    text = (
        f"{EXECUTE} when {{ resource.targt == 1 }};\n{ALL} when {{ 1 + }};\n{ALL} when {{ foo(1) }};\npermit"
    )
    assert marked(text) == ["targt", "}", "foo", ""]
    assert [fault.span.line for fault in faults(text)] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("condition", "wrong"),
    [
        ('resource.a == "1" || resource.b == "2" || resource.a == "3"', ["a", "b", "a"]),
        ('resource has target && resource.target == "a"', []),
        ('(resource has target || true) && resource.target == "a"', ["target"]),
        ('principal.hasTag("t") && principal.getTag("t") == "a" || principal.getTag("t") == "b"', ['"t"']),
    ],
)
def test_of_several_mentions_the_wrong_ones_are_named(condition: str, wrong: list[str]) -> None:
    text = f"{EXECUTE}\nwhen {{ {condition} }};"
    assert marked(text) == wrong
    if wrong:
        assert faults(text)[-1].span.offset == text.rindex(wrong[-1])


def test_a_fault_without_a_name_is_in_the_condition_that_has_it() -> None:
    text = f'{EXECUTE}\nwhen {{ true }}\nunless {{ context.hour == "noon" }};'
    (fault,) = faults(text)
    assert (marked(text), str(fault)) == (
        ["unless"],
        "line 3, column 1: the types Long and String are not compatible",
    )


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_places_are_counted_in_characters_whatever_their_bytes_and_the_ends_of_lines(end: str) -> None:
    comment = "// 🔒 für München"
    text = end.join([comment, EXECUTE, 'when { context has address && "é🔒" == resource.x };', f"{ALL}; /"])
    first, second = faults(text)
    assert (first.span.line, first.span.column) == (3, 48)
    assert (second.span.line, second.span.column) == (4, 39)
    assert marked(text) == ["x", "/"]


@given(st.text("permit (principal,actonrsue);when{}=\"'/é🔒\r\n?&|1.", max_size=60) | st.text(max_size=30))
@settings(max_examples=200, deadline=None)
def test_whatever_the_text_its_faults_lie_in_it_in_order(text: str) -> None:
    spans = [fault.span for fault in faults(text)]
    assert spans == sorted(spans, key=lambda span: span.offset)
    for span in spans:
        assert 0 <= span.offset <= span.offset + span.length <= len(text)
        lines = text[: span.offset].split("\n")
        assert (span.line, span.column) == (len(lines), len(lines[-1]) + 1)
    if not spans:
        assert statements("any", text)


@pytest.mark.parametrize(
    "condition",
    [
        "(" * (MAX_DEPTH - 1) + "true" + ")" * (MAX_DEPTH - 1),
        "if true then " * MAX_DEPTH + "true" + " else true" * MAX_DEPTH,
        "true" + " && true" * (MAX_TOKENS // 2 - 10),
    ],
    ids=["brackets", "conditionals", "long"],
)
def test_an_expression_may_be_as_deep_and_long_as_is_said(condition: str) -> None:
    assert told(f"{ALL} when {{ {condition} }};") == []


@pytest.mark.parametrize(
    ("condition", "fault"),
    [
        ("!(" * 4000 + "true" + ")" * 4000, "nested too deeply"),
        ("[" * 4000, "nested too deeply"),
        ("{a:" * 4000, "nested too deeply"),
        ("if true then " * 4000 + "true" + " else true" * 4000, "nested too deeply"),
        ("true" + " && true" * 4000, "at most 1000 words and signs"),
        ("context" + ".a" * 4000, "at most 1000 words and signs"),
    ],
    ids=["brackets", "sets", "records", "conditionals", "long", "path"],
)
def test_what_would_overflow_the_engines_stack_never_reaches_it(condition: str, fault: str) -> None:
    (found,) = told(f"{ALL} when {{ {condition} }};")
    assert fault in found


def test_the_policies_of_a_text_are_called_after_it() -> None:
    assert list(statements("hours", f"{ALL}; // and\n{ALL};")) == ["policy:hours", "policy:hours#2"]
