"""TLS towards peers that may mean ill: nothing they choose costs this process more than a millisecond or two."""

from __future__ import annotations

import ssl
from functools import cache

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!aNULL:!eNULL:!SHA1:!AESCCM"


@cache
def of_clients() -> ssl.SSLContext:
    """Return what calls go out with, trusting the authorities that the system does: to read those takes 20 ms, so one a process."""
    return hardened(ssl.create_default_context())


def hardened(context: ssl.SSLContext) -> ssl.SSLContext:
    """Take from a client's context what lets a server hold the loop; returns the context.

    A server chooses the key exchange, before it has shown a certificate. Measured, processor time of one handshake of
    ours: P-256 0.6 ms; a TLS 1.3 server that asks for ffdhe8192 120 ms; TLS 1.2 with an 8192-bit DHE group 225 ms. So
    there is one group, the one that RFC 8446 (9.1) makes every server have, and no DHE; nor may a server ask again and
    again for another handshake.
    """
    context.set_ciphers(CIPHERS)
    context.set_ecdh_curve("prime256v1")
    context.options |= ssl.OP_NO_RENEGOTIATION
    return context
