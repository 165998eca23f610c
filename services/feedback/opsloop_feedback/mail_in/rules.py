"""Decisions about mail that came in: what becomes of it, and what a post that it becomes says. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import orjson

from opsloop_common.foreign import readable as read_by
from opsloop_feedback.letters.rules import automatic
from opsloop_feedback.mailboxes.rules import SOURCE
from opsloop_feedback.submissions.rules import Submission, readable

TITLE_CHARACTERS = 300
NAME_CHARACTERS = 200
ID_CHARACTERS = 200
OLDEST = timedelta(days=3_650)


class MailOutcome(StrEnum):
    """What became of a mail: a post, an answer of an author, nothing since nobody wrote it, or it waits for somebody to look at it."""

    POST = "post"
    MESSAGE = "message"
    AUTOMATIC = "automatic"
    PARKED = "parked"


class Unfit(StrEnum):
    """Why a mail is parked."""

    UNREADABLE = "unreadable"
    NO_SENDER = "no_sender"
    EMPTY = "empty"
    TOO_LARGE = "too_large"


def digest(text: str) -> str:
    """Return by what a Message-ID is known again, which says nothing of who wrote."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def key_of(message_id: str | None, sender: str | None, subject: str | None, text: str) -> str:
    """Return by what a mail is known when it comes again, by whichever way."""
    return hashlib.sha256(orjson.dumps([message_id, (sender or "").lower(), subject, text])).hexdigest()


def natural_key(message_id: str | None, key: str) -> str:
    """Return what a post or message is called that a mail becomes: as the mail is, where that is an id like others, else by its key."""
    named = f"<{message_id}>"
    return named if message_id and len(named) <= ID_CHARACTERS and named.isprintable() else key


def reason_not_to_take(reason: str | None, sender: str | None, own: Sequence[str]) -> str | None:
    """Say why nobody wrote a mail: what was seen when it was read, or that it comes from an address of ours."""
    return reason or automatic({}, sender=sender, own=own)


def words_of(text: str, subject: str | None, names: Sequence[str]) -> str | None:
    """Return what a mail says: its text, else its subject, else what its files are called; None when it says nothing."""
    for words in (text, subject or "", ", ".join(names)):
        said = read_by(readable, words)
        if said is not None:
            return said
    return None


def said_at(claimed: datetime | None, now: datetime) -> datetime:
    """Return when a mail was written: what it claims, where that can be."""
    return claimed if claimed is not None and now - OLDEST <= claimed <= now else now


def submission(
    *,
    words: str,
    subject: str | None,
    sender: str,
    name: str | None,
    locale: str | None,
    external_id: str,
    written_at: datetime,
    attributes: dict[str, Any],
) -> Submission:
    """Return the post that a mail becomes. What stands in `From:` is a claim: mail proves nobody."""
    title = read_by(readable, subject or "")
    named = read_by(readable, name or "")
    return Submission(
        body=words,
        source=SOURCE,
        channel="email",
        title=None if title is None else title[:TITLE_CHARACTERS],
        external_id=external_id,
        author_email=sender,
        author_name=None if named is None else named[:NAME_CHARACTERS],
        author_verified=False,
        locale=locale,
        occurred_at=written_at,
        attributes=attributes,
    )
