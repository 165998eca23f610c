"""What a new post looks like and which state follows which, without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from opsloop_common.access.principal import Kind, Principal
from opsloop_common.errors import FieldError, IllegalTransition, Invalid
from opsloop_feedback.intake import rules
from opsloop_feedback.intake.rules import Status, Submission
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


@pytest.mark.parametrize("current", list(Status))
@pytest.mark.parametrize("wanted", list(Status))
def test_states_follow_the_table(current: Status, wanted: Status):
    if wanted in rules.TRANSITIONS[current]:
        rules.require_transition(current, wanted)
        return

    with pytest.raises(IllegalTransition) as refused:
        rules.require_transition(current, wanted)

    assert refused.value.extra == {"current": current, "allowed": sorted(rules.TRANSITIONS[current])}
    assert refused.value.detail == f"{current} cannot become {wanted}"


@pytest.mark.parametrize("current", list(Status))
def test_a_reply_opens_what_was_new(current: Status):
    assert rules.after_reply(current) is (Status.OPEN if current is Status.NEW else current)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("plain", "plain"),
        ("two\nlines\tand a tab\r\n", "two\nlines\tand a tab\r\n"),
        ("a\x01b\x7fc\ufeffd\x85", "abcd"),
        ("好\u200d", "好\u200d"),
    ],
)
def test_control_characters_go(text: str, kept: str):
    assert rules.readable(text) == kept


@pytest.mark.parametrize("text", ["", "  ", "\x01\x02", "\n\t"])
def test_something_is_said(text: str):
    with pytest.raises(ValueError, match=r"^must say something$"):
        rules.readable(text)


@pytest.mark.parametrize(
    ("ahead", "said"), [(None, True), (-DAY, True), (DAY, True), (DAY + timedelta(seconds=1), False)]
)
def test_a_day_is_granted_to_clocks(ahead: timedelta | None, said: bool):
    occurred_at = None if ahead is None else NOW + ahead
    submission = replace(SAID, occurred_at=occurred_at)

    assert rules.is_said(occurred_at, NOW) is said
    if said:
        rules.require_said(submission, NOW)
        return
    with pytest.raises(Invalid) as refused:
        rules.require_said(submission, NOW)
    assert list(refused.value.errors) == [FieldError("/occurred_at", "lies more than a day in the future")]


def principal(kind: Kind, *scopes: str, user_id: str | None = None) -> Principal:
    return Principal("acme", "key:1", frozenset(scopes), "c", "partner", kind=kind, user_id=user_id)


@pytest.mark.parametrize("kind", list(Kind))
def test_what_anybody_may_have_reads_nothing_and_is_not_believed(kind: Kind):
    stranger = kind in {Kind.PUBLISHABLE, Kind.USER, Kind.VISITOR}

    assert rules.may_read(principal(kind, "feedback:read")) is not stranger
    assert not rules.may_read(principal(kind, "feedback:write"))
    assert rules.is_believed(principal(kind)) is (kind is Kind.USER or not stranger)


@pytest.mark.parametrize(
    ("kind", "fields", "errors"),
    [
        (Kind.KEY, {}, []),
        (Kind.PUBLISHABLE, {"external_id": None}, []),
        (Kind.PUBLISHABLE, {}, [FieldError("/external_id", "may only be given with a secret key")]),
        (Kind.USER, {"external_id": None}, []),
        (
            Kind.USER,
            {"external_id": None, "author_user_id": "u2"},
            [FieldError("/author/user_id", "must be the user of the token, or be left out")],
        ),
    ],
)
def test_strangers_claim_little(kind: Kind, fields: dict, errors: list[FieldError]):
    said, who = replace(SAID, **fields), principal(kind, user_id="u1")
    if not errors:
        rules.require_claims(said, who)
        return

    with pytest.raises(Invalid) as refused:
        rules.require_claims(said, who)

    assert list(refused.value.errors) == errors


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


def nested(levels: int) -> dict:
    value: dict = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("attributes", "flaw"),
    [
        ({}, None),
        ({"a": "x" * (64 * 1024 - 8)}, None),  # with its name and quotes 64 KiB to the byte
        ({"a": "x" * (64 * 1024 - 7)}, "must not be larger than 65536 bytes"),
        (nested(32), None),
        (nested(33), "must not be nested deeper than 32 levels"),
    ],
)
def test_attributes_are_small_and_flat(attributes: dict, flaw: str | None):
    assert rules.attributes_flaw(attributes) == flaw
