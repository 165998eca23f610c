"""A connection that one mail left out of step is nobody else's trouble; one too many is no refusal."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from opsloop_notifications.mail import server as one_server
from opsloop_notifications.mail.service import MailDelayed, MailRefused, MailServer, OneTooMany
from opsloop_notifications.mail.writing import write

EVIL, GOOD = "evil@example.test", "good@example.test"
STEPS = ("RCPT", "DATA", "end")
OUT_OF_STEP = {
    "three replies": b"550 5.7.1 no\r\n250 a\r\n250 b",
    "no and yes": b"550 no\r\n250 OK",
    "yes and no": b"250 OK\r\n550 5.1.1 no such user",
    "yes and half a line": b"250 OK\r\n55",
    "letters": b"abc",
    "nothing": b"",
    "other digits": "٢٥٠ OK".encode(),
    "negative": b"-50 no",
    "zeros": b"000 no",
    "binary": bytes(range(256)).replace(b"\n", b""),
    "a long line": b"250 " + b"x" * 100_000,
    "many lines": b"250-x\r\n" * 20_000 + b"250 x",
    "another step's": b"354 go on",
}


def mail_to(recipient):
    sent_at = datetime(2026, 11, 22, tzinfo=UTC)
    return write(sender="ops@example.test", recipient=recipient, subject="s", body="b", id="1", sent_at=sent_at)


def to_evil(step, answer):
    """Answer a step so after evil was named, and well after good was."""
    last = []

    def named(line):
        last[:] = [EVIL.encode() in line]
        return answer if last[0] and step == "RCPT" else b"250 OK"

    well = {"DATA": b"354 go on", "end": b"250 OK"}
    said = {EVIL: named, GOOD: named}
    return said | ({step: lambda _line: answer if last[0] else well[step]} if step != "RCPT" else {})


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("answer", OUT_OF_STEP.values(), ids=OUT_OF_STEP)
async def test_whatever_one_mail_is_answered_the_next_one_goes(script, step, answer):
    script.answers = to_evil(step, answer)
    async with MailServer(script.url) as server:
        for _ in range(2):
            await asyncio.wait_for(outcome(server, EVIL), 20)
            assert await outcome(server, GOOD) == "sent"


async def outcome(server, recipient):
    try:
        await server.send(mail_to(recipient))
    except (MailRefused, MailDelayed) as error:
        return type(error).__name__
    return "sent"


async def test_bytes_that_come_late_are_asked_about_on_a_new_connection(script):
    """The refusal that the server says on its own reaches us while the next mail has been begun."""
    late = iter([b"550 5.1.1 no such user\r\n250 OK"])
    script.answers["MAIL"] = lambda _line: next(late, b"250 OK") if script.taken else b"250 OK"
    async with MailServer(script.url) as server:
        assert [await outcome(server, EVIL), await outcome(server, GOOD)] == ["sent", "sent"]

    assert script.asked == 2
    assert [recipient for recipient, _ in script.taken] == [EVIL, GOOD]


async def test_a_refusal_is_believed_on_a_connection_of_its_own(script):
    script.answers[EVIL] = b"550 5.1.1 no such user"
    async with MailServer(script.url) as server:
        outcomes = [await outcome(server, who) for who in (GOOD, EVIL, GOOD, GOOD)]

    assert outcomes == ["sent", "MailRefused", "sent", "sent"]
    assert script.asked == 3  # the first, the one that was asked again, and what all use after it
    assert len(script.taken) == 3


async def test_one_connection_too_many_is_no_refusal_of_the_session(script, monkeypatch):
    monkeypatch.setattr(one_server, "CROWDED_SECONDS", 0.0)
    inside, go_on = asyncio.Event(), asyncio.Event()
    script.answers["greeting"] = lambda _line: b"220 here" if script.asked == 1 else b"421 4.7.0 too many connections"
    talk = one_server._talk

    async def slowly(connection, mail):
        inside.set()
        await go_on.wait()
        await talk(connection, mail)

    monkeypatch.setattr(one_server, "_talk", slowly)
    async with MailServer(script.url) as server:
        first = asyncio.create_task(server.send(mail_to(GOOD)))
        await inside.wait()
        with pytest.raises(OneTooMany):
            await server.send(mail_to(GOOD))
        go_on.set()
        await first
        await server.send(mail_to(GOOD))

    assert len(script.taken) == 2
