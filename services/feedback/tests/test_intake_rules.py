"""What a new post looks like, without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from opsloop_feedback.intake import rules
from opsloop_feedback.submissions.rules import Submission
from opsloop_feedback.triage.rules import searchable, triage

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)
ID = UUID(int=7)
SAID = Submission(
    body="The export fails with an error.",
    source="partner",
    channel="email",
    title="Export",
    kind="complaint",
    external_id="x-1",
    author_user_id="u1",
    author_email="u1@example.com",
    author_name="U One",
    author_verified=False,
    rating=1,
    locale="en",
    tags=["export"],
    area="reports",
    attributes={"plan": "pro"},
    occurred_at=NOW - DAY,
)


def test_a_new_row_is_what_was_said_and_what_triage_made_of_it():
    found = triage(SAID.body, title=SAID.title, rating=SAID.rating, kind=SAID.kind)

    row = rules.new_row(SAID, id=ID, workspace="acme", now=NOW)

    assert row == {
        "id": ID,
        "workspace": "acme",
        "version": 1,
        "status": "new",
        "body": "The export fails with an error.",
        "title": "Export",
        "kind": "complaint",
        "severity": found.severity,
        "sentiment": found.sentiment,
        "triage": found.document(),
        "channel": "email",
        "source": "partner",
        "external_id": "x-1",
        "author_user_id": "u1",
        "author_email": "u1@example.com",
        "author_name": "U One",
        "author_verified": False,
        "rating": 1,
        "locale": "en",
        "tags": ["export"],
        "area": "reports",
        "attributes": {"plan": "pro"},
        "assignee": None,
        "team": None,
        "due_at": None,
        "occurred_at": NOW - DAY,
        "created_at": NOW,
        "updated_at": NOW,
        "first_replied_at": None,
        "resolved_at": None,
        "merged_into_id": None,
        "affected_users": 1,
        "import_id": None,
        "voters": 0,
        "source_url": None,
        "entered_by": None,
        "search_text": searchable("Export\nThe export fails with an error."),
    }


def test_what_was_not_said_is_made_up_from_the_rest():
    row = rules.new_row(Submission(body="I love it", source="partner"), id=ID, workspace="acme", now=NOW)

    assert (row["kind"], row["occurred_at"], row["channel"]) == ("praise", NOW, "api")
    assert row["search_text"] == searchable("I love it")
    assert (row["tags"], row["attributes"], row["author_verified"]) == ([], {}, True)


@pytest.mark.parametrize("change", [{"title": "It is down for everybody"}, {"rating": 5, "kind": None}])
def test_triage_is_told_of_title_rating_and_kind(change: dict):
    said = replace(SAID, **change)
    found = triage(said.body, title=said.title, rating=said.rating, kind=said.kind)

    row = rules.new_row(said, id=ID, workspace="acme", now=NOW)

    assert row["triage"] == found.document()
    assert row["triage"] != rules.new_row(SAID, id=ID, workspace="acme", now=NOW)["triage"]


def test_the_event_tells_of_the_row_without_texts_and_addresses():
    row = rules.new_row(SAID, id=ID, workspace="acme", now=NOW)

    told = rules.received(row, 42).model_dump()

    for name in (
        "kind",
        "severity",
        "sentiment",
        "rating",
        "channel",
        "source",
        "locale",
        "area",
        "tags",
        "occurred_at",
    ):
        assert told[name] == row[name], name
    assert (told["feedback_id"], told["number"]) == (ID, 42)
    assert told["author"] == {"user_id": "u1", "verified": False}
    assert "Export" not in str(told)
