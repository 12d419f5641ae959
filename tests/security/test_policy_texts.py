"""What is wrong with the text of a policy, and where."""

from collections.abc import Sequence

import pytest

from shared.security.policy_texts import MAX_DEPTH, MAX_TOKENS, faults, statements

ALL = "permit (principal, action, resource)"
EXECUTE = 'permit (principal, action == Action::"intents.execute", resource)'


def told(text: str) -> Sequence[str]:
    return [str(fault) for fault in faults(text)]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("permit (principal\n action, resource);", "line 2, column 2: unexpected token `action`"),
        (f"{ALL};\n{ALL} when {{ 1 + }};", "line 2, column 50: unexpected token `}`"),
        (f"{ALL};;", "line 1, column 38: unexpected token `;`"),
        (f"{ALL}\n", "line 2, column 1: unexpected end of input"),
        (f'{ALL}\nwhen {{ "a }};\n', "line 2, column 8: this text in quotes has no end"),
        (f"{ALL}\nwhen {{ é }};", "line 2, column 8: invalid token"),
        (f"{ALL};\n{ALL}\nwhen {{ foo(1) }};\n{ALL};", "line 3, column 8: `foo` is not a valid function"),
        ("// nothing", "line 1, column 1: there is no policy in it"),
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
    assert [fault.line for fault in faults(f"{asked}\n{ALL};\n{asked}")] == [1, 3]


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
