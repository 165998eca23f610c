"""What a request's head must say (RFC 9112), beyond what the parser looks at itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

from opsloop_common.foreign import readable
from opsloop_common.front import refusals
from opsloop_common.front.refusals import Refused

_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")

# what would be read once, and by a gateway perhaps the other one. Lists may come in several lines (RFC 9110, 5.3): If-Match,
# X-Forwarded-For, Accept, …; Cookie does in HTTP/2; Host and Content-Length have rules of their own
SINGLE = frozenset(
    {
        b"authorization",
        b"content-encoding",
        b"content-type",
        b"idempotency-key",
        b"origin",
        b"sec-fetch-site",
        b"traceparent",
    }
)

_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_PROBE = re.compile(rb"(?:/api/[a-z]+)?/(?:healthz|readyz)")


def needs_key(target: bytes) -> bool:
    """Say whether what is asked for is let in by its key alone."""
    return b"/v1/" in target.partition(b"?")[0]


def is_probe(target: bytes) -> bool:
    """Say whether a target is what the operator's machinery asks for, as often as it likes."""
    return _PROBE.fullmatch(target.partition(b"?")[0]) is not None


def check_host(hosts: Sequence[bytes], version: str) -> None:
    """Require one well-formed `Host`; HTTP/1.0 may leave it out. Raises Refused (400)."""
    if len(hosts) != 1 and (hosts or version == "1.1"):
        raise Refused(refusals.BAD_HOST)
    if hosts and not _HOST.fullmatch(hosts[0]):
        raise Refused(refusals.BAD_HOST)


def check_coding(coding: bytes | None, version: str) -> None:
    """Require no transfer coding but `chunked`: the parser passes `gzip, chunked`, and nobody would unpack it.

    HTTP/1.0 has none, and the parser would read such a body as the next request. Raises Refused (400, 501).
    """
    if coding is None:
        return
    if version == "1.0":
        raise Refused(refusals.MALFORMED)
    if coding.lower() != b"chunked":
        raise Refused(refusals.UNKNOWN_CODING)


def below_authority(target: bytes, hosts: Sequence[bytes]) -> bytes:
    """Return what an absolute target names below its host, which must be the `Host` that was asked; any other as it is.

    Raises Refused (400).
    """
    if target.startswith(b"/") or target == b"*":
        return target
    scheme, _, rest = target.partition(b"://")
    authority, slash, below = rest.partition(b"/")
    if scheme.lower() not in {b"http", b"https"} or [authority.lower()] != [host.lower() for host in hosts]:
        raise Refused(refusals.BAD_TARGET)
    return slash + below or b"/"


def check_encoding(target: bytes) -> None:
    """Require that a target's percent-encoding is one, of UTF-8: anything else would be read as other characters, or as none.

    Raises Refused (400).
    """
    if b"%" not in target:
        return
    if _BROKEN_ESCAPE.search(target) or readable(bytes.decode, unquote_to_bytes(target)) is None:
        raise Refused(refusals.MISENCODED)


def without_upgrade(method: bytes, target: bytes, version: str, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Return a head as it would be if it asked for no other protocol."""
    head = [method, b" ", target, b" HTTP/", version.encode(), b"\r\n"]
    for name, value in headers:
        if name == b"connection":
            value = b"close" if b"close" in value.lower() else b"keep-alive"
        if name != b"upgrade":
            head += [name, b": ", value, b"\r\n"]
    return b"".join([*head, b"\r\n"])
