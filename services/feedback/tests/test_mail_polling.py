"""Mail that is fetched from a real IMAP server: each once, also after crashes, and none held up by another server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text

from opsloop_common.db import Context
from opsloop_common.outbound.rules import AddressPolicy, parse_networks
from opsloop_common.secretbox import SecretBox
from opsloop_common.testing.due import make_due, run_due
from opsloop_common.testing.http import TEST_SECRET, MakeApi
from opsloop_common.testing.prerequisites import end_without
from opsloop_feedback.app import SERVICE
from opsloop_feedback.files.service import Files, open_folder
from opsloop_feedback.imap.rules import Place
from opsloop_feedback.imap.service import Fetcher, Look, Target
from opsloop_feedback.ports import FeedbackPorts
from services.feedback.tests.greenmail import MailServer, NoMailServer, running
from services.feedback.tests.test_mail_in import OURS, Post, mail

pytestmark = pytest.mark.slow
KINDS = [kind for kind in SERVICE.due if kind.name == "feedback.fetch_mail"]
POLICY = AddressPolicy("allowlist", parse_networks("127.0.0.0/8"))


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    """Run one real mail server for all of this; skip with the reason where none can be had, fail in CI."""
    with contextlib.ExitStack() as stack:
        try:
            started = stack.enter_context(running())
        except NoMailServer as error:
            end_without(str(error))
        yield started


class Polled(Post):
    """The desk with a mailbox that is fetched from."""

    fetcher: Fetcher

    async def add(self, port: int, expect: int = 201, **fields: Any) -> str:
        imap = {"host": "127.0.0.1", "port": port, "user_name": "help", "password": "secret"} | fields
        return (await self.mailbox(expect, kind="imap", imap=imap))["id"]

    async def fetch(self) -> None:
        """Let a minute pass, and the worker look."""
        self.api.clock.advance(timedelta(minutes=1))
        await make_due(self.api.db, KINDS)
        await run_due(self.api.db, KINDS)

    async def progress(self, mailbox_id: str) -> dict[str, Any]:
        return await self.get(f"/v1/mailboxes/{mailbox_id}/progress")

    async def bodies(self) -> list[str]:
        return sorted(post["body"] for post in await self.posts())

    async def execute(self, statement: str) -> list[Any]:
        async with self.api.db.transaction(Context(workspace="acme")) as session:
            done = await session.execute(text(statement))
            return list(done.all()) if done.returns_rows else []


@pytest_asyncio.fixture
async def polled(api: MakeApi, tmp_path: Path, server: MailServer) -> AsyncIterator[Polled]:
    trusting = await asyncio.to_thread(server.trusting)
    with contextlib.closing(Fetcher(POLICY, trusted=trusting, seconds=60)) as fetcher:
        kept = Files(open_folder(tmp_path / "files"))
        ports = FeedbackPorts(secrets=SecretBox(TEST_SECRET), files=kept, fetcher=fetcher)
        door = await api(SERVICE, ports=ports)
        desk = Polled(door, await door.key("feedback:read", "feedback:write", "feedback:admin"))
        desk.fetcher = fetcher
        yield desk


async def send(server: MailServer, *mails: Any) -> None:
    for each in mails:
        await asyncio.to_thread(server.send, each)


async def test_what_comes_after_a_mailbox_was_set_up_is_fetched_once(polled: Polled, server: MailServer) -> None:
    await send(server, mail("before", id="b@x"))
    mailbox = await polled.add(server.imaps_port)
    await polled.fetch()
    assert await polled.bodies() == []

    made = mail("导出失败", id="f1@x")
    made.add_attachment("日志", filename="log.txt")
    await send(server, made, mail("And this", id="f2@x"), mail("vacation", id="f3@x", auto_submitted="auto-replied"))
    await polled.fetch()
    await polled.fetch()
    progress = await polled.progress(mailbox)

    assert await polled.bodies() == ["And this", "导出失败"]
    assert (progress["failures"], progress["failure"]) == (0, None)
    [post] = [each for each in await polled.posts() if each["body"] == "导出失败"]
    [file] = (await polled.get(f"/v1/feedback/{post['id']}/attachments"))["items"]
    assert file["name"] == "log.txt"


async def test_a_crash_between_two_mails_loses_and_doubles_none(polled: Polled, server: MailServer) -> None:
    await polled.add(server.imaps_port)
    await polled.fetch()
    await send(server, *[mail(f"mail {number}", id=f"c{number}@x") for number in range(4)])
    taken = 0
    # the reader fails at the third mail, as where the process is killed
    reader = polled.api.runtime.ports.letters  # type: ignore[attr-defined]
    read = reader.read

    async def fails(raw: bytes) -> Any:
        nonlocal taken
        taken += 1
        if taken == 3:
            raise ConnectionError("killed")
        return await read(raw)

    reader.read = fails
    with pytest.raises(ConnectionError):
        await polled.fetch()
    assert await polled.bodies() == ["mail 0", "mail 1"]
    reader.read = read
    await run_due(polled.api.db, KINDS)
    await polled.fetch()

    assert await polled.bodies() == ["mail 0", "mail 1", "mail 2", "mail 3"]


async def test_other_numbers_of_the_server_double_nothing(polled: Polled, server: MailServer) -> None:
    await polled.add(server.imaps_port)
    await polled.fetch()
    await send(server, mail("once", id="v1@x"))
    await polled.fetch()
    await polled.execute("UPDATE mailbox_progress SET uid_validity = 1")
    await polled.fetch()

    assert (await polled.bodies()).count("once") == 1
    [(validity, last)] = await polled.execute("SELECT uid_validity, last_uid FROM mailbox_progress")
    assert validity != 1
    assert last > 0


@pytest.mark.parametrize(
    ("fields", "failure"),
    [({"folder": "Nowhere"}, "folder"), ({"host": "nobody.invalid"}, "dns"), ({"host": "10.0.0.1"}, "blocked_target")],
)
async def test_why_a_mailbox_is_not_fetched_from(
    polled: Polled, server: MailServer, fields: dict[str, Any], failure: str
) -> None:
    mailbox = await polled.add(server.imaps_port, **fields)
    await polled.fetch()
    first = await polled.progress(mailbox)
    await polled.fetch()
    resting = await polled.progress(mailbox)
    polled.api.clock.advance(timedelta(minutes=1))
    await polled.fetch()

    assert (first["failure"], first["failures"], resting["failures"]) == (failure, 1, 1)
    assert (await polled.progress(mailbox))["failures"] == 2


async def test_a_certificate_that_nobody_vouches_for_is_refused(polled: Polled, server: MailServer) -> None:
    polled.fetcher._trusted = None
    mailbox = await polled.add(server.imaps_port)
    await polled.fetch()
    assert (await polled.progress(mailbox))["failure"] == "tls"


async def test_a_server_that_hangs_holds_up_no_other(polled: Polled, server: MailServer) -> None:
    held: list[asyncio.StreamWriter] = []

    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    silent = await asyncio.start_server(hang, "127.0.0.1", 0)
    port, patient = silent.sockets[0].getsockname()[1], polled.fetcher.look
    hasty = Fetcher(POLICY, seconds=1)

    async def look(target: Target, known: Place | None) -> Look:
        return await (hasty.look if target.port == port else patient)(target, known)

    polled.fetcher.look = look  # type: ignore[method-assign]
    async with silent:
        hangs = await polled.add(port)
        await polled.add(server.imaps_port)
        await polled.fetch()
        polled.api.clock.advance(timedelta(minutes=2))
        await send(server, mail("all the same", id="h1@x"))
        await polled.fetch()
        assert "all the same" in await polled.bodies()
        assert (await polled.progress(hangs))["failure"] == "timeout"
        for writer in held:
            writer.close()
    hasty.close()


async def test_a_mailbox_needs_what_its_kind_needs(polled: Polled) -> None:
    await polled.mailbox(422, kind="imap")
    imap = {"host": "127.0.0.1", "user_name": "u", "password": "p"}
    await polled.mailbox(422, imap=imap)
    await polled.mailbox(422, kind="imap", imap=imap | {"host": "http://x"})
    await polled.mailbox(422, kind="imap", imap=imap | {"password": "a\nb"})
    made = await polled.mailbox(kind="imap", imap=imap)

    assert made["imap"] == {"host": "127.0.0.1", "port": 993, "security": "tls", "user_name": "u", "folder": "INBOX"}
    assert "password" not in str(made["imap"])
    assert made["address"] == OURS
    [(sealed,)] = await polled.execute("SELECT sealed_password FROM mailbox WHERE kind = 'imap'")
    assert sealed != "p"
