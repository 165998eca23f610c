"""What becomes of entries that people do something with."""

from datetime import UTC, datetime, timedelta

import pytest

from opsloop_common.errors import Invalid
from opsloop_notifications.in_app import rules
from opsloop_notifications.in_app.page import script
from opsloop_notifications.in_app.rules import Mark, Shelf

NOW = datetime(2026, 11, 27, 8, tzinfo=UTC)
EARLIER = NOW - timedelta(hours=1)
NEW = {"seen_at": None, "read_at": None, "archived_at": None, "snoozed_until": None}


@pytest.mark.parametrize(
    ("before", "mark", "changed"),
    [
        ({}, Mark.SEEN, {"seen_at": NOW}),
        ({"seen_at": EARLIER}, Mark.SEEN, {}),
        ({}, Mark.READ, {"seen_at": NOW, "read_at": NOW}),
        ({"seen_at": EARLIER}, Mark.READ, {"read_at": NOW}),
        ({"seen_at": EARLIER, "read_at": EARLIER}, Mark.UNREAD, {"read_at": None}),
        ({}, Mark.UNREAD, {}),
        ({}, Mark.ARCHIVED, {"seen_at": NOW, "archived_at": NOW}),
        ({"snoozed_until": NOW}, Mark.ARCHIVED, {"seen_at": NOW, "archived_at": NOW, "snoozed_until": None}),
        ({"archived_at": EARLIER}, Mark.UNARCHIVED, {"archived_at": None}),
    ],
)
def test_marks(before, mark, changed):
    assert rules.differing(NEW | before, rules.marked(mark, NOW)) == changed


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ({}, {}),
        ({"is_seen": True}, {"seen_at": NOW}),
        ({"is_seen": False}, {"seen_at": None, "read_at": None}),
        ({"is_read": True}, {"seen_at": NOW, "read_at": NOW}),
        ({"is_read": False}, {"read_at": None}),
        ({"is_read": True, "is_seen": False}, {"seen_at": None, "read_at": NOW}),
        ({"is_archived": True}, {"archived_at": NOW, "snoozed_until": None}),
        ({"is_archived": True, "snoozed_until": NOW}, {"archived_at": NOW}),
        ({"is_archived": False}, {"archived_at": None}),
    ],
)
def test_what_is_said_of_one(said, wanted):
    assert rules.wanted_of(said, NOW) == wanted


def test_each_mark_says_where_it_takes_from():
    assert rules.FROM.keys() == set(Mark)
    assert rules.FROM[Mark.READ] is Shelf.UNREAD


def test_a_time_that_has_passed():
    rules.require_later(None, NOW)
    rules.require_later(NOW + timedelta(seconds=1), NOW)
    for past in (NOW, EARLIER):
        with pytest.raises(Invalid):
            rules.require_later(past, NOW)


def test_wakeups_are_few_and_the_same_each_time():
    names = {rules.wakeup("acme", f"u{number}") for number in range(5_000)}

    assert len(names) == rules.BUCKETS
    assert rules.wakeup("acme", "u1") == rules.wakeup("acme", "u1")
    assert all(name.startswith("inbox/") for name in names)


def test_the_script_is_small_and_says_everything_twice():
    text = script()

    assert 'customElements.define("ops-inbox"' in text
    for forbidden in (
        "innerHTML",
        "eval(",
        "document.write",
        "style.cssText",
        "insertAdjacentHTML",
        "document.cookie",
        "localStorage",
    ):
        assert forbidden not in text, forbidden
    english, chinese = (text.split(f"    {language}: {{")[1].split("\n    },")[0] for language in ("en", "zh"))
    names = [
        [part.split(":")[0].strip() for part in words.replace("\n", ",").split(",") if ":" in part]
        for words in (english, chinese)
    ]
    assert {name for name in names[0] if name.isidentifier()} == {name for name in names[1] if name.isidentifier()}
