"""Signatures of webhooks: what any verifier of the Standard Webhooks specification accepts."""

import pytest

from shared.security.webhooks import GENERATED_BYTES, secret_key, signed_headers, spelled_secret


def test_a_signature_is_the_one_that_the_specification_shows() -> None:
    headers = signed_headers(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_secret_is_spelled_and_read_back() -> None:
    key = bytes(range(GENERATED_BYTES))
    assert secret_key(spelled_secret(key)) == key


@pytest.mark.parametrize(
    "secret",
    ["", "whsec_", "whsec_AAAA", "whsec_not base64!", "A" * 44, "whsec_" + "A" * 88],
    ids=["empty", "no key", "short", "not base64", "no prefix", "long"],
)
def test_a_secret_of_another_form_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="a secret is 'whsec_' and base64"):
        secret_key(secret)
