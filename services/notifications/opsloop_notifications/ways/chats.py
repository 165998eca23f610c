"""Five chats, in the protocols that their bots have."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from opsloop_notifications.formats import rules as formats
from opsloop_notifications.formats.rules import Message
from opsloop_notifications.ways.port import Entropy, Outcome, Post, Setup, Target, Told, Verdict
from opsloop_notifications.ways.statuses import by_status, wait_of

TITLE_CHARACTERS = 150
LINES = 60


class Chat:
    """A room of a chat, in which a bot of the owner's speaks."""

    def compose(self, told: Told, setup: Setup, target: Target, *, now: datetime, entropy: Entropy) -> Post:
        """Return the bot's call, which mentions the person that is meant."""
        lines = [formats.one_line(line) for line in told.body.splitlines() if line.strip()][:LINES]
        title = formats.cut(formats.one_line(told.title or (lines[0] if lines else "–")), TITLE_CHARACTERS)
        message = Message(
            title=title,
            lines=lines if told.title else lines[1:] or lines,
            link=told.url if (told.url or "").lower().startswith(("https://", "http://")) else None,
            severity="info",
            action="trigger",
            key=str(told.id),
            about="message",
            source="opsloop",
            at="",
            buttons=tuple(told.buttons),
            mention=target.address or None,
        )
        post = formats.render_message(setup.kind, message, language=told.language, secret=setup.secret, now=now)
        return Post(post.url(setup.url), post.body, {"content-type": formats.CONTENT_TYPE})

    def judge(self, setup: Setup, status: int, headers: Mapping[str, str], body: str) -> Verdict:
        """Return what a bot says, which may be inside a 200."""
        found = formats.judge(setup.kind, status, body)
        if found is None:
            return by_status(status, headers, body)
        if found.failure is None:
            return Verdict(Outcome.SENT)
        if found.failure == formats.TOO_FAST:
            waits = [wait for wait in (found.wait, wait_of(headers)) if wait is not None]
            return Verdict(Outcome.LATER, found.detail, max(waits, default=None))
        return Verdict(Outcome.FAILED, found.detail)
