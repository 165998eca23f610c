"""What comes next for an alert that nobody sees to: stories by the minute, computed by hand."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_notifications.escalations.rules import (
    Move,
    Policy,
    Step,
    Targets,
    called,
    next_move,
    read_policy,
    words_of,
)

ZERO = datetime(2026, 11, 22, tzinfo=UTC)


def at(minute):
    return ZERO + timedelta(minutes=minute)


def policy(*afters, repeats=0, reopens=None):
    steps = tuple(Step(timedelta(minutes=after), ((Targets.USER, "u"),)) for after in afters)
    return Policy(steps, repeats, None if reopens is None else timedelta(minutes=reopens))


def steps_of(made, happenings, until=300):
    """Live through a story minute by minute; `a` acknowledges, `u` takes it back, `q` silences, `h` has it heard again.

    Returns the steps that were taken, counted from 1, each with its minute; `!` where an acknowledgement was taken back before.
    """
    said = {}
    for part in filter(None, happenings.split(";")):
        minute, what = part.split()
        said[int(minute)] = what
    acknowledged, quiet, done, looks_at, found = None, False, 0, ZERO + made.steps[0].after, []
    reopened = False
    for minute in range(until):
        now = at(minute)
        match said.get(minute):
            case "a":
                acknowledged = now
            case "u":
                acknowledged = None
            case "q" | "h" as what:
                quiet = what == "q"
        while looks_at is not None and looks_at <= now:
            move = next_move(made, done, acknowledged_at=acknowledged, is_quiet=quiet, now=now)
            acknowledged = None if move.reopens else acknowledged
            reopened = reopened or move.reopens
            if move.step is not None:
                found.append(f"{minute}{'!' if reopened else ''}:{move.step + 1}")
                reopened = False
            done, looks_at = move.done, move.looks_at
    return " ".join(found)


STORIES = [
    # 0, then 5 later, then 10 later
    ("nobody sees to it", policy(0, 5, 10), "", "0:1 5:2 15:3"),
    ("the first step waits too", policy(5, 5), "", "5:1 10:2"),
    # the first step of a repeat comes its own `after` later: 15 + 0, at least a minute: 16, 21, 31
    ("all steps again", policy(0, 5, 10, repeats=1), "", "0:1 5:2 15:3 16:1 21:2 31:3"),
    ("one step, five repeats", policy(10, repeats=5), "", "10:1 20:1 30:1 40:1 50:1 60:1"),
    ("acknowledged before the first step", policy(5, 5), "4 a", ""),
    ("acknowledged between steps", policy(0, 5, 10), "7 a", "0:1 5:2"),
    ("acknowledged at the very minute of a step", policy(0, 5, 10), "5 a", "0:1"),
    # looked at again every 10 minutes (the step that is due): at 15 somebody has it, at 25 nobody
    ("given back: the step that was due is taken at the next look", policy(0, 5, 10), "7 a; 20 u", "0:1 5:2 25:3"),
    # acknowledged at 7 for 30 minutes: at the look of 15 it holds until 37; then the first step again, then 5 and 10 later
    ("an acknowledgement that nobody ends in time", policy(0, 5, 10, reopens=30), "7 a", "0:1 5:2 37!:1 42:2 52:3"),
    # all was said by 5; looked at every 20 minutes (25, 45 …): acknowledged at 30, until 50
    ("reopened after the last step", policy(0, 5, reopens=20), "30 a", "0:1 5:2 50!:1 55:2"),
    # acknowledged at 7 until 37, quiet from 20 to 44: taken back unheard, looked at each minute (the first step has no time of its own)
    (
        "an acknowledgement that runs out while it is quiet",
        policy(0, 5, reopens=30),
        "7 a; 20 q; 44 h",
        "0:1 5:2 44!:1 49:2",
    ),
    # at 5 it is quiet, looked at again 5 minutes later at 10: heard
    ("quiet when a step is due: taken later", policy(0, 5, 10), "3 q; 8 h", "0:1 10:2 20:3"),
    ("quiet for good", policy(0, 5), "0 q", ""),
    ("steps of no time at all are taken at once", policy(0, 0, 0), "", "0:1 0:2 0:3"),
    ("of repeats each is a minute after the one before", policy(0, 0, repeats=2), "", "0:1 0:2 1:1 1:2 2:1 2:2"),
]


@pytest.mark.parametrize(
    ("made", "happenings", "expected"), [one[1:] for one in STORIES], ids=[one[0] for one in STORIES]
)
def test_story(made, happenings, expected):
    assert steps_of(made, happenings) == expected


def test_an_acknowledgement_counts_from_its_own_moment():
    """Acknowledged at 1 for 30 minutes: at the look of 5 that holds until 31. Again at 40, for which the look of 36 comes first."""
    found = steps_of(policy(0, 5, reopens=30), "1 a; 33 a")

    # 31: taken back, first step; at 33 somebody has it again; 36: a look, it holds until 63; then from the beginning
    assert found == "0:1 31!:1 63!:1 68:2"


MADE = st.builds(
    lambda afters, repeats, reopens: policy(*afters, repeats=repeats, reopens=reopens),
    st.lists(st.integers(0, 10), min_size=1, max_size=3),
    st.integers(0, 2),
    st.none() | st.integers(1, 20),
)
WHATS = st.dictionaries(st.integers(0, 99), st.sampled_from("auqh"), max_size=6)


@given(MADE, WHATS)
def test_steps_go_on_in_order_and_never_while_somebody_has_it(made, whats):
    story = ";".join(f"{minute} {what}" for minute, what in sorted(whats.items()))
    found = [part.split(":") for part in steps_of(made, story, until=100).split()]
    expected, has, quiet = 0, False, False
    for minute in range(100):
        what = whats.get(minute)
        has = {"a": True, "u": False}.get(what, has)
        quiet = {"q": True, "h": False}.get(what, quiet)
        for at_minute, taken in found:
            if int(at_minute.removesuffix("!")) != minute:
                continue
            reopened, step = at_minute.endswith("!"), int(taken) - 1
            assert not quiet
            assert reopened or not has
            expected = 0 if reopened else expected
            has = False if reopened else has
            assert step == expected % len(made.steps)
            expected += 1
            assert expected <= made.count


def test_seconds_hold_as_they_are_said():
    steps = tuple(Step(timedelta(seconds=after), ((Targets.USER, "u"),)) for after in (0, 20))
    move = next_move(Policy(steps), 0, acknowledged_at=None, is_quiet=False, now=ZERO)

    assert move == Move(0, False, 1, ZERO + timedelta(seconds=20))


def test_a_policy_that_is_over_is_forgotten_unless_it_may_begin_again():
    asked = {"acknowledged_at": None, "is_quiet": False, "now": ZERO}

    assert next_move(policy(0), 0, **asked) == Move(0, False, 1, None)
    assert next_move(policy(0, reopens=20), 0, **asked) == Move(0, False, 1, at(20))
    assert next_move(policy(0, reopens=20), 1, **asked) == Move(None, False, 1, at(20))
    # a policy that was made shorter meanwhile
    assert next_move(policy(0), 3, **asked) == Move(None, False, 3, None)


def test_a_policy_is_read_as_it_is_stored():
    stored = [{"after": "PT5M", "targets": [{"kind": "schedule", "id": "s"}, {"kind": "user", "id": "u"}]}]
    found = read_policy(stored, 2, timedelta(hours=1))

    assert found == Policy(
        (Step(timedelta(minutes=5), ((Targets.SCHEDULE, "s"), (Targets.USER, "u"))),), 2, timedelta(hours=1)
    )
    assert found.count == 3


def test_what_people_are_told_in_both_languages():
    labels = {"alertname": "Down", "severity": "critical"}
    english, chinese = words_of("Down", labels, {"summary": "the shop\nis down"}, "http://o/v1/alerts/1", 2)

    assert (english["locale"], chinese["locale"]) == ("en", "zh")
    assert english["subject"] == chinese["subject"] == "[critical] the shop is down"
    assert english["body"].splitlines()[0] == "Nobody has acknowledged this alert (step 2)."
    assert chinese["body"].splitlines()[0] == "该告警尚无人认领（第 2 步）。"
    for said in (english, chinese):
        assert said["body"].endswith("\n\nhttp://o/v1/alerts/1")
        assert "severity: critical" in said["body"]
    [plain, _] = words_of("x" * 500, {}, {}, None, 1)
    assert (len(plain["subject"]), plain["body"].count("http")) == (200, 0)


def test_each_reads_what_an_alert_says_in_their_own_language():
    annotations = {"summary": "backup is late", "summary_zh": "备份逾期", "runbook_zh": "只有中文"}
    english, chinese = words_of("Late", {}, annotations, None, 1)

    assert (english["subject"], chinese["subject"]) == ("backup is late", "备份逾期")
    assert ("备份逾期" in english["body"], "is late" in chinese["body"]) == (False, False)
    assert "summary: 备份逾期" in chinese["body"]
    assert all("runbook_zh: 只有中文" in one["body"] for one in (english, chinese)), "said in no other way"


def test_what_chats_and_phones_say_of_what_is_mailed():
    words = words_of("Down", {"severity": "critical"}, {}, None, 1)
    for each, press in zip(words, ("Acknowledge", "认领"), strict=True):
        chat = called(each, "chat", "http://o/1")
        assert chat["buttons"] == [{"words": press, "url": "http://o/1"}]
        assert "severity: critical" in chat["body"]
        assert "buttons" not in called(each, "chat", None)
        sms = called(each, "sms", "http://o/1")
        assert (sms["url"], "severity" in sms["body"], sms["locale"]) == ("http://o/1", False, each["locale"])
        assert called(each, "push", None)["url"] is None
