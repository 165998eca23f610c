"""Standard Webhooks signatures, against the shared vectors and the published library."""

import base64
import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from opsloop_common.testing.databases import in_ci
from opsloop_notifications.endpoints.service import new_secret
from opsloop_notifications.signing.rules import BadSecret, read_secret, sign, verify

VECTORS = Path(__file__).parents[4] / "shared" / "testdata" / "webhook_vectors.json"
KNOWN = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def vectors(kind: str) -> list:
    if not VECTORS.exists():
        reason = f"{VECTORS.name} is not beside this repository"
        return [pytest.param(None, marks=() if in_ci() else pytest.mark.skip(reason=reason), id="absent")]
    rows = [row for row in json.loads(VECTORS.read_text())["vectors"] if row["kind"] == kind]
    symmetric = [row for row in rows if "whsk_" not in json.dumps(row) and "whpk_" not in json.dumps(row)]
    return [pytest.param(row, id=row["id"]) for row in (rows if kind == "secret" else symmetric)]


def lenient_key(secret: str) -> bytes:
    encoded = secret.removeprefix("whsec_")
    return base64.b64decode(encoded + "=" * (-len(encoded) % 4))


def body_of(vector: dict) -> bytes:
    return base64.b64decode(vector["payload_b64"]) if "payload_b64" in vector else vector["payload"].encode()


@pytest.mark.parametrize("vector", vectors("sign"))
def test_signs_as_the_vectors_say(vector):
    key = lenient_key(vector["secret"])

    assert sign([key], vector["msg_id"], vector["timestamp"], body_of(vector)) == vector["signature"]


@pytest.mark.parametrize("vector", vectors("sign_multi"))
def test_a_rotation_signs_with_both(vector):
    keys = [read_secret(secret) for secret in vector["secrets_current_first"]]

    header = sign(keys, vector["msg_id"], vector["timestamp"], body_of(vector))

    assert header == vector["signature_header"]
    headers = {
        "webhook-id": vector["msg_id"],
        "webhook-timestamp": str(vector["timestamp"]),
        "webhook-signature": header,
    }
    for secret in vector["accepts"]:
        assert verify(read_secret(secret), headers, body_of(vector), vector["timestamp"])


@pytest.mark.parametrize("vector", vectors("verify"))
def test_verifies_as_the_vectors_say(vector):
    accepted = verify(lenient_key(vector["secret"]), vector["headers"], body_of(vector), vector["now"])

    assert accepted is vector["valid"]


@pytest.mark.parametrize("vector", vectors("secret"))
def test_takes_only_good_secrets(vector):
    if vector["valid"]:
        assert len(read_secret(vector["secret"])) in range(24, 65)
        return
    with pytest.raises(BadSecret):
        read_secret(vector["secret"])


def test_the_example_of_the_specification():
    signature = sign([read_secret(KNOWN)], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')

    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "secret", ["", "w", "whsec_", "whsec_%", "whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_" + "A" * 30, KNOWN + "="]
)
def test_refuses_other_secrets(secret):
    with pytest.raises(BadSecret):
        read_secret(secret)


@given(body=st.text(max_size=200).map(str.encode))
def test_the_published_library_verifies_ours(body):
    secret = new_secret()
    now = int(datetime.now(UTC).timestamp())
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(now),
        "webhook-signature": sign([read_secret(new_secret()), read_secret(secret)], "msg_1", now, body),
    }

    with suppress(json.JSONDecodeError):  # verified, then read as JSON, which random text is not
        Webhook(secret).verify(body, headers)
    assert verify(read_secret(secret), headers, body, now)
    assert not verify(read_secret(new_secret()), headers, body, now)


@pytest.mark.parametrize("signature", ["", "nothing", "v1", "v1,", "v2,x", "v1a,x", ",", "v1,\xff"])
def test_a_broken_signature_is_no_error(signature):
    headers = {"webhook-id": "m", "webhook-timestamp": "1", "webhook-signature": signature}

    assert not verify(read_secret(KNOWN), headers, b"", 1)
    assert not verify(read_secret(KNOWN), {}, b"", 1)
