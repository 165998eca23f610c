"""The keys that mails are signed with, read once when the service opens."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from opsloop_common.foreign import Unreadable, reading
from opsloop_common.settings import Unusable
from opsloop_notifications.dkim import rules
from opsloop_notifications.dkim.rules import Algorithm, Sign

KEYS = "OPSLOOP_DKIM_KEYS"
RSA_BITS = 2048  # what is shorter is trusted by fewer from year to year (RFC 8301)


@dataclass(frozen=True)
class Key:
    """A private key with the name under which the domain tells of its public one."""

    selector: str
    algorithm: Algorithm
    sign: Sign
    public: str


class Signer:
    """Signs mails for one domain, with each of its keys: who knows no Ed25519 reads the other signature."""

    def __init__(self, domain: str, keys: Sequence[Key]) -> None:
        self._domain = domain
        self._keys = keys

    def sign(self, content: bytes) -> bytes:
        """Return a mail with its signatures before it."""
        lines = [
            rules.signature(content, domain=self._domain, selector=key.selector, algorithm=key.algorithm, sign=key.sign)
            for key in self._keys
        ]
        return b"".join(lines) + content

    def records(self) -> list[str]:
        """Return what the domain has to say of the keys, as lines of a zone file."""
        return [
            rules.zone_line(self._domain, key.selector, rules.record(key.public, key.algorithm)) for key in self._keys
        ]


def open_signer(domain: str, keys: Sequence[tuple[str, str]]) -> Signer:
    """Read the keys of (selector, file); raises Unusable, which says nothing of what is in a file."""
    return Signer(domain, [_read(selector, file) for selector, file in keys])


def _read(selector: str, file: str) -> Key:
    try:
        pem = Path(file).read_bytes()
    except OSError as error:
        raise Unusable(f"{KEYS}: {file} cannot be read ({error.strerror})") from error
    try:
        with reading():
            key = load_pem_private_key(pem, password=None)
    except Unreadable as error:
        raise Unusable(f"{KEYS}: {file} is no private key as PEM without a password") from error
    match key:
        case RSAPrivateKey() if key.key_size >= RSA_BITS:
            der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            return Key(selector, "rsa-sha256", _rsa(key), b64encode(der).decode())
        case Ed25519PrivateKey():
            raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            return Key(selector, "ed25519-sha256", _ed25519(key), b64encode(raw).decode())
        case _:
            raise Unusable(f"{KEYS}: {file} must be RSA with at least {RSA_BITS} bits, or Ed25519")


def _rsa(key: RSAPrivateKey) -> Sign:
    return lambda said: key.sign(said, PKCS1v15(), SHA256())


def _ed25519(key: Ed25519PrivateKey) -> Sign:
    return lambda said: key.sign(sha256(said).digest())  # RFC 8463, 3
