"""Plain-text secrets: what is found, and what is left alone.

Secrets are made here, at random from a fixed seed: none of this file's text is one, nor looks like one.
"""

import base64
import random
import string
import uuid
from typing import Any

import pytest

from shared.domain.validation.secrets import secrets_in
from shared.domain.validation.stages import validate
from shared.domain.validation.subject import Context, Sent
from tests.domain.actions import ACTIONS

CHANCE = random.Random(4)
LETTERS = string.ascii_letters + string.digits


def chars(length: int, alphabet: str = LETTERS) -> str:
    return "".join(CHANCE.choice(alphabet) for _ in range(length))


def encoded(length: int) -> str:
    return base64.b64encode(CHANCE.randbytes(length)).decode()


def jwt() -> str:
    head = base64.urlsafe_b64encode(b'{"alg":"RS256"}').decode().rstrip("=")
    claims = base64.urlsafe_b64encode(b'{"sub":"ada"}').decode().rstrip("=")
    return f"{head}.{claims}.{chars(40)}"


BY_FORM = {
    "aws": "AKIA" + chars(16, string.ascii_uppercase + "234567"),
    "github": "gh" + "p_" + chars(36),
    "github-fine": "github" + "_pat_" + chars(82),
    "gitlab": "glp" + "at-" + chars(20),
    "slack": "xox" + "b-" + chars(12, string.digits) + "-" + chars(24),
    "slack-hook": "https://hooks.slack" + f".com/services/T{chars(8)}/B{chars(8)}/{chars(24)}",
    "stripe": "sk" + "_live_" + chars(24),
    "google": "AI" + "za" + chars(35),
    "npm": "np" + "m_" + chars(36),
    "sendgrid": f"S{'G'}.{chars(22)}.{chars(43)}",
    "entra": chars(3) + "8Q~" + chars(34),
    "key": "-----BEGIN RSA " + "PRIVATE KEY-----\nMII",
    "jwt": jwt(),
    "bearer": "Bearer " + chars(30) + "7",
    "basic": "Basic " + encoded(24) + "1",
    "storage": f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={encoded(64)};",
    "hub": f"Endpoint=sb://a.servicebus.windows.net/;SharedAccessKey={encoded(32)}",
    "sql": "Server=db;User Id=sa;Password=" + "hunter2!;",
    "sas": "https://a.blob.core.windows.net/c?sv=2024&sig=" + chars(43) + "%3D",
    "url": "postgres://app:" + "s3cr3t@db.example.com/app",
}
BY_NAME: list[dict[str, Any]] = [
    {"auth": {"bearer": "abcdef1234567890abcdef1234567890"}},
    {"auth": {"hmac": {"key": "abcdef1234567890abcdef1234567890"}}},
    {"password": "hunter" + "2"},
    {"DB_PASSWORD": "correct-horse"},
    {"dbPassword": "x" * 3 + "y"},
    {"headers": {"X-Api-Key": chars(24) + "9"}},
    {"clientSecret": chars(31) + "0"},
    {"env": [{"name": "API_TOKEN", "value": chars(24, string.hexdigits.lower()) + "f0"}]},
    {"properties": {"token": {"type": "string", "default": chars(23) + "5"}}},
    {"connection_string": chars(40) + "1"},
]
HARMLESS: list[Any] = [
    {"password": "${{ parameters.password }}"},
    {"password": ""},
    {"password": "<password>"},
    {"password": "********"},
    {"password": {"type": "string", "description": "What to sign in with", "minLength": 12}},
    {"required": ["password", "token"]},
    {"token": "csrf"},
    {"token": "my-secret-name"},
    {"secret": "kv-production-database"},
    {"token_url": "https://login.example.com/oauth2/v2.0/token"},
    {"api_key": "${{ parameters.key }}"},
    {"max_tokens": "4096tokens4096tokens"},
    {"secretName": "db-credentials-v2"},
    {"key": str(uuid.UUID(int=CHANCE.getrandbits(128)))},
    {"token": str(uuid.UUID(int=CHANCE.getrandbits(128)))},
    {"image": "ghcr.io/acme/app@sha256:" + chars(64, "0123456789abcdef")},
    {"digest": "sha256:" + chars(64, "0123456789abcdef")},
    {"secret": "sha256:" + chars(64, "0123456789abcdef")},
    {"commit": chars(40, "0123456789abcdef")},
    {"etag": chars(32, "0123456789abcdef")},
    {"image": "registry.example.com:5000/team/app:1.2.3-rc.1"},
    {"url": "https://${{ parameters.user }}:${{ parameters.password }}@example.com/"},
    {"url": "https://example.com:8443/a@b"},
    {"headers": {"authorization": "Bearer ${{ steps.login.outputs.body.token }}"}},
    {"condition": "parameters.password == target && size(parameters.token) > 12"},
    {"text": "Send a bearer token of a member, or basic authentication; password=${{ parameters.p }}"},
    {"text": "The password is asked for when it starts. Password: see the vault."},
    {"schedule": "0 0 * * *", "time": "2026-01-02T03:04:05Z", "version": "1.2.3+build.20260102"},
    {"secret": "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/s1/0123456789abcdef)"},
    {"path": "/var/run/secrets/kubernetes.io/serviceaccount/token"},
    {"credentials": "/run/secrets/credentials1.json"},
    {"auth": {"scope": "api://notes.example/.default"}},
    {"arn": "arn:aws:iam::123456789012:role/deploy"},
]


@pytest.mark.parametrize("name", BY_FORM)
def test_a_secret_is_known_by_its_form_wherever_it_stands(name: str) -> None:
    secret = BY_FORM[name]
    for text in (secret, f"before {secret} after", f"${{{{ '{secret}' }}}}"):
        assert [path for path, _ in secrets_in({"x": [{"note": text}]})] == [("x", 0, "note")], text


@pytest.mark.parametrize("value", BY_NAME, ids=lambda value: next(iter(value)))
def test_a_secret_is_known_by_the_name_it_stands_under(value: dict[str, Any]) -> None:
    assert len(list(secrets_in(value))) == 1


@pytest.mark.parametrize("value", HARMLESS, ids=str)
def test_what_is_no_secret_is_left_alone(value: Any) -> None:
    assert list(secrets_in(value)) == []


def test_random_hashes_ids_and_names_are_no_secrets_where_nothing_says_so() -> None:
    words = ["web", "api", "prod", "eu-west-1", "blue", "team", "deploy", "2026"]
    for _ in range(500):
        value = {
            "commit": chars(40, "0123456789abcdef"),
            "digest": encoded(32),
            "id": str(uuid.UUID(int=CHANCE.getrandbits(128))),
            "name": "-".join(CHANCE.sample(words, 4)),
            "image": f"{CHANCE.choice(words)}.azurecr.io/{chars(12).lower()}:{chars(7, '0123456789abcdef')}",
            "url": f"https://{CHANCE.choice(words)}.example.com/{chars(20)}?page={chars(12)}",
        }
        assert list(secrets_in(value)) == []


def test_a_secret_in_the_description_a_label_or_the_definition_is_told_without_repeating_it() -> None:
    secret = BY_FORM["github"]
    sent = Sent({"steps": [{"action": "build", "x": secret}]}, "a", f"uses {secret}", {"key": secret})
    found = [error for error in validate(sent, Context(ACTIONS)).errors if error.code == "SECRET"]
    assert [error.pointer for error in found] == ["/description", "/labels/key", "/definition/steps/0/x"]
    assert secret not in str(found)
    assert "a GitHub token" in found[0].message
