"""What may be said and who may claim it, without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from opsloop_common.access.principal import Kind, Principal
from opsloop_common.errors import FieldError, Invalid
from opsloop_feedback.submissions.rules import (
    Submission,
    attributes_flaw,
    is_believed,
    is_said,
    may_read,
    readable,
    require_claims,
    require_said,
)

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)
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


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("plain", "plain"),
        ("two\nlines\tand a tab\r\n", "two\nlines\tand a tab\r\n"),
        ("a\x01b\x7fc\x85d\ufffe", "abcd"),
        ("支\ufeff付 fai\ufeffled\ufeff", "支\ufeff付 fai\ufeffled\ufeff"),
        ("\ufeff支付", "支付"),
        ("\n\ufeff支付", "\n\ufeff支付"),
        ("好\u200d", "好\u200d"),
    ],
)
def test_control_characters_go(text: str, kept: str):
    assert readable(text) == kept


@pytest.mark.parametrize("text", ["", "  ", "\x01\x02", "\n\t"])
def test_something_is_said(text: str):
    with pytest.raises(ValueError, match=r"^must say something$"):
        readable(text)


@pytest.mark.parametrize(
    ("ahead", "said"), [(None, True), (-DAY, True), (DAY, True), (DAY + timedelta(seconds=1), False)]
)
def test_a_day_is_granted_to_clocks(ahead: timedelta | None, said: bool):
    occurred_at = None if ahead is None else NOW + ahead
    submission = replace(SAID, occurred_at=occurred_at)

    assert is_said(occurred_at, NOW) is said
    if said:
        require_said(submission, NOW)
        return
    with pytest.raises(Invalid) as refused:
        require_said(submission, NOW)
    assert list(refused.value.errors) == [FieldError("/occurred_at", "lies more than a day in the future")]


def principal(kind: Kind, *scopes: str, user_id: str | None = None) -> Principal:
    return Principal("acme", "key:1", frozenset(scopes), "c", "partner", kind=kind, user_id=user_id)


@pytest.mark.parametrize("kind", list(Kind))
def test_what_anybody_may_have_reads_nothing_and_is_not_believed(kind: Kind):
    stranger = kind in {Kind.PUBLISHABLE, Kind.USER, Kind.VISITOR}

    assert may_read(principal(kind, "feedback:read")) is not stranger
    assert not may_read(principal(kind, "feedback:write"))
    assert is_believed(principal(kind)) is (kind is Kind.USER or not stranger)


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
        require_claims(said, who)
        return

    with pytest.raises(Invalid) as refused:
        require_claims(said, who)

    assert list(refused.value.errors) == errors


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
    assert attributes_flaw(attributes) == flaw
