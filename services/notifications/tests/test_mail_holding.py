"""When mail waits, whose, and until when: sessions that are refused, and recipients that are refused alike."""

from __future__ import annotations

from uuid import uuid4

import pytest

from opsloop_notifications.mail.holding import ALIKE_RECIPIENTS, KINDS_REMEMBERED, REMEMBERED, Hold


@pytest.fixture
def shown():
    return []


@pytest.fixture
def hold(clock, shown):
    return Hold(clock, show=shown.append)


class Mails:
    """Refusals in short: `ann:a1` is mail a1 of workspace ann, each refused alike unless `!status` says how; `+` is a success."""

    def __init__(self, hold):
        self.hold, self.ids = hold, {}

    def say(self, what):
        if what == "+":
            return self.hold.took(self.hold.mark())
        name, _, status = what.partition("!")
        workspace, _, mail = name.partition(":")
        id = self.ids.setdefault(name, uuid4())
        return self.hold.refused(
            id, f"RCPT {status or '550'}", status or "550", workspace, f"{mail}@{workspace}.example.test"
        )


@pytest.mark.parametrize(
    ("story", "verdicts"),
    [
        ("a:1", "doubted"),
        ("a:1 a:1", "doubted final"),  # nobody else was refused so
        ("a:1 + a:1", "doubted final"),  # another was taken
        ("a:1 a:2 a:1", "doubted doubted doubted"),
        ("a:1 a:2 + a:1 a:2", "doubted doubted final final"),
        ("a:1 a:2 a:3 a:4 a:5 a:6", "doubted doubted doubted doubted held held"),
        ("a:1 a:2 + a:3 a:4 a:5 a:6", "doubted doubted doubted doubted doubted doubted"),
        ("a:1 b:1", "doubted held"),
        ("a:1 + b:1", "doubted doubted"),
        ("a:1!550 b:1!554", "doubted doubted"),  # not alike
        ("a:1 b:1 c:1", "doubted held held"),
        ("a:1 b:1 + a:1 b:1", "doubted held final doubted"),
    ],
)
def test_whether_a_refusal_is_about_us_is_seen_from_who_else_meets_it(hold, story, verdicts):
    mails = Mails(hold)

    said = [mails.say(what) for what in story.split()]

    assert [verdict for verdict in said if verdict] == verdicts.split()


def test_one_workspaces_refusals_hold_its_own_mail_two_all(hold):
    mails = Mails(hold)
    for n in range(ALIKE_RECIPIENTS):
        mails.say(f"evil:{n}")
    assert hold.until("evil") is not None
    assert hold.until("good") is None
    assert hold.until() is None
    assert hold.held_workspaces() == ["evil"]

    mails.say("good:1")
    assert None not in (hold.until("good"), hold.until(), hold.until("third"))

    mails.say("+")
    assert [hold.until("evil"), hold.until("good"), hold.until()] == [None, None, None]


async def test_each_refusal_in_a_row_holds_longer(hold, clock, shown):
    waits = []
    for _ in range(8):
        hold.begin("554")
        hold.begin("554")  # one more that was under way
        waits.append((hold.until() - clock.now()).total_seconds())
        clock.set(hold.until())
        assert hold.until() is None
        assert not (await hold.mail()).ok
    hold.took(hold.mark())

    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]
    assert (await hold.mail()).ok
    assert shown[-1] is False
    hold.begin("554")
    assert (hold.until() - clock.now()).total_seconds() == 30


@pytest.mark.parametrize("heard", ["spoke", "took"])
def test_a_session_that_began_before_another_was_refused_does_not_end_the_wait(hold, heard):
    before = hold.mark()
    hold.begin("421")
    getattr(hold, heard)(before)
    assert hold.until() is not None

    getattr(hold, heard)(hold.mark())
    assert hold.until() is None


def test_a_recipient_that_is_named_ends_what_sessions_began_but_no_proof(hold):
    mails = Mails(hold)
    mails.say("a:1")
    mails.say("b:1")
    hold.spoke(hold.mark())

    assert hold.until() is not None


async def test_nobody_reads_of_others(hold, clock):
    mails = Mails(hold)
    for n in range(ALIKE_RECIPIENTS):
        mails.say(f"secret{n % 1}:boss{n}!550 5.7.8")

    told = (await hold.mail()).detail + hold.why("secret0") + hold.why("other")

    assert "550 5.7.8" in told
    assert not any(word in told for word in ("secret", "boss", "@"))


def test_what_is_remembered_is_bounded(hold):
    for n in range(REMEMBERED + 50):
        hold.refused(uuid4(), f"RCPT {n}", f"{n}", "a", f"{n}@example.test")

    assert len(hold._alike) <= KINDS_REMEMBERED
    assert len(hold._doubted) <= REMEMBERED
