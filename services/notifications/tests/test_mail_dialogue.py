"""Commands go together to a mail server that allows it; whatever it answers, and however it cuts that, each answer is of its command."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import pytest

from opsloop_notifications.mail.service import MailDelayed, MailRefused, MailServer, SessionRefused
from opsloop_notifications.mail.writing import write


def mail_to(recipient="u1@example.test", body="b"):
    sent_at = datetime(2026, 11, 22, tzinfo=UTC)
    return write(sender="ops@example.test", recipient=recipient, subject="s", body=body, id="1", sent_at=sent_at)


class Piped:
    """A server that says PIPELINING, and answers each piece of what it reads with what `reply` makes of its lines."""

    def __init__(self, reply=None, *, extensions=(b"PIPELINING", b"SIZE 1000000")):
        self.reply, self.extensions = reply or answers_of, extensions
        self.heard, self.mails, self.connections = [], [], 0

    async def talk(self, reader, writer):
        self.connections += 1
        writer.write(b"220 here\r\n")
        data = b""
        while piece := await reader.read(65_536):
            data += piece
            if data.startswith(b"EHLO"):
                names = (b"here", *self.extensions)
                writer.writelines(b"250%s%s\r\n" % (b" " if name is names[-1] else b"-", name) for name in names)
            elif data.endswith(b"\r\n.\r\n"):
                self.mails.append(data)
                writer.write(self.reply([b"."]))
            elif data.endswith(b"\r\n") and (data[:4].isupper()):
                self.heard.append(data)
                writer.write(self.reply(data.splitlines()))
            else:
                continue
            data = b""


def answers_of(lines):
    return b"".join(b"354 go on\r\n" if line == b"DATA" else b"250 OK\r\n" for line in lines)


def refusing(command, answer):
    def reply(lines):
        return b"".join(answer + b"\r\n" if line.startswith(command) else answers_of([line]) for line in lines)

    return reply


@asynccontextmanager
async def to(talk):
    open_ones = []

    async def serve(reader, writer):
        open_ones.append(asyncio.current_task())
        with suppress(ConnectionError):
            await talk(reader, writer)
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        async with MailServer(f"smtp://127.0.0.1:{port}") as client:
            yield client
    await asyncio.wait_for(asyncio.gather(*open_ones), 5)


async def test_an_envelope_goes_in_one_piece_and_connections_are_kept():
    server = Piped()
    async with to(server.talk) as client:
        for body in ("one", ".dots\n..\n.", "three"):
            await client.send(mail_to(body=body))

    size = len(mail_to(body="one").content)
    assert server.heard[0] == b"MAIL FROM:<ops@example.test> SIZE=%d\r\nRCPT TO:<u1@example.test>\r\nDATA\r\n" % size
    assert server.connections == 1
    assert b"\r\n\r\n..dots\r\n...\r\n=2E\r\n.\r\n" in server.mails[1]


async def test_without_the_extension_each_waits_for_its_answer():
    server = Piped(extensions=(b"8BITMIME",))
    async with to(server.talk) as client:
        await client.send(mail_to())

    assert [line[:4] for line in server.heard[:3]] == [b"MAIL", b"RCPT", b"DATA"]


@pytest.mark.parametrize(
    ("command", "answer", "found"),
    [
        (b"MAIL", b"530 5.7.0 sign in", SessionRefused),
        (b"RCPT", b"550 5.1.1 no such user", MailRefused),
        (b"RCPT", b"451 4.3.0 later", MailDelayed),
        (b"DATA", b"554 5.6.0 no", MailRefused),
        (b".", b"554 5.6.0 no", MailRefused),
        (b"RCPT", b"no answer at all", MailDelayed),
        (b"RCPT", b"2500 ok", MailDelayed),
        (b"RCPT", b"250-" + b"x" * 9_000, MailDelayed),
        (b"RCPT", b"\r\n".join([b"250-x" * 100] * 100), MailDelayed),
    ],
)
async def test_a_refusal_is_of_the_command_it_answers_though_the_others_are_taken(command, answer, found):
    server = Piped(refusing(command, answer))
    async with to(server.talk) as client:
        with pytest.raises((MailRefused, MailDelayed)) as raised:
            await client.send(mail_to())
        server.reply = answers_of
        await client.send(mail_to())  # what was left of the answers is nobody's

    assert type(raised.value) is found
    assert [mail for mail in server.mails if mail][-1].startswith(b"From: ops@example.test")


async def test_what_a_mail_asks_for_is_asked_again_without_it_after_all_answers():
    def reply(lines):
        if any(b"SIZE=" in line for line in lines):
            return b"552 5.3.4 too big\r\n503 5.5.1 no sender\r\n503 5.5.1 no sender\r\n"
        return answers_of(lines)

    server = Piped(reply)
    async with to(server.talk) as client:
        with pytest.raises(MailRefused, match="552"):
            await client.send(mail_to())

    assert server.heard[-1] == b"MAIL FROM:<ops@example.test>\r\n"


async def test_a_server_that_takes_a_mail_of_nobody_gets_none():
    def reply(lines):
        return b"".join(b"354 go on\r\n" if line == b"DATA" else b"550 5.5.4 no\r\n" for line in lines)

    server = Piped(reply)
    async with to(server.talk) as client:
        with pytest.raises(SessionRefused):
            await client.send(mail_to())

    assert server.mails == []


async def test_answers_may_come_byte_by_byte_and_over_many_lines():
    async def talk(reader, writer):
        writer.write(b"220 here\r\n")
        await reader.readline()
        writer.write(b"250-here\r\n250 PIPELINING\r\n")
        for answer in (b"250-of\r\n250-many\r\n250 lines\r\n", b"250 ok\r\n", b"354 go on\r\n"):
            await reader.readline()
            for byte in answer:
                writer.write(bytes([byte]))
                await writer.drain()
        await reader.readuntil(b"\r\n.\r\n")
        writer.write(b"250 taken\r\n")
        await reader.read()

    async with to(talk) as client:
        await client.send(mail_to())


@pytest.mark.parametrize("unasked", [b"250 one more\r\n", b"421 4.4.2 idle\r\n", b"25", b"250-and"])
async def test_a_connection_on_which_something_came_unasked_is_not_used_again(unasked):
    server = Piped(lambda lines: answers_of(lines) + (unasked if lines == [b"."] else b""))
    async with to(server.talk) as client:
        await client.send(mail_to())
        await client.send(mail_to())

    assert server.connections == 2
