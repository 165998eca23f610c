"""Decisions of intake: what a new post looks like, and what is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from opsloop_common.contracts.feedback import Author, FeedbackReceived
from opsloop_feedback.sorting.rules import UNTAUGHT, Sorter
from opsloop_feedback.states.rules import Status
from opsloop_feedback.submissions.rules import Submission
from opsloop_feedback.triage.rules import searchable


def new_row(said: Submission, *, id: UUID, workspace: str, now: datetime, sorter: Sorter = UNTAUGHT) -> dict[str, Any]:
    """Return the row of a new post, sorted by what its workspace sorts by; only `number` is missing."""
    sorted_as = sorter.sort(said)
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
        "triage": sorted_as.document,
        "channel": said.channel,
        "source": said.source,
        "external_id": said.external_id,
        "author_user_id": said.author_user_id,
        "author_email": said.author_email,
        "author_name": said.author_name,
        "author_verified": said.author_verified,
        "rating": said.rating,
        "locale": said.locale,
        "tags": sorted_as.tags,
        "area": sorted_as.area,
        "attributes": said.attributes,
        "assignee": None,
        "team": None,
        "due_at": None,
        "occurred_at": said.occurred_at or now,
        "created_at": now,
        "updated_at": now,
        "first_replied_at": None,
        "resolved_at": None,
        "merged_into_id": None,
        "affected_users": 1,
        "import_id": None,
        "voters": 0,
        "source_url": said.source_url,
        "entered_by": said.entered_by,
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
        import_id=row["import_id"],
    )
