from collections.abc import Sequence
from typing import Any

import pytest

from shared.domain.images import origin_of
from shared.domain.tenants import TenantSettings
from shared.domain.validation.subject import Context
from shared.security.egress import EgressPolicy
from tests.domain.actions import ACTIONS, CALL
from tests.domain.validation.looks import errors, report, warnings


def asking(*forbidden: str, allowed: Sequence[str] | None = None) -> Context:
    return Context(ACTIONS, settings=TenantSettings(forbidden, allowed))


def test_a_forbidden_action_is_refused_and_who_forbids_it_is_told() -> None:
    found = report({"action": "build"}, {"action": "deploy"}, context=asking("deploy")).errors
    assert [(error.pointer, error.code, error.stage) for error in found] == [
        ("/definition/steps/1/action", "FORBIDDEN_ACTION", "security")
    ]
    assert "administrators of this tenant" in found[0].message


@pytest.mark.parametrize(
    ("image", "origin"),
    [
        ("app", "docker.io/library/app"),
        ("app:1.2", "docker.io/library/app"),
        ("acme/app", "docker.io/acme/app"),
        ("ghcr.io/acme/app:1@sha256:" + "0" * 64, "ghcr.io/acme/app"),
        ("localhost/app", "localhost/app"),
        ("registry:5000/app", "registry:5000/app"),
        ("GHCR.io/acme/app", "ghcr.io/acme/app"),
        ("ghcr.io/acme/${{ parameters.app }}", "ghcr.io/acme"),
        ("${{ parameters.image }}", None),
        ("app${{ parameters.more }}", None),
    ],
)
def test_where_an_image_comes_from_is_read_as_container_engines_do(image: str, origin: str | None) -> None:
    assert origin_of(image) == origin


@pytest.mark.parametrize(
    ("parameters", "refused"),
    [
        ({"image": "ghcr.io/acme/app:1"}, False),
        ({"image": "ghcr.io/acme-evil/app:1"}, True),
        ({"image": "ghcr.io.evil.example/acme/app"}, True),
        ({"base_image": "app"}, True),
        ({"image": "app"}, False),
        ({"image": "app${{ parameters.tag }}"}, False),
        ({"image": "docker.io/app"}, True),
        ({"registry": "registry.example.com"}, False),
        ({"registry": "registry.example.com:5000"}, True),
        ({"images": ["registry.example.com/a", "quay.io/b"]}, True),
        ({"parameters": {"image": "quay.io/b"}}, True),
    ],
)
def test_images_come_from_allowed_registries_only(parameters: dict[str, Any], refused: bool) -> None:
    context = asking(allowed=["ghcr.io/acme", "registry.example.com"])
    found = errors({"action": "build", **parameters}, context=context)
    assert set(found.values()) == ({"FORBIDDEN_REGISTRY"} if refused else set())
    assert errors({"action": "build", **parameters}) == {}


def test_an_image_that_is_decided_at_run_time_is_a_warning_where_registries_are_restricted() -> None:
    step = {"action": "build", "image": "${{ parameters.image }}"}
    assert warnings(step, context=asking(allowed=[])) == {"/steps/0/image": "REGISTRY"}
    assert errors(step, context=asking(allowed=[])) == {}


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://metadata.google.internal/computeMetadata",
        "http://127.0.0.1:8080/",
        "http://127.1/",
        "http://0x7f000001/",
        "http://017700000001/",
        "http://2130706433/",
        "http://localhost/",
        "http://a.localhost./",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[64:ff9b::a00:1]/",
        "http://10.1.2.3/${{ parameters.path }}",
        "https://168.63.129.16/",
        "http://user@192.168.0.1/",
    ],
)
def test_a_url_that_leads_inside_is_refused_as_the_egress_rule_would(url: str) -> None:
    context = Context(ACTIONS | CALL, url_refusal=EgressPolicy().refusal_of_url)
    assert errors({"action": "call", "url": url}, context=context) == {"/steps/0/url": "EGRESS"}


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/",
        "http://93.184.215.14/",
        "http://0x7f.example.com/",
        "http://${{ parameters.host }}/",
        "http://10.0.0.1${{ parameters.rest }}",
        "http://999.1.1.1/",
        "http://1.2.3.4.5/",
        "http://10.0.0.5:9000/",
        "not a url",
        "http://[bad/",
    ],
)
def test_a_url_that_may_lead_outside_or_is_allowed_is_left_to_the_execution(url: str) -> None:
    policy = EgressPolicy.allowing(["10.0.0.5:9000"])
    context = Context(ACTIONS | CALL, url_refusal=policy.refusal_of_url)
    assert errors({"action": "call", "url": url}, context=context) == {}
