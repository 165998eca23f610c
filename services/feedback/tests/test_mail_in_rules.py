"""What becomes of mail, decided."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from opsloop_feedback.mail_in import rules
from opsloop_feedback.mail_in.rules import MailOutcome, Unfit


@pytest.mark.parametrize(
    ("claimed", "said"),
    [(None, 0), (timedelta(days=-3), -3), (timedelta(days=1), 0), (timedelta(days=-20_000), 0)],
)
def test_a_mail_was_written_when_that_can_be(claimed: timedelta | None, said: int) -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    assert rules.said_at(claimed and now + claimed, now) == now + timedelta(days=said)


def test_a_mail_is_known_by_all_that_it_says() -> None:
    one = rules.key_of("1@x", "A@example.com", "s", "t")
    assert one == rules.key_of("1@x", "a@EXAMPLE.com", "s", "t")
    others = [
        ("2@x", "a@example.com", "s", "t"),
        ("1@x", "b@example.com", "s", "t"),
        ("1@x", "a@example.com", "s", "u"),
    ]
    assert len({one, *(rules.key_of(*other) for other in others)}) == 4


@pytest.mark.parametrize(
    ("text", "subject", "names", "words"),
    [("t", "s", ["n"], "t"), (" ", "s", ["n"], "s"), ("", None, ["a", "b"], "a, b"), ("\u200b", " ", [], None)],
)
def test_what_a_mail_says(text: str, subject: str | None, names: list[str], words: str | None) -> None:
    assert rules.words_of(text, subject, names) == words


def test_of_what_nobody_wrote_the_first_reason_is_told() -> None:
    assert rules.reason_not_to_take("precedence", "help@shop.example", ["help@shop.example"]) == "precedence"
    assert rules.reason_not_to_take(None, "Help@shop.example", ["help@shop.example"]) == "loop"
    assert rules.reason_not_to_take(None, "a@example.com", ["help@shop.example"]) is None


def test_a_digest_says_nothing_of_what_it_is_of() -> None:
    assert rules.digest("1@x") == rules.digest("1@x") != rules.digest("2@x")
    assert len(rules.digest("\ud800")) == 64


@pytest.mark.parametrize("name", [None, "", " ", "张三", "n" * 500])
def test_a_post_that_a_mail_becomes_claims_its_author(name: str | None) -> None:
    post = rules.submission(
        words="w",
        subject="s" * 400,
        sender="a@example.com",
        name=name,
        locale=None,
        external_id="k",
        written_at=datetime(2026, 11, 22, tzinfo=UTC),
        attributes={},
    )

    assert (post.channel, post.source, post.author_verified) == ("email", "mail", False)
    assert len(post.title or "") == 300
    assert post.author_name is None or 0 < len(post.author_name) <= 200


def test_outcomes_and_reasons_are_closed_lists() -> None:
    assert {*MailOutcome} == {"post", "message", "automatic", "parked"}
    assert {*Unfit} == {"unreadable", "no_sender", "empty", "too_large"}
