"""Standard Webhooks 1.0, symmetric: `whsec_` secrets, HMAC-SHA256 over `id.timestamp.body`, one entry a secret."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence

from opsloop_common.foreign import Unreadable, readable, reading

PREFIX = "whsec_"
SECRET_BYTES = range(24, 65)
TOLERANCE_SECONDS = 300


class BadSecret(ValueError):
    """Not `whsec_` and the base64 of 24 to 64 bytes."""


def written_secret(key: bytes) -> str:
    """Return the `whsec_` secret that holds a key."""
    return PREFIX + base64.b64encode(key).decode()


def read_secret(secret: str) -> bytes:
    """Return the key inside a `whsec_` secret; raises BadSecret."""
    if not secret.startswith(PREFIX):
        raise BadSecret("must begin with whsec_")
    try:
        with reading():
            key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except Unreadable as error:
        raise BadSecret("must be base64 after whsec_") from error
    if base64.b64encode(key).decode() != secret.removeprefix(PREFIX):
        raise BadSecret("must be padded base64 after whsec_")
    if len(key) not in SECRET_BYTES:
        raise BadSecret("must hold 24 to 64 bytes")
    return key


def sign(keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """Return the `webhook-signature` header: one `v1` entry a key, the present one first."""
    content = f"{message_id}.{timestamp}.".encode() + body
    return " ".join("v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode() for key in keys)


def verify(key: bytes, headers: Mapping[str, str], body: bytes, now: int) -> bool:
    """Say whether a call carries a `v1` signature of `key` that is at most 300 s off; never raises."""
    given = {name.lower(): value for name, value in headers.items()}
    timestamp = readable(int, given.get("webhook-timestamp"))
    message_id, entries = given.get("webhook-id", ""), given.get("webhook-signature", "").split(" ")
    if timestamp is None or abs(now - timestamp) > TOLERANCE_SECONDS:
        return False
    expected = sign([key], message_id, timestamp, body).encode()
    return any(hmac.compare_digest(expected, entry.encode()) for entry in entries)
