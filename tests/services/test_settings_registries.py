"""The settings about registries."""

import re

import pytest

from shared.ports.registries import LOCAL, Login, RegistryPlace
from shared.settings import Settings
from shared.settings_registries import build_registry, registry_aliases
from shared.settings_values import SettingsError

HERE = RegistryPlace(LOCAL, "http://127.0.0.1:7071", Login("platform", "key"))


def settings(**values: str) -> Settings:
    return Settings.from_mapping(
        {
            "QUANTUM_ADAPTERS": "localhost",
            "QUANTUM_DATA": "/var/lib/quantum",
            "QUANTUM_HOST_URL": "http://127.0.0.1:7071/",
            **{f"QUANTUM_{name}": value for name, value in values.items()},
        }
    )


def test_images_are_built_into_this_machines_registry_unless_an_operator_names_another() -> None:
    assert build_registry(settings(), HERE) == HERE
    assert build_registry(settings(), None) is None
    named = settings(
        BUILD_REGISTRY="https://shop.azurecr.io, https://shop.westeurope.data.azurecr.io:443",
        BUILD_REGISTRY_USER="builder",
        BUILD_REGISTRY_PASSWORD="s3cret",
    )
    place = build_registry(named, HERE)
    assert place == RegistryPlace(
        "shop.azurecr.io",
        "https://shop.azurecr.io",
        Login("builder", "s3cret"),
        ("https://shop.westeurope.data.azurecr.io",),
    )
    assert place.hosts == {("shop.azurecr.io", 443), ("shop.westeurope.data.azurecr.io", 443)}
    assert "s3cret" not in repr(named) + repr(place)


def test_the_tutorials_registry_is_this_machines_own_where_there_is_one() -> None:
    assert registry_aliases(settings(), HERE) == {"azurecr.io": LOCAL}
    assert registry_aliases(settings(), None) == {}
    assert registry_aliases(settings(REGISTRY_ALIASES=""), HERE) == {}
    pairs = settings(REGISTRY_ALIASES="GHCR.io = local, old.example:5000=new.example")
    assert registry_aliases(pairs, HERE) == {"ghcr.io": LOCAL, "old.example:5000": "new.example"}


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (
            {"BUILD_REGISTRY": "http://registry.example"},
            "QUANTUM_BUILD_REGISTRY: 'http://registry.example' must be",
        ),
        (
            {"BUILD_REGISTRY": "registry.example"},
            "QUANTUM_BUILD_REGISTRY: 'registry.example' is not an origin",
        ),
        ({"BUILD_REGISTRY": "https://a.example/path"}, "is not an origin"),
        ({"BUILD_REGISTRY": "https://a.example", "BUILD_REGISTRY_USER": "x"}, "give both, or neither"),
        ({"BUILD_REGISTRY_PASSWORD": "x"}, "QUANTUM_BUILD_REGISTRY is not set"),
    ],
)
def test_a_build_registry_that_cannot_be_used_is_named(values: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(says)):
        build_registry(settings(**values), HERE)


@pytest.mark.parametrize("text", ["azurecr.io", "=local", "a=b=c", "https://ghcr.io=local", "x=A b"])
def test_aliases_that_cannot_be_used_are_named(text: str) -> None:
    with pytest.raises(SettingsError, match=r"QUANTUM_REGISTRY_ALIASES has .* a pair is azurecr\.io=local"):
        registry_aliases(settings(REGISTRY_ALIASES=text), HERE)


def test_only_a_host_that_is_a_registry_itself_stands_for_others() -> None:
    with pytest.raises(SettingsError, match="only a local host on loopback is a registry itself"):
        registry_aliases(settings(REGISTRY_ALIASES="azurecr.io=local"), None)
