"""App settings: local.settings.json under the environment."""

from pathlib import Path

import pytest

from localhost.app.loading import is_disabled
from localhost.app.problems import StartupError
from localhost.app.settings import MissingSettingError, merge_local_settings, resolve


def test_the_environment_wins_over_local_settings(tmp_path: Path) -> None:
    (tmp_path / "local.settings.json").write_text('{"Values": {"A": "file", "B": "file"}}')
    environment = {"A": "environment"}

    merge_local_settings(tmp_path, environment)

    assert environment == {"A": "environment", "B": "file"}


def test_an_app_needs_no_local_settings(tmp_path: Path) -> None:
    environment: dict[str, str] = {}

    merge_local_settings(tmp_path, environment)

    assert environment == {}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"Values": {"A": 1}}', "Values.A: expected a string, found int"),
        ('{"IsEncrypted": true}', "func settings decrypt"),
        ("{", "line 1, column 2"),
    ],
)
def test_broken_local_settings_are_named_with_the_place(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "local.settings.json").write_text(text)

    with pytest.raises(StartupError, match=reason):
        merge_local_settings(tmp_path, {})


def test_a_name_in_percent_signs_is_replaced_by_its_setting() -> None:
    assert resolve("a-%B%-c", {"B": "x"}) == "a-x-c"
    with pytest.raises(MissingSettingError, match="the setting B is not set"):
        resolve("%B%", {})


@pytest.mark.parametrize(
    ("setting", "value", "off"),
    [
        ("AzureWebJobs.f.Disabled", "true", True),
        ("AzureWebJobs__f__Disabled", "1", True),
        ("AzureWebJobs.f.Disabled", "false", False),
        ("AzureWebJobs.g.Disabled", "true", False),
    ],
)
def test_a_function_is_switched_off_by_its_setting(setting: str, value: str, *, off: bool) -> None:
    assert is_disabled("f", {setting: value}) is off
