"""What the link of a status page is signed for, and what the page says of a state. Pure."""

from __future__ import annotations

import re

from opsloop_feedback.states.rules import Status

SIGNED = "status page"
NONCE = re.compile(r"[0-9a-f]{32}")
"""What a shown form is called: sent twice, it is one answer."""

WORDS = {
    Status.NEW: ("We have got it.", "我们已收到。"),
    Status.OPEN: ("We are working on it.", "我们正在处理。"),
    Status.PENDING: ("We are waiting for your answer.", "我们在等待您的答复。"),
    Status.SNOOZED: ("We come back to it later.", "我们稍后会继续处理。"),
    Status.RESOLVED: ("It is resolved.", "问题已解决。"),
    Status.CLOSED: ("It is closed.", "已关闭。"),
    Status.MERGED: ("We are working on it together with others like it.", "我们正与相同的反馈一并处理。"),
}
