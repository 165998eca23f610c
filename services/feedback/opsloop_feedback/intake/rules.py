"""Decisions of intake: what a new post looks like, and which state may follow which."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson

from opsloop_common.access.principal import STRANGERS, Principal
from opsloop_common.access.principal import Kind as Credential
from opsloop_common.contracts.feedback import Author, Channel, FeedbackReceived, Kind
from opsloop_common.documents import is_deeper_than
from opsloop_common.errors import IllegalTransition, Invalid
from opsloop_feedback.triage.rules import searchable, triage


class Status(StrEnum):
    """How far we are with a feedback. `pending` waits for its author, `snoozed` for a later day."""

    NEW = "new"
    OPEN = "open"
    PENDING = "pending"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"
    CLOSED = "closed"
    MERGED = "merged"


_AT_WORK = frozenset({Status.OPEN, Status.PENDING, Status.SNOOZED, Status.RESOLVED, Status.CLOSED})
TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.NEW: _AT_WORK,
    Status.OPEN: _AT_WORK - {Status.OPEN},
    Status.PENDING: _AT_WORK - {Status.PENDING},
    Status.SNOOZED: _AT_WORK - {Status.SNOOZED},
    Status.RESOLVED: frozenset({Status.OPEN, Status.CLOSED}),
    Status.CLOSED: frozenset({Status.OPEN}),
    # only merging leads here, and only its undo leads out
    Status.MERGED: frozenset(),
}
FINISHED = frozenset({Status.RESOLVED, Status.CLOSED})

CLASSIFICATION = ("kind", "severity", "sentiment", "area", "tags")
ASSIGNMENT = ("assignee", "team")
CLOCKS_MAY_DIFFER = timedelta(days=1)
NOT_YET = "lies more than a day in the future"
NOT_NAMED_HERE = "may only be given with a secret key"
NOT_THE_USER = "must be the user of the token, or be left out"


def require_transition(current: Status, wanted: Status) -> None:
    """Raise IllegalTransition (409) unless `wanted` may follow `current`."""
    if wanted not in TRANSITIONS[current]:
        raise IllegalTransition(current, wanted, TRANSITIONS[current])


def after_reply(current: Status) -> Status:
    """Return the status after a reply to the author: what was new is now being worked on, the rest stays as it was.

    Not `pending`: whether we wait for the author, which stops clocks, is for the person who replies to say.
    """
    return Status.OPEN if current is Status.NEW else current


@dataclass(frozen=True)
class Submission:
    """What somebody said, as it came in and was found well formed."""

    body: str
    source: str
    channel: Channel = "api"
    title: str | None = None
    kind: Kind | None = None
    external_id: str | None = None
    author_user_id: str | None = None
    author_email: str | None = None
    author_name: str | None = None
    author_verified: bool = True
    rating: int | None = None
    locale: str | None = None
    tags: list[str] = field(default_factory=list)
    area: str | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    occurred_at: datetime | None = None


# control characters carry nothing that a reader sees, and break exports and terminals; line ends and tabs stay
_CONTROL = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ufffe\uffff]")


def readable(text: str) -> str:
    """Return what somebody wrote without control characters; a ValueError when nothing is left to read."""
    kept = text if text.isprintable() else _CONTROL.sub("", text)
    if not kept.strip():
        raise ValueError("must say something")
    return kept


def is_said(occurred_at: datetime | None, now: datetime) -> bool:
    """Say whether a post is not from a time to come; a day is granted to clocks that differ."""
    return occurred_at is None or occurred_at <= now + CLOCKS_MAY_DIFFER


def require_said(said: Submission, now: datetime) -> None:
    """Raise Invalid (422) for a post from a time to come."""
    if not is_said(said.occurred_at, now):
        raise Invalid("/occurred_at", NOT_YET)


def may_read(who: Principal) -> bool:
    """Say whether a credential may be shown all of an item; what anybody may have may not, whatever its scopes."""
    return who.has("feedback:read") and who.kind not in STRANGERS


def is_believed(who: Principal) -> bool:
    """Say whether the author that a credential names is so; who holds what anybody may have names whom they like."""
    return who.kind is Credential.USER or who.kind not in STRANGERS


def require_claims(said: Submission, who: Principal) -> None:
    """Raise Invalid (422) for a claim that the post's credential may not make.

    What strangers post has one source for many of them: an `external_id` of one would be that of all.
    """
    if who.kind not in STRANGERS:
        return
    if said.external_id is not None:
        raise Invalid("/external_id", NOT_NAMED_HERE)
    if who.kind is Credential.USER and said.author_user_id != who.user_id:
        raise Invalid("/author/user_id", NOT_THE_USER)


def new_row(said: Submission, *, id: UUID, workspace: str, now: datetime) -> dict[str, Any]:
    """Return the row of a new post, sorted by triage; only `number` is missing."""
    sorted_as = triage(said.body, title=said.title, rating=said.rating, kind=said.kind)
    return {
        "id": id,
        "workspace": workspace,
        "version": 1,
        "status": Status.NEW.value,
        "body": said.body,
        "title": said.title,
        "kind": sorted_as.kind,
        "severity": sorted_as.severity,
        "sentiment": sorted_as.sentiment,
        "triage": sorted_as.document(),
        "channel": said.channel,
        "source": said.source,
        "external_id": said.external_id,
        "author_user_id": said.author_user_id,
        "author_email": said.author_email,
        "author_name": said.author_name,
        "author_verified": said.author_verified,
        "rating": said.rating,
        "locale": said.locale,
        "tags": said.tags,
        "area": said.area,
        "attributes": said.attributes,
        "assignee": None,
        "team": None,
        "due_at": None,
        "occurred_at": said.occurred_at or now,
        "created_at": now,
        "updated_at": now,
        "first_replied_at": None,
        "resolved_at": None,
        "search_text": searchable(f"{said.title}\n{said.body}" if said.title else said.body),
    }


def received(row: Mapping[str, Any], number: int) -> FeedbackReceived:
    """Return the event that tells of a new row."""
    return FeedbackReceived.model_construct(
        feedback_id=row["id"],
        number=number,
        kind=row["kind"],
        severity=row["severity"],
        sentiment=row["sentiment"],
        rating=row["rating"],
        channel=row["channel"],
        source=row["source"],
        locale=row["locale"],
        area=row["area"],
        tags=row["tags"],
        author=Author.model_construct(user_id=row["author_user_id"], verified=row["author_verified"]),
        occurred_at=row["occurred_at"],
    )


ATTRIBUTES_LIMIT_BYTES = 64 * 1024
ATTRIBUTES_LEVELS = 32


def attributes_flaw(attributes: dict[str, Any]) -> str | None:
    """Say what is wrong with free attributes, None when they are small and flat enough."""
    if len(orjson.dumps(attributes)) > ATTRIBUTES_LIMIT_BYTES:
        return f"must not be larger than {ATTRIBUTES_LIMIT_BYTES} bytes"
    if is_deeper_than(attributes, ATTRIBUTES_LEVELS):
        return f"must not be nested deeper than {ATTRIBUTES_LEVELS} levels"
    return None
