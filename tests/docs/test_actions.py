"""The reference of actions is what the actions say of themselves."""

from scripts.actions import PAGE, catalogue, main


def test_the_reference_is_what_the_actions_say_of_themselves() -> None:
    assert main(["--check"]) == 0, "run 'make reference'"


def test_the_reference_has_each_action_with_all_that_it_takes_and_comes_to() -> None:
    sections = PAGE.read_text().split("\n### ")[1:]
    actions = {action.name: action for action in catalogue().actions()}
    assert {section.partition("\n")[0] for section in sections} == actions.keys()
    for section in sections:
        action = actions[section.partition("\n")[0]]
        for name in [*action.Parameters.model_fields, *action.Outputs.model_fields]:
            assert f"| `{name}` |" in section or name == "root", (action.name, name)
        assert section.count("```json") == len(action.examples)
