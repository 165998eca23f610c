"""Secrets at rest: sealed with the operator's key, bound to what they are for. Keys before the present one still open what they sealed."""

from __future__ import annotations

import hmac
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from opsloop_common.foreign import Unreadable, reading

_NONCE_BYTES = 12


class Unsealable(ValueError):
    """The token was not sealed with one of the keys for this purpose, or was changed since."""


class SecretBox:
    """Seals short secrets with AES-256-GCM; one key per purpose is derived with HKDF-SHA256 from the operator's secret."""

    def __init__(self, secret: str, *, previous: Sequence[str] = ()) -> None:
        self._secret = secret.encode()
        self._previous = tuple(SecretBox(each) for each in previous)
        self._ciphers: dict[str, AESGCM] = {}
        self._digest_keys: dict[str, bytes] = {}

    @property
    def with_each_key(self) -> tuple[SecretBox, ...]:
        """Return boxes to look up by what digests were made with: the present key's, then those before it."""
        return (self, *self._previous)

    def _key(self, info: str) -> bytes:
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"opsloop/" + info.encode()).derive(self._secret)

    def _cipher(self, purpose: str) -> AESGCM:
        cipher = self._ciphers.get(purpose)
        if cipher is None:
            cipher = self._ciphers[purpose] = AESGCM(self._key(purpose))
        return cipher

    def digest(self, plain: bytes, *, purpose: str) -> bytes:
        """Return 32 bytes by which something is known again, and that say nothing of it to whoever lacks the secret.

        Of the present key: whoever looks for what was digested earlier asks `with_each_key`.
        """
        key = self._digest_keys.get(purpose)
        if key is None:
            key = self._digest_keys[purpose] = self._key(f"digest/{purpose}")
        return hmac.digest(key, plain, "sha256")

    def seal(self, plain: bytes, *, purpose: str) -> str:
        """Return an URL-safe token that only `open` with the same purpose reads."""
        nonce = os.urandom(_NONCE_BYTES)
        return (
            urlsafe_b64encode(nonce + self._cipher(purpose).encrypt(nonce, plain, purpose.encode()))
            .decode()
            .rstrip("=")
        )

    def open(self, token: str, *, purpose: str) -> bytes:
        """Return what was sealed; raises Unsealable for anything else."""
        for box in self.with_each_key:
            plain = box._opened(token, purpose)
            if plain is not None:
                return plain
        raise Unsealable("not sealed here")

    def resealed(self, token: str, *, purpose: str) -> str | None:
        """Return a token of the present key for one of an earlier key, None for one of its own; raises Unsealable for anything else."""
        if self._opened(token, purpose) is not None:
            return None
        return self.seal(self.open(token, purpose=purpose), purpose=purpose)

    def _opened(self, token: str, purpose: str) -> bytes | None:
        try:
            with reading():
                raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
                return self._cipher(purpose).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], purpose.encode())
        except Unreadable:
            return None
