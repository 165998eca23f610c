"""What a report means: which statuses are a mailbox that is not there, what is a complaint, and when a repetition is one."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from opsloop_notifications.bounces.rules import (
    SOFT_DAYS,
    Fate,
    Kind,
    is_complaint,
    key,
    kind_of,
    soft_since,
)

AT = datetime(2026, 11, 27, 8, tzinfo=UTC)
ONE, TWO = UUID(int=1), UUID(int=2)


@pytest.mark.parametrize(
    ("fate", "state", "kind"),
    [
        (Fate("failed", "5.1.1"), "5.1.1", Kind.HARD),
        (Fate(" Failed ", "5.1.1 (bad destination mailbox)"), "5.1.1", Kind.HARD),
        (Fate("failed", "5.1.10"), "5.1.10", Kind.HARD),
        (Fate("failed", "5.2.1"), "5.2.1", Kind.HARD),
        (Fate("failed", "5.2.2", "smtp; 552 5.2.2 mailbox full"), "5.2.2", Kind.SOFT),
        (Fate("failed", "5.7.1", "smtp; 550 5.7.1 looks like spam"), "5.7.1", Kind.SOFT),
        (Fate("failed", "4.4.7"), "4.4.7", Kind.SOFT),
        (Fate("failed", "5.0.0", "smtp; 550 5.1.1 <u1@example.test>: no such user"), "5.1.1", Kind.HARD),
        (Fate("failed", "5.0.0", "smtp; 550 no such user"), "5.0.0", Kind.SOFT),
        (Fate("failed", "", "smtp; 550 5.1.1 no such user"), "5.1.1", Kind.HARD),
        (Fate("failed", "5.1.1", "x-notes; 5.7.1"), "5.1.1", Kind.HARD),
        (Fate("failed", "", "address 10.5.1.1 said no"), None, Kind.SOFT),
        (Fate("failed", "nonsense"), None, Kind.SOFT),
        (Fate("delayed", "4.4.1"), "4.4.1", None),
        (Fate("delivered", "2.0.0"), "2.0.0", None),
        (Fate("", "5.1.1"), "5.1.1", None),
    ],
)
def test_one_recipient(fate, state, kind):
    assert fate.state == state
    assert kind_of([fate]) == kind


@pytest.mark.parametrize(
    ("fates", "kind"),
    [
        ([], None),
        ([Fate("failed", "5.1.1"), Fate("failed", "5.1.1")], Kind.HARD),
        ([Fate("failed", "5.1.1"), Fate("delivered", "2.0.0")], Kind.SOFT),
        ([Fate("relayed", "2.0.0"), Fate("delayed", "4.0.0")], None),
        ([Fate("failed", "5.1.1"), Fate("failed", "5.2.2")], Kind.SOFT),
    ],
)
def test_behind_one_address_may_be_several(fates, kind):
    assert kind_of(fates) == kind


@pytest.mark.parametrize(
    ("feedback", "expected"),
    [("abuse", True), (" Abuse ", True), ("fraud", True), ("not-spam", False), ("auth-failure", False), ("", False)],
)
def test_complaints(feedback, expected):
    assert is_complaint(feedback) is expected


def test_soft_bounces_count_for_two_weeks():
    assert AT - soft_since(AT) == timedelta(days=SOFT_DAYS)


def test_a_mail_counts_once_a_kind_whenever_it_is_told():
    def of(kind=Kind.SOFT, id=ONE, print=b"a", at=AT):
        return key(kind, notification_id=id, fingerprint=print, at=at)

    assert of() == of(at=AT + timedelta(days=1)) == of(print=b"b")
    assert (
        len({of(), of(Kind.HARD), of(id=TWO), of(id=None), of(id=None, print=b"b"), of(id=None, at=soft_since(AT))})
        == 6
    )
