"""What the link of a page about a post carries: the post, and a proof that we made the link. Pure."""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Collection
from uuid import UUID

PROOF_BYTES = 17
_TOKEN = re.compile(r"[A-Za-z0-9_-]{44}")

Sign = Callable[[bytes], bytes]
"""Returns at least 17 bytes that only we can make of some others, for one kind of page."""


def token_of(feedback_id: UUID, workspace: str, sign: Sign) -> str:
    """Return what the link of a post carries: always the same."""
    return urlsafe_b64encode(feedback_id.bytes + _proof(feedback_id, workspace, sign)).decode()


def is_token(text: str) -> bool:
    """Say whether a text has the form of what links carry."""
    return _TOKEN.fullmatch(text) is not None


def read_token(token: str, workspace: str, signs: Collection[Sign]) -> UUID | None:
    """Return the post that a link is about, None when it is none of ours for this workspace."""
    if not is_token(token):
        return None
    raw = urlsafe_b64decode(token)
    id, proof = UUID(bytes=raw[:16]), raw[16:]
    return id if any(hmac.compare_digest(proof, _proof(id, workspace, sign)) for sign in signs) else None


def _proof(id: UUID, workspace: str, sign: Sign) -> bytes:
    return sign(workspace.encode() + b"\0" + id.bytes)[:PROOF_BYTES]
