"""Standard Webhooks signatures, against the shared vectors, the published library and, for Ed25519, another reader of its keys."""

import base64
import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from jwt import PyJWK
from standardwebhooks import Webhook

from opsloop_common.testing.prerequisites import in_ci
from opsloop_notifications.endpoints.service import new_secret
from opsloop_notifications.signing.rules import (
    BadSecret,
    jwk_of,
    new_signing_key,
    public_key_of,
    read_keys,
    read_secret,
    sign,
    verify,
    written_signing_key,
)

VECTORS = Path(__file__).parents[4] / "shared" / "testdata" / "webhook_vectors.json"
KNOWN = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def vectors(kind: str) -> list:
    if not VECTORS.exists():
        reason = f"{VECTORS.name} is not beside this repository"
        return [pytest.param(None, marks=() if in_ci() else pytest.mark.skip(reason=reason), id="absent")]
    rows = json.loads(VECTORS.read_text())["vectors"]
    return [pytest.param(row, id=row["id"]) for row in rows if row["kind"] == kind]


def verifier(secret: str) -> bytes | Ed25519PublicKey:
    encoded = secret.removeprefix("whsec_").removeprefix("whpk_")
    key = base64.b64decode(encoded + "=" * (-len(encoded) % 4))
    return Ed25519PublicKey.from_public_bytes(key) if secret.startswith("whpk_") else key


def signers(secret: str) -> list:
    return read_keys(secret) if secret.startswith("whsk_") else [verifier(secret)]


def body_of(vector: dict) -> bytes:
    return base64.b64decode(vector["payload_b64"]) if "payload_b64" in vector else vector["payload"].encode()


@pytest.mark.parametrize("vector", vectors("sign"))
def test_signs_as_the_vectors_say(vector):
    signature = sign(signers(vector["secret"]), vector["msg_id"], vector["timestamp"], body_of(vector))

    assert signature == vector["signature"]


@pytest.mark.parametrize("vector", vectors("sign_multi"))
def test_a_rotation_signs_with_both(vector):
    keys = [key for secret in vector["secrets_current_first"] for key in read_keys(secret)]

    header = sign(keys, vector["msg_id"], vector["timestamp"], body_of(vector))

    assert header == vector["signature_header"]
    headers = {
        "webhook-id": vector["msg_id"],
        "webhook-timestamp": str(vector["timestamp"]),
        "webhook-signature": header,
    }
    for secret in vector["accepts"]:
        assert verify(verifier(secret), headers, body_of(vector), vector["timestamp"])


@pytest.mark.parametrize("vector", vectors("verify"))
def test_verifies_as_the_vectors_say(vector):
    accepted = verify(verifier(vector["secret"]), vector["headers"], body_of(vector), vector["now"])

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


@pytest.mark.parametrize(
    "signature", ["", "nothing", "v1", "v1,", "v2,x", "v1a,x", "v1a,eA==", ",", "v1,\xff", "v1a,\xff"]
)
def test_a_broken_signature_is_no_error(signature):
    headers = {"webhook-id": "m", "webhook-timestamp": "1", "webhook-signature": signature}

    for key in (read_secret(KNOWN), new_signing_key().public_key()):
        assert not verify(key, headers, b"", 1)
        assert not verify(key, {}, b"", 1)


def test_a_key_is_written_and_read_again_beside_a_secret():
    key = new_signing_key()

    secret, again = read_keys(f"{KNOWN} {written_signing_key(key)}")

    assert (secret, public_key_of(again)) == (read_secret(KNOWN), public_key_of(key))
    assert written_signing_key(again) == written_signing_key(key)


@given(body=st.binary(max_size=200))
def test_another_library_reads_our_public_key_and_verifies_by_it(body):
    key = new_signing_key()
    published = jwk_of(public_key_of(key))

    version, _, signature = sign([key], "msg_1", 7, body).partition(",")

    assert version == "v1a"
    read = PyJWK(published)  # raises InvalidSignature
    read.key.verify(base64.b64decode(signature), b"msg_1.7." + body)
    assert (read.key_id, read.algorithm_name, read.public_key_use) == (published["kid"], "EdDSA", "sig")


def test_the_name_of_a_key_is_its_thumbprint():
    x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"  # RFC 8037, appendix A.2 and A.3
    written = "whpk_" + base64.b64encode(base64.urlsafe_b64decode(x + "=")).decode()

    assert jwk_of(written)["x"] == x
    assert jwk_of(written)["kid"] == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
