"""Web Push: sealed for one browser (RFC 8291, 8188), and signed by who sends it (VAPID, RFC 8292)."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from opsloop_common.foreign import readable
from opsloop_notifications.formats.rules import cut_bytes
from opsloop_notifications.ways.port import Entropy, Outcome, Post, Setup, Target, Told, Unsendable, Verdict
from opsloop_notifications.ways.statuses import by_status

CURVE = ec.SECP256R1()
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the curve P-256 (FIPS 186-5)."""
RECORD_BYTES = 4096
PLAIN_BYTES = 3_993
"""Push services take 4,096 bytes: less the header of 86, a tag of 16 and the mark of the last record."""
TITLE_BYTES, BODY_BYTES, URL_BYTES = 400, 2_400, 900
KEPT = timedelta(days=1)
"""For so long a push service keeps what it cannot deliver."""
SIGNED_FOR = timedelta(hours=12)
"""RFC 8292, 2: not more than 24 hours."""
GONE = frozenset({404, 410})


class WebPush:
    """A person's browsers; the channel has the key pair by which they know us."""

    def compose(self, told: Told, setup: Setup, target: Target, *, now: datetime, entropy: Entropy) -> Post:
        """Return the call to the browser's push service. A repeat has the same topic, and takes the place of what waits there."""
        words: dict[str, Any] = {
            "id": str(told.id),
            "title": cut_bytes(told.title or "", TITLE_BYTES),
            "body": cut_bytes(told.body, BODY_BYTES),
            "url": told.url if told.url and len(told.url.encode()) <= URL_BYTES else None,
        }
        plain = orjson.dumps(words)
        if len(plain) > PLAIN_BYTES:  # signs that JSON writes as several
            plain = orjson.dumps(words | {"body": cut_bytes(told.body, BODY_BYTES // 6), "title": ""})
        body = encrypt(plain, p256dh=target.keys["p256dh"], auth=target.keys["auth"], entropy=entropy)
        headers = {
            "content-type": "application/octet-stream",
            "content-encoding": "aes128gcm",
            "ttl": str(int(KEPT.total_seconds())),
            "urgency": "normal",
            "topic": written(told.id.bytes),
            "authorization": vapid(target.address, setup, now),
        }
        return Post(target.address, body, headers)

    def judge(self, setup: Setup, status: int, headers: Mapping[str, str], body: str) -> Verdict:
        """Return what a push service says; of a browser that took back its consent it is gone."""
        if status in GONE:
            return Verdict(Outcome.GONE, f"{status}: the browser takes nothing any more")
        return by_status(status, headers, body)


def written(raw: bytes) -> str:
    """Return bytes in the base64 of addresses, without padding."""
    return urlsafe_b64encode(raw).decode().rstrip("=")


def read(text: str) -> bytes:
    """Return what such base64 says; raises ValueError."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def private_key(raw: bytes) -> ec.EllipticCurvePrivateKey:
    """Return the key pair that some random bytes come to, of which 40 are as good as evenly spread."""
    return ec.derive_private_key(int.from_bytes(raw) % (ORDER - 1) + 1, CURVE)


def public_bytes(key: ec.EllipticCurvePublicKey) -> bytes:
    """Return a public key as a point that is not compressed."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def is_subscription(p256dh: str, auth: str) -> bool:
    """Say whether two texts are the keys of a browser: a point of the curve, and 16 bytes."""
    point, secret = readable(read, p256dh), readable(read, auth)
    if point is None or secret is None or len(secret) != 16:
        return False
    return readable(_point, point) is not None


def _point(raw: bytes) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicKey.from_encoded_point(CURVE, raw)


def encrypt(plain: bytes, *, p256dh: str, auth: str, entropy: Entropy) -> bytes:
    """Return the body that only one browser reads: one record of `aes128gcm`, whose key comes of a key pair made for it alone."""
    if len(plain) > PLAIN_BYTES:
        raise Unsendable("It is longer than a push service takes.")
    theirs, ours, salt = _point(read(p256dh)), private_key(entropy(40)), entropy(16)
    return encrypted(plain, theirs, read(auth), ours=ours, salt=salt)


def encrypted(
    plain: bytes, theirs: ec.EllipticCurvePublicKey, auth: bytes, *, ours: ec.EllipticCurvePrivateKey, salt: bytes
) -> bytes:
    """Return what RFC 8291, 3.4 makes of a text, two keys, a secret and a salt."""
    point = public_bytes(ours.public_key())
    shared = ours.exchange(ec.ECDH(), theirs)
    info = b"WebPush: info\0" + public_bytes(theirs) + point
    secret = _expand(_extract(auth, shared), info, 32)
    seed = _extract(salt, secret)
    key, nonce = _expand(seed, b"Content-Encoding: aes128gcm\0", 16), _expand(seed, b"Content-Encoding: nonce\0", 12)
    header = salt + RECORD_BYTES.to_bytes(4) + bytes([len(point)]) + point
    return header + AESGCM(key).encrypt(nonce, plain + b"\x02", None)


def _extract(salt: bytes, secret: bytes) -> bytes:
    return hmac.digest(salt, secret, hashlib.sha256)


def _expand(key: bytes, info: bytes, length: int) -> bytes:
    return hmac.digest(key, info + b"\x01", hashlib.sha256)[:length]


def vapid(endpoint: str, setup: Setup, now: datetime) -> str:
    """Return the header that says who sends, for the push service of one browser."""
    at = urlsplit(endpoint)
    key = ec.derive_private_key(int.from_bytes(read(setup.secret or "")), CURVE)
    claims = {
        "aud": f"{at.scheme}://{at.netloc}",
        "exp": int((now + SIGNED_FOR).timestamp()),
        "sub": setup.settings["subject"],
    }
    signed = f"{_part({'typ': 'JWT', 'alg': 'ES256'})}.{_part(claims)}"
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(SHA256())))
    token = f"{signed}.{written(r.to_bytes(32) + s.to_bytes(32))}"
    return f"vapid t={token}, k={written(public_bytes(key.public_key()))}"


def _part(value: Mapping[str, object]) -> str:
    return written(orjson.dumps(dict(value)))
