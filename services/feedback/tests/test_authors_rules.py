"""What a post says of its author: table-driven."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from opsloop_common.contracts.users import is_mailbox, mailbox_user_id
from opsloop_feedback.authors.rules import SaidBy, contact_id, newest, word_of

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
ROW = {
    "id": UUID(int=1),
    "workspace": "acme",
    "author_user_id": "u1",
    "author_email": "a@example.test",
    "author_name": None,
    "author_verified": True,
    "source": "partner",
    "locale": None,
    "occurred_at": NOW,
    "created_at": NOW,
}
MAILBOX = mailbox_user_id("acme", "a@example.test")


def word(**changes):
    return word_of(ROW | {"id": uuid4()} | changes)


@pytest.mark.parametrize(
    ("source", "verified", "said_by"),
    [
        ("partner", True, SaidBy.SERVER),
        ("people", True, SaidBy.SERVER),
        ("operator", True, SaidBy.SERVER),
        ("users", True, SaidBy.USER),
        ("site", False, SaidBy.VISITOR),
        ("visitors", False, SaidBy.VISITOR),
    ],
)
def test_whose_word_it_is(source, verified, said_by):
    found = word(source=source, author_verified=verified)

    event = found.event("acme")
    assert found.said_by is said_by
    assert (event.claim is None) == (said_by is SaidBy.SERVER)
    assert (event.email is None) == (said_by is not SaidBy.SERVER)
    assert event.source == f"feedback/{source}"


@pytest.mark.parametrize(
    ("user_id", "email", "called"),
    [
        ("u1", "a@example.test", "u1"),
        (None, "a@example.test", MAILBOX),
        (None, "A@EXAMPLE.test", MAILBOX),
        (MAILBOX, "a@example.test", MAILBOX),
    ],
)
def test_what_the_author_is_called(user_id, email, called):
    assert word(author_user_id=user_id, author_email=email).user_id == called


@pytest.mark.parametrize(
    "changes",
    [
        {"author_email": None},
        {"author_email": None, "author_user_id": None},
        {"author_user_id": MAILBOX, "author_email": "b@example.test"},
        {"author_user_id": "mailbox-of-mine"},
    ],
)
def test_what_says_nothing(changes):
    assert word(**changes) is None


@pytest.mark.parametrize(("minutes", "said"), [(-60, -60), (0, 0), (60, 0)])
def test_nothing_is_newer_than_now(minutes, said):
    assert word(occurred_at=NOW + timedelta(minutes=minutes)).said_at == NOW + timedelta(minutes=said)


def test_a_mailbox_has_one_name_in_a_workspace_and_shows_no_address():
    assert is_mailbox(MAILBOX)
    assert not is_mailbox("u1")
    assert mailbox_user_id("other", "a@example.test") != MAILBOX
    assert "a@" not in MAILBOX
    assert contact_id("acme", "u1") == contact_id("acme", "u1") != contact_id("other", "u1")


def test_the_newest_of_each_key_counts_with_what_it_leaves_out():
    earlier = NOW - timedelta(hours=1)
    words = [
        word(author_email="new@example.test", locale="en"),
        word(author_email="old@example.test", occurred_at=earlier, author_name="N", locale="fr"),
        word(author_email="same@example.test"),
        word(author_user_id="a"),
        word(source="other"),
    ]

    found = newest(words)

    assert [each.key for each in found] == sorted(each.key for each in found)
    [mine] = [each for each in found if each.key == ("u1", "partner", "server")]
    assert (mine.email, mine.locale, mine.full_name) == ("same@example.test", "en", "N")
    assert len(found) == 3
