"""What the link of a status page says, and what the page says of a state. Pure."""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Collection
from uuid import UUID

from opsloop_feedback.states.rules import Status

SIGNED = "status page"
PROOF_BYTES = 17
_TOKEN = re.compile(r"[A-Za-z0-9_-]{44}")
NONCE = re.compile(r"[0-9a-f]{32}")
"""What a shown form is called: sent twice, it is one answer."""

Sign = Callable[[bytes], bytes]
"""Returns at least 17 bytes that only we can make of some others."""

WORDS = {
    Status.NEW: ("We have got it.", "我们已收到。"),
    Status.OPEN: ("We are working on it.", "我们正在处理。"),
    Status.PENDING: ("We are waiting for your answer.", "我们在等待您的答复。"),
    Status.SNOOZED: ("We come back to it later.", "我们稍后会继续处理。"),
    Status.RESOLVED: ("It is resolved.", "问题已解决。"),
    Status.CLOSED: ("It is closed.", "已关闭。"),
    Status.MERGED: ("We are working on it together with others like it.", "我们正与相同的反馈一并处理。"),
}


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
