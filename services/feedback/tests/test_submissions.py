"""What may be said, by its rules; what a credential may claim stands in test_sources.py."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from opsloop_common.access.principal import Kind, Principal
from opsloop_common.errors import Invalid
from opsloop_feedback.submissions.rules import (
    ATTRIBUTES_LEVELS,
    ATTRIBUTES_LIMIT_BYTES,
    Submission,
    attributes_flaw,
    is_believed,
    is_said,
    may_read,
    readable,
    require_said,
)

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
DAY, MOMENT = timedelta(days=1), timedelta(microseconds=1)
SAID = Submission(body="It crashes.", source="partner")
PERSON = Principal("acme", "user:desk", frozenset({"feedback:read"}), "user:desk", "people", kind=Kind.PERSON)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("It crashes.", "It crashes."),
        ("闪退\n第二行\t", "闪退\n第二行\t"),
        ("a\x00b", "a\x00b"),
        ("a\x01\x08\x0b\x0c\x0e\x1f\x7f\x9f\ufeff\ufffe\uffffb", "ab"),
    ],
)
def test_text_is_kept_without_what_nobody_sees(text: str, kept: str):
    assert readable(text) == kept


@pytest.mark.parametrize("text", [" ", "\n\t", "\x01\x02", "\ufeff "])
def test_text_must_say_something(text: str):
    with pytest.raises(ValueError, match=r"^must say something$"):
        readable(text)


@pytest.mark.parametrize(
    ("at", "is_so"), [(None, True), (NOW - 9 * DAY, True), (NOW + DAY, True), (NOW + DAY + MOMENT, False)]
)
def test_a_day_is_granted_to_clocks_that_differ(at: datetime | None, is_so: bool):
    assert is_said(at, NOW) is is_so
    if is_so:
        require_said(replace(SAID, occurred_at=at), NOW)
        return

    with pytest.raises(Invalid) as refusal:
        require_said(replace(SAID, occurred_at=at), NOW)

    assert [(error.pointer, error.detail) for error in refusal.value.errors] == [
        ("/occurred_at", "lies more than a day in the future")
    ]


def test_attributes_are_small_and_flat():
    def nested(levels: int) -> dict[str, object]:
        return {"a": nested(levels - 1)} if levels > 1 else {"a": 1}

    full = {"a": "x" * (ATTRIBUTES_LIMIT_BYTES - len('{"a":""}'))}

    assert attributes_flaw({}) is attributes_flaw(full) is attributes_flaw(nested(ATTRIBUTES_LEVELS)) is None
    assert attributes_flaw({"a": full["a"] + "x"}) == "must not be larger than 65536 bytes"
    assert attributes_flaw(nested(ATTRIBUTES_LEVELS + 1)) == "must not be nested deeper than 32 levels"


@pytest.mark.parametrize(
    ("kind", "reads", "believed"),
    [(Kind.PERSON, True, True), (Kind.USER, False, True), (Kind.PUBLISHABLE, False, False)],
)
def test_who_is_shown_all_and_whose_word_counts(kind: Kind, reads: bool, believed: bool):
    who = replace(PERSON, kind=kind)

    assert (may_read(who), is_believed(who)) == (reads, believed)
    assert not may_read(replace(who, scopes=frozenset({"feedback:submit"})))


def test_a_submission_without_more_is_the_least_that_can_be_said():
    assert (SAID.channel, SAID.author_verified, SAID.tags, SAID.attributes) == ("api", True, [], {})
