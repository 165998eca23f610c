"""Standard Webhooks 1.0: secrets, keys and signatures over `id.timestamp.body`, one entry a key.

`v1` is HMAC-SHA256 with a `whsec_` secret that both sides hold; `v1a` is Ed25519, verified with the `whpk_` public key alone.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from opsloop_common.foreign import Unreadable, readable, reading

PREFIX = "whsec_"
PRIVATE_PREFIX = "whsk_"
PUBLIC_PREFIX = "whpk_"
SEED_BYTES = 32
SECRET_BYTES = range(24, 65)
TOLERANCE_SECONDS = 300
Key = bytes | Ed25519PrivateKey
"""What signs: a shared secret, or the private half of a pair."""


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


def new_signing_key() -> Ed25519PrivateKey:
    """Return a fresh Ed25519 key."""
    return Ed25519PrivateKey.generate()


def written_signing_key(key: Ed25519PrivateKey) -> str:
    """Return the `whsk_` text of an Ed25519 key: its seed and its public half."""
    raw = key.private_bytes_raw() + key.public_key().public_bytes_raw()
    return PRIVATE_PREFIX + base64.b64encode(raw).decode()


def read_keys(written: str) -> list[Key]:
    """Return the keys of texts that we wrote, with blanks between them."""
    return [_read_key(text) for text in written.split(" ")]


def _read_key(text: str) -> Key:
    if not text.startswith(PRIVATE_PREFIX):
        return read_secret(text)
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(text.removeprefix(PRIVATE_PREFIX))[:SEED_BYTES])


def public_key_of(key: Ed25519PrivateKey) -> str:
    """Return the `whpk_` text of an Ed25519 key's public half."""
    return PUBLIC_PREFIX + base64.b64encode(key.public_key().public_bytes_raw()).decode()


def jwk_of(public_key: str) -> dict[str, str]:
    """Return a `whpk_` key as a JSON Web Key (RFC 8037), named by its thumbprint (RFC 7638)."""
    x = _unpadded(base64.b64decode(public_key.removeprefix(PUBLIC_PREFIX)))
    thumbprint = hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest()
    return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": _unpadded(thumbprint), "use": "sig", "alg": "EdDSA"}


def _unpadded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def sign(keys: Sequence[Key], message_id: str, timestamp: int, body: bytes) -> str:
    """Return the `webhook-signature` header: one entry a key, the present ones first."""
    content = f"{message_id}.{timestamp}.".encode() + body
    return " ".join(_entry(key, content) for key in keys)


def _entry(key: Key, content: bytes) -> str:
    if isinstance(key, bytes):
        return "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    return "v1a," + base64.b64encode(key.sign(content)).decode()


def verify(key: bytes | Ed25519PublicKey, headers: Mapping[str, str], body: bytes, now: int) -> bool:
    """Say whether a call carries a signature that the key verifies and that is at most 300 s off; never raises."""
    given = {name.lower(): value for name, value in headers.items()}
    timestamp = readable(int, given.get("webhook-timestamp"))
    if timestamp is None or abs(now - timestamp) > TOLERANCE_SECONDS:
        return False
    content = f"{given.get('webhook-id', '')}.{timestamp}.".encode() + body
    return any(_verifies(key, entry, content) for entry in given.get("webhook-signature", "").split(" "))


def _verifies(key: bytes | Ed25519PublicKey, entry: str, content: bytes) -> bool:
    if isinstance(key, bytes):
        return hmac.compare_digest(_entry(key, content).encode(), entry.encode())
    version, _, encoded = entry.partition(",")
    signature = readable(base64.b64decode, encoded)
    if version != "v1a" or signature is None:
        return False
    try:
        key.verify(signature, content)
    except InvalidSignature:
        return False
    return True
