"""The rules of chats: tokens, who types, and when somebody will be there."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_feedback.calendars.rules import read_calendar
from opsloop_feedback.chats import rules
from opsloop_feedback.chats.rules import Shift, Visit

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)  # a Friday
CHAT = UUID(int=7)
EARLY, LATE = UUID(int=1), UUID(int=2)


def sign(said):
    return said[::-1].ljust(32, b"=")[:32]


def hours(start, end, *days):
    week = [
        {"days": list(days or ("monday", "tuesday", "wednesday", "thursday", "friday")), "start": start, "end": end}
    ]
    return read_calendar("UTC", week, [])


def member(calendar_id=None, *, is_away=False):
    return {"user_id": "u", "calendar_id": calendar_id and str(calendar_id), "is_away": is_away}


@pytest.mark.parametrize("workspace", ["acme", "a", "a-1", "x" * 63])
def test_a_token_says_what_it_opens(workspace):
    visit = Visit(workspace, CHAT, NOW)

    assert rules.read_token(rules.token_of(visit, sign), sign) == visit


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token + "0",
        lambda token: token[:-1],
        lambda token: token.upper(),
        lambda token: token.replace("chat_acme", "chat_other"),
        lambda token: token.replace(f"{CHAT.hex}", f"{EARLY.hex}"),
        lambda token: token.replace("chat_", ""),
        lambda token: " " + token,
        lambda token: "",
    ],
)
def test_a_token_that_was_changed_opens_nothing(change):
    token = rules.token_of(Visit("acme", CHAT, NOW), lambda said: hash_of(said))

    assert rules.read_token(change(token), lambda said: hash_of(said)) is None


def hash_of(said):
    return (sum(byte * 31**place for place, byte in enumerate(said)) % 2**256).to_bytes(32, "big")


@given(st.text(max_size=150))
def test_no_text_is_a_token(text):
    assert rules.read_token(text, hash_of) is None


def test_a_time_that_is_none_opens_nothing():
    said = f"chat_acme.{CHAT.hex}.{'f' * 12}"

    assert rules.read_token(f"{said}.{hash_of(said.encode()).hex()}", hash_of) is None


@pytest.mark.parametrize(
    ("typed", "said", "found"),
    [
        (None, None, False),
        (0, None, True),
        (5.9, None, True),
        (6, None, False),
        (3, 4, True),
        (3, 3, False),
        (3, 2, False),
        (-1, None, True),
    ],
)
def test_somebody_types_for_some_seconds_or_until_it_is_said(typed, said, found):
    typed_at = None if typed is None else NOW - timedelta(seconds=typed)
    said_at = None if said is None else NOW - timedelta(seconds=said)

    assert rules.is_typing(typed_at, NOW, said_at=said_at) is found


def test_names_of_messages_are_of_their_chat():
    assert rules.name_of(CHAT, "k").startswith(rules.name_of(CHAT))
    assert not rules.name_of(EARLY, "k").startswith(rules.name_of(CHAT))


@pytest.mark.parametrize(
    ("members", "own", "at", "found"),
    [
        ([], None, 9, Shift(False, None)),
        ([member()], None, 9, Shift(True, None)),
        ([member(is_away=True)], None, 9, Shift(False, None)),
        ([member()], EARLY, 9, Shift(True, None)),
        ([member()], EARLY, 13, Shift(False, NOW.replace(day=23, hour=8))),
        ([member(LATE)], EARLY, 9, Shift(False, NOW.replace(hour=14))),
        ([member(LATE), member()], EARLY, 13, Shift(False, NOW.replace(hour=14))),
        ([member(LATE), member()], EARLY, 15, Shift(True, None)),
        ([member(LATE, is_away=True), member()], EARLY, 15, Shift(False, NOW.replace(day=23, hour=8))),
        ([member(LATE)], None, 23, Shift(False, NOW.replace(day=23, hour=14))),
        ([member(UUID(int=9))], None, 3, Shift(True, None)),  # of a calendar that is gone
    ],
)
def test_shifts_of_a_team(members, own, at, found):
    known = {EARLY: hours("08:00", "12:00"), LATE: hours("14:00", "18:00")}

    assert rules.shift(members, own, known, NOW.replace(hour=at)) == found


def test_a_calendar_that_never_opens_says_no_time():
    known = {EARLY: read_calendar("UTC", [], [])}

    assert rules.shift([member()], EARLY, known, NOW) == Shift(False, None)


@given(st.integers(0, 7 * 24 * 60))
def test_when_it_opens_it_is_open_and_a_second_before_it_is_not(minutes):
    known = {EARLY: hours("08:00", "12:00")}
    now = NOW + timedelta(minutes=minutes)
    found = rules.shift([member()], EARLY, known, now)

    if not found.is_open:
        assert found.opens_at > now
        assert rules.shift([member()], EARLY, known, found.opens_at).is_open
        assert not rules.shift([member()], EARLY, known, found.opens_at - timedelta(seconds=1)).is_open
