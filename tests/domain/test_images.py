import pytest

from shared.domain.images import ImageReference, parse_image, parse_registry

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("text", "image"),
    [
        ("app", ImageReference("app")),
        ("app:1.2", ImageReference("app", tag="1.2")),
        ("acme/app", ImageReference("acme/app")),
        (f"app@{DIGEST}", ImageReference("app", digest=DIGEST)),
        (f"ghcr.io/acme/app:1@{DIGEST}", ImageReference("acme/app", "ghcr.io", "1", DIGEST)),
        ("localhost/app", ImageReference("app", "localhost")),
        ("registry:5000/a/b_c/d--e:v", ImageReference("a/b_c/d--e", "registry:5000", "v")),
        ("[::1]:5000/app", ImageReference("app", "[::1]:5000")),
        ("GHCR.io/app", ImageReference("app", "ghcr.io")),
    ],
)
def test_a_reference_is_read_as_container_engines_read_it(text: str, image: ImageReference) -> None:
    assert parse_image(text) == image
    assert parse_image(str(image)) == image


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is named by"),
        ("App", "is named by"),
        ("a..b", "is named by"),
        ("a//b", "is named by"),
        ("a/", "is named by"),
        ("-a", "is named by"),
        ("a" * 256, "is named by"),
        ("app:", "a tag is"),
        ("app:-1", "a tag is"),
        ("app:" + "1" * 129, "a tag is"),
        ("app@sha256:abc", "followed by a digest"),
        ("app@", "followed by a digest"),
        ("app@md5:" + "0" * 32, "followed by a digest"),
        ("bad_host.io/app", "a registry is"),
        ("host:port/app", "a registry is"),
        ("app ", "is named by"),
        ("../app", "a registry is"),
    ],
)
def test_what_is_no_reference_is_refused_with_the_rule_it_breaks(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_image(text)


@pytest.mark.parametrize(
    ("text", "docker"),
    [
        ("app", "docker.io/library/app"),
        ("acme/app:1", "docker.io/acme/app:1"),
        ("index.docker.io/app", "docker.io/library/app"),
        ("docker.io/app", "docker.io/library/app"),
        ("ghcr.io/app", "ghcr.io/app"),
    ],
)
def test_docker_takes_what_names_no_registry_for_its_hubs(text: str, docker: str) -> None:
    assert str(parse_image(text).at_docker()) == docker


def test_a_digest_is_asked_for_rather_than_a_tag_and_a_tag_rather_than_nothing() -> None:
    references = [parse_image(text).reference for text in (f"a:1@{DIGEST}", "a:1", "a")]
    assert references == [DIGEST, "1", "latest"]


def test_a_registry_is_a_host_and_nothing_else() -> None:
    assert parse_registry("Azurecr.io") == "azurecr.io"
    for text in ("https://ghcr.io", "ghcr.io/acme", "", "a b", "user@host"):
        with pytest.raises(ValueError, match="a registry is"):
            parse_registry(text)
