"""What kinds of contacts there are, and what each needs. Pure."""

from __future__ import annotations

from enum import StrEnum

from opsloop_common.errors import Invalid
from opsloop_notifications.ways.rules import CHAT, PUSH, SMS, channel_of


class ContactKind(StrEnum):
    """`phone`: one number a person. `chat`: one chat, and how it calls them. `push`: several browsers."""

    PHONE = "phone"
    CHAT = "chat"
    PUSH = "push"


KIND_FOR = {SMS: ContactKind.PHONE, CHAT: ContactKind.CHAT, PUSH: ContactKind.PUSH}
"""By which kind of contact a channel of messages reaches people."""


def require_channel(kind: ContactKind, channel_kind: str | None) -> None:
    """Raise Invalid (422) unless a contact is of a channel of its own sort."""
    wanted = {ContactKind.CHAT: CHAT, ContactKind.PUSH: PUSH}[kind]
    if channel_kind is None:
        raise Invalid("/channel_id", "names no channel here")
    if channel_of(channel_kind) != wanted:
        raise Invalid("/channel_id", f"names a channel for {channel_of(channel_kind)}, not for {wanted}")
