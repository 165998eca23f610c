"""Decisions about conversations: who speaks, and how what we say gets to the author."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b32decode, b32encode
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from typing import Any, Literal
from uuid import UUID

from opsloop_common.contracts.feedback import ReplyChannel
from opsloop_common.contracts.users import is_mailbox, mailbox_user_id


class SaidBy(StrEnum):
    """Who speaks."""

    AUTHOR = "author"
    STAFF = "staff"


class Delivery(StrEnum):
    """What became of sending a message. `none`: it goes nowhere; `readable`: whoever posted the feedback reads it through the API."""

    NONE = "none"
    WAITING = "waiting"
    READABLE = "readable"
    SENT = "sent"
    FAILED = "failed"


ERASED = "erased"
"""Why a message was not sent whose author was erased before."""
NO_ADDRESS = "no_address"
"""… where nothing is known by which the author could be reached."""
EMAIL: Literal["email"] = "email"
INBOX: Literal["inbox"] = "inbox"
SUBJECT_CHARACTERS = 80
SIGNED = "conversation"
"""What the names of conversations are signed for."""
PROOF_BYTES = 10
CANDIDATES = 20
# in either case: servers on the way may write a local part anew
_NAMED = re.compile(r"reply\+(?P<token>[a-z2-7]{42})@", re.IGNORECASE)
_NO_DOMAIN = "opsloop"
_MESSAGE_ID = re.compile(r"(?=.{3,250}\Z)<[!-;=A-~]+@[!-;=A-~]+>")

Sign = Callable[[bytes], bytes]
"""Returns at least 10 bytes that only we can make of some others."""


@dataclass(frozen=True)
class Way:
    """Whom a reply goes to, and by which channels. `email` None: where the person is known to be reached."""

    user_id: str
    email: str | None
    channels: tuple[ReplyChannel, ...]


def way_to(workspace: str, user_id: str | None, email: str | None, *, is_verified: bool) -> Way | None:
    """Return how the author of a post is reached, None when nothing is known.

    An answer goes to the address that a post names, whoever says so: it is what was asked there. Into somebody's inbox, or to an
    address that we know of them, it goes only when it is sure that they asked.
    """
    if user_id is not None and is_verified and not is_mailbox(user_id):
        return Way(user_id, email, (EMAIL, INBOX))
    if email is not None:
        return Way(mailbox_user_id(workspace, email), email, (EMAIL,))
    return None


def is_readable(channel: str, attributes: Mapping[str, Any]) -> bool:
    """Say whether whoever posted something reads what is said to them where they posted it: by the API, or in a chat."""
    return channel == "api" or (channel == "widget" and attributes.get("chat") is True)


@dataclass(frozen=True)
class Progress:
    """How far the sending of a message is. `reached`: a channel beside mail that has it already."""

    delivery: Delivery
    waits_for: tuple[str, ...]
    reached: str | None = None
    failure: str | None = None


def heard(before: Progress, channel: str, failure: str | None) -> Progress:
    """Return how far it is after one channel was heard of; of what is settled nothing more is.

    It went out when the mail did, or, where none goes, when it lies in the inbox: that alone nobody may ever look into.
    """
    if before.delivery is not Delivery.WAITING or channel not in before.waits_for:
        return before
    left = tuple(each for each in before.waits_for if each != channel)
    now = replace(before, waits_for=left)
    if failure is None:
        now = replace(now, reached=channel)
    elif channel == EMAIL or before.failure is None:
        now = replace(now, failure=failure)
    if failure is None and channel == EMAIL:
        return replace(now, delivery=Delivery.SENT, waits_for=())
    if left:
        return now
    return replace(now, delivery=Delivery.FAILED if now.reached is None else Delivery.SENT)


def subject_of(number: int, title: str | None, body: str) -> str:
    """Return what a reply by mail is called: as what it answers, with the number by which we know that."""
    words = " ".join((title or body)[: 4 * SUBJECT_CHARACTERS].split())
    short = words if len(words) <= SUBJECT_CHARACTERS else f"{words[: SUBJECT_CHARACTERS - 1]}…"
    about = short if short.lower().startswith(("re:", "回复")) else f"Re: {short}"
    return f"{about} [#{number}]"


def reply_address(domain: str | None, feedback_id: UUID, workspace: str, sign: Sign) -> str:
    """Return where answers to a feedback's conversation go, signed: nobody else can make one up."""
    token = b32encode(feedback_id.bytes + _proof(feedback_id, workspace, sign)).decode().rstrip("=").lower()
    return f"reply+{token}@{domain or _NO_DOMAIN}"


def references_of(address: str, external_ids: Sequence[str | None]) -> list[str]:
    """Return what a mail refers to: the name of the conversation, then, where one is known, the mail that it answers."""
    return [f"<{address}>", *(each for each in external_ids if each is not None and _MESSAGE_ID.fullmatch(each))][:3]


def find_conversation(text: str, workspace: str, signs: Collection[Sign]) -> UUID | None:
    """Return the feedback whose conversation a mail's addresses or references name with its proof; 20 names are looked at."""
    for found in islice(_NAMED.finditer(text), CANDIDATES):
        raw = b32decode(found["token"].upper() + "======")
        id, proof = UUID(bytes=raw[:16]), raw[16:]
        if any(hmac.compare_digest(proof, _proof(id, workspace, sign)) for sign in signs):
            return id
    return None


def _proof(id: UUID, workspace: str, sign: Sign) -> bytes:
    return sign(workspace.encode() + b"\0" + id.bytes)[:PROOF_BYTES]


BUCKETS = 256
"""So many names wake those who watch conversations: something said wakes about one in as many."""


def wakeup(feedback_id: UUID) -> str:
    """Return the name that wakes those who watch the conversation of a feedback, and a few others."""
    return f"conversation/{hashlib.blake2b(feedback_id.bytes, digest_size=1).digest()[0] % BUCKETS}"
