"""PagerDuty's Events API v2."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from opsloop_notifications.formats import sentences
from opsloop_notifications.formats.texts import cut
from opsloop_notifications.formats.words import Language, Message, in_words

SUMMARY = 1_024
KEY = 255
CLIENT = "OpsLoop"


def pagerduty(message: Message, language: Language, *, routing_key: str) -> dict[str, Any]:
    """Return an event; all of one incident, or of one group of alerts, have one `dedup_key`."""
    key = message.key if len(message.key) <= KEY else sha256(message.key.encode()).hexdigest()
    event: dict[str, Any] = {"routing_key": routing_key, "event_action": message.action, "dedup_key": key}
    payload = {
        "summary": cut(message.title, SUMMARY),
        "source": message.source,
        "severity": message.severity,
        "class": message.about,
        "custom_details": {"details": "\n".join(message.lines)},
    }
    if message.at:
        payload["timestamp"] = message.at
    event |= {"client": CLIENT, "payload": payload}
    if message.link is not None:
        event |= {
            "client_url": message.link,
            "links": [{"href": message.link, "text": in_words(sentences.OPEN, language)}],
        }
    return event
