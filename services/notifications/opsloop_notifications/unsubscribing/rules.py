"""What a link in a mail says: whom it is about, and which topic on which channel. Pure."""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

PROOF_BYTES = 16
_TOKEN = re.compile(r"[A-Za-z0-9_-]{44,200}")
_SAID = re.compile(rb"(?P<channel>[a-z]{1,20})/(?P<topic>[a-z0-9-]{1,63})")

Sign = Callable[[bytes], bytes]
"""Returns at least 16 bytes that only we can make of some others."""


@dataclass(frozen=True)
class Link:
    """A link of one person to one topic on one channel. It never ends, since the mail that it stands in does not either."""

    person_id: UUID
    topic: str
    channel: str


def token_of(link: Link, workspace: str, sign: Sign) -> str:
    """Return what the link carries: always the same, so that a mail that is written twice is the same mail."""
    said = link.person_id.bytes + f"{link.channel}/{link.topic}".encode()
    return urlsafe_b64encode(_proof(said, workspace, sign) + said).decode().rstrip("=")


def read_token(token: str, workspace: str, sign: Sign) -> Link | None:
    """Return what a link says, None when it is none of ours for this workspace."""
    if not _TOKEN.fullmatch(token) or len(token) % 4 == 1:
        return None
    raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    proof, said = raw[:PROOF_BYTES], raw[PROOF_BYTES:]
    found = _SAID.fullmatch(said[16:])
    if found is None or not hmac.compare_digest(proof, _proof(said, workspace, sign)):
        return None
    return Link(UUID(bytes=said[:16]), found["topic"].decode(), found["channel"].decode())


def _proof(said: bytes, workspace: str, sign: Sign) -> bytes:
    return sign(workspace.encode() + b"\0" + said)[:PROOF_BYTES]
