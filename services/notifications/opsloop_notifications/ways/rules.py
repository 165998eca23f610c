"""Which ways out there are, by the kind of a channel. Pure."""

from __future__ import annotations

from enum import StrEnum

from opsloop_common.errors import Invalid
from opsloop_notifications.formats import rules as formats
from opsloop_notifications.formats.rules import Button as Button
from opsloop_notifications.ways.chats import Chat
from opsloop_notifications.ways.port import Entropy as Entropy
from opsloop_notifications.ways.port import Outcome as Outcome
from opsloop_notifications.ways.port import Post as Post
from opsloop_notifications.ways.port import Setup as Setup
from opsloop_notifications.ways.port import Target as Target
from opsloop_notifications.ways.port import Told as Told
from opsloop_notifications.ways.port import Unsendable as Unsendable
from opsloop_notifications.ways.port import Verdict as Verdict
from opsloop_notifications.ways.port import Way as Way
from opsloop_notifications.ways.sms import Sms
from opsloop_notifications.ways.statuses import words_of as words_of
from opsloop_notifications.ways.web_push import WebPush, private_key, public_bytes, written
from opsloop_notifications.ways.web_push import is_subscription as is_subscription

CHAT, SMS, PUSH = "chat", "sms", "push"
CALLED = (CHAT, SMS, PUSH)
"""What messages call the ways here; `email` and `inbox` have their own."""


class Kind(StrEnum):
    """Who is called."""

    SLACK = "slack"
    TEAMS = "teams"
    FEISHU = "feishu"
    DINGTALK = "dingtalk"
    WECOM = "wecom"
    WEB_PUSH = "web_push"
    SMS_HTTP = "sms_http"


CHATS = frozenset({Kind.SLACK, Kind.TEAMS, Kind.FEISHU, Kind.DINGTALK, Kind.WECOM})
WAYS: dict[Kind, Way] = dict.fromkeys(CHATS, Chat()) | {Kind.WEB_PUSH: WebPush(), Kind.SMS_HTTP: Sms()}
HANDLE = r"^[A-Za-z0-9+][A-Za-z0-9_.@+-]{0,99}$"
"""How a chat calls a person: nothing in it ends a mention."""
PHONE = r"^\+[1-9][0-9]{6,14}$"
"""E.164."""


def channel_of(kind: str) -> str:
    """Return by which channel of messages a kind is meant."""
    return CHAT if kind in CHATS else PUSH if kind == Kind.WEB_PUSH else SMS


def rate_of(kind: str, wanted: int | None) -> float | None:
    """Return how many calls a second a channel gets at most: what its owner says, else what its makers allow; None is any number."""
    return formats.rate_of(kind, wanted)


def require_setup(
    kind: str, *, has_url: bool, has_secret: bool, has_sms: bool, has_subject: bool, has_headers: bool
) -> None:
    """Raise Invalid (422) unless a channel has what its kind needs, and nothing that no call of it would use."""
    is_push, is_sms = kind == Kind.WEB_PUSH, kind == Kind.SMS_HTTP
    for place, has, needs, may in (
        ("/url", has_url, not is_push, not is_push),
        ("/subject", has_subject, is_push, is_push),
        ("/sms", has_sms, is_sms, is_sms),
        ("/headers", has_headers, False, is_sms),
        ("/secret", has_secret, False, kind in (Kind.FEISHU, Kind.DINGTALK)),
    ):
        if needs and not has:
            raise Invalid(place, f"is needed by {kind}")
        if has and not may:
            raise Invalid(place, f"is nothing that {kind} has")


def new_keys(entropy: Entropy) -> tuple[str, str]:
    """Return the private and the public half of a new pair, by which browsers know a channel."""
    key = private_key(entropy(40))
    return written(key.private_numbers().private_value.to_bytes(32)), written(public_bytes(key.public_key()))
