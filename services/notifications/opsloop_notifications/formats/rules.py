"""The formats of endpoints, and what is theirs: the body that each is called with, and what its answer means. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

import orjson

from opsloop_notifications.formats import chats, pagers
from opsloop_notifications.formats.answers import REFUSED as REFUSED
from opsloop_notifications.formats.answers import TOO_FAST as TOO_FAST
from opsloop_notifications.formats.answers import Verdict as Verdict
from opsloop_notifications.formats.answers import judge as judge
from opsloop_notifications.formats.texts import cut as cut
from opsloop_notifications.formats.texts import cut_bytes as cut_bytes
from opsloop_notifications.formats.texts import one_line as one_line
from opsloop_notifications.formats.words import Button as Button
from opsloop_notifications.formats.words import Language as Language
from opsloop_notifications.formats.words import Message as Message
from opsloop_notifications.formats.words import message_of

CLOUDEVENTS, ALERTMANAGER = "cloudevents", "alertmanager"
"""Documents for machines: each event as it happens, or alerts in groups."""
SLACK, TEAMS, FEISHU, DINGTALK, WECOM, PAGERDUTY = "slack", "teams", "feishu", "dingtalk", "wecom", "pagerduty"
BOTS = frozenset({SLACK, TEAMS, FEISHU, DINGTALK, WECOM, PAGERDUTY})
"""Whoever gets a message for people, in the protocol of somebody else."""
SECRET_IN_URL = frozenset({SLACK, TEAMS, FEISHU, DINGTALK, WECOM})
"""Whoever knows the address of such a bot may speak in its name."""
TAKES_SECRET = frozenset({FEISHU, DINGTALK, PAGERDUTY})
NEEDS_SECRET = frozenset({PAGERDUTY})
CALLS_A_SECOND = {SLACK: 1.0, TEAMS: 4.0, FEISHU: 1.6, DINGTALK: 0.3, WECOM: 0.3, PAGERDUTY: 1.9}
"""What is kept to unless an owner says otherwise. Their makers allow 1 a second, 4 a second, 100 a minute, 20, 20 and 120: one
call more than its share comes at once, and DingTalk closes for ten minutes when it gets too much."""
CONTENT_TYPE = "application/json; charset=utf-8"


@dataclass(frozen=True)
class Post:
    """What a bot is called with; `query` is added to its address."""

    body: bytes
    query: Mapping[str, str] = field(default_factory=dict)

    def url(self, url: str) -> str:
        """Return the address that is called."""
        added = "&".join(f"{name}={quote(value, safe='')}" for name, value in self.query.items())
        return f"{url}{'&' if '?' in url else '?'}{added}" if added else url


def language_for(locale: str) -> Language:
    """Return the language of messages for a workspace's BCP 47 tag: Chinese, or else English."""
    return "zh" if locale.lower().partition("-")[0] == "zh" else "en"


def rate_of(format: str, wanted: int | None) -> float | None:
    """Return how many calls a second an endpoint gets at most: what its owner says, else what its format allows; None is any number."""
    return CALLS_A_SECOND.get(format) if wanted is None else wanted


def render(format: str, document: Mapping[str, Any], *, language: Language, secret: str | None, now: datetime) -> Post:
    """Return what a bot is called with to tell of an event, or of alerts; `secret` is what its owner was given for it."""
    return render_message(format, message_of(document, language), language=language, secret=secret, now=now)


def render_message(format: str, message: Message, *, language: Language, secret: str | None, now: datetime) -> Post:
    """Return what a bot is called with to say something."""
    query: Mapping[str, str] = {}
    match format:
        case "slack":
            body = chats.slack(message, language)
        case "teams":
            body = chats.teams(message, language)
        case "feishu":
            body = chats.feishu(message, language, secret=secret, seconds=int(now.timestamp()))
        case "dingtalk":
            body = chats.dingtalk(message, language)
            query = chats.dingtalk_query(secret, int(now.timestamp() * 1000)) if secret is not None else query
        case "wecom":
            body = chats.wecom(message, language)
        case _:
            body = pagers.pagerduty(message, language, routing_key=secret or "")
    return Post(orjson.dumps(body), query)
