"""Mails go out signed, with the links to leave under the signature, and are the same when they are written again."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import dkim
import pytest

from opsloop_common.testing.http import settings_for_tests
from opsloop_notifications.app import SERVICE
from opsloop_notifications.consent.rules import Send
from opsloop_notifications.dkim.service import open_signer
from opsloop_notifications.letters.service import Writer
from opsloop_notifications.posting.timers import dispatch_mails
from opsloop_notifications.settings import NotificationsSettings
from services.notifications.tests.conftest import Post
from services.notifications.tests.test_dkim import dns_of, keys

__all__ = ["keys"]
PUBLIC = "https://ops.example.test"


ID, MAY_LEAVE, MAY_NOT = UUID(int=7), Send(may_leave=True), Send(may_leave=False)


@dataclass(frozen=True)
class Said:
    id: UUID = ID
    workspace: str = "acme"
    user_id: str = "u1"
    channel: str = "email"
    locale: str | None = "en"
    topic: str = "news"
    address: str = "u1@example.test"
    subject: str = "Hello\r\nBcc: all@example.test"
    body: str = "hello"
    html: str | None = None
    thread: dict | None = None
    created_at: datetime = datetime(2026, 11, 27, 8, tzinfo=UTC)
    decision: Send = MAY_LEAVE


async def test_one_is_written_the_same_again_and_left_by_a_link(api):
    service = await api(SERVICE, settings_for_tests(NotificationsSettings, public_url=PUBLIC))
    writer = Writer(service.runtime, "Ops <ops@example.test>", "bounces@example.test")

    first, again = writer.write(Said()), writer.write(Said())
    critical = writer.write(Said(decision=MAY_NOT))

    assert first == again
    assert first.sender.startswith("bounces+")
    assert (first.author, first.recipient) == ("ops@example.test", "u1@example.test")
    assert b"List-Unsubscribe: <https://ops.example.test/p/acme/unsubscribe?token=" in first.content
    assert b"\r\nBcc:" not in first.content
    assert b"Unsubscribe: https://ops.example.test/p/acme/unsubscribe?token=" in first.content.replace(
        b"=\r\n", b""
    ).replace(b"=3D", b"=")
    assert b"Unsubscribe" not in critical.content
    assert b"List-Unsubscribe" not in critical.content
    assert Writer(service.runtime, "ops@example.test").write(Said()).sender == "ops@example.test"


@pytest.mark.parametrize("names", [("rsa",), ("ed",), ("rsa", "ed")])
async def test_what_goes_out_is_verified_with_what_dns_says(api, script, work, until, keys, names):
    named = [(name, str(keys[name])) for name in names]
    settings = settings_for_tests(
        NotificationsSettings,
        smtp_url=script.url,
        public_url=PUBLIC,
        mail_from="Ops <ops@example.test>",
        dkim_keys=",".join(f"{name}={file}" for name, file in named),
    )
    service = await api(SERVICE, settings)
    post = Post(service, await service.key())
    await post.person()
    async with work(service, dispatch_mails):
        await post.send("u1")
        await until(lambda: script.taken, "taken")

    [(_, content)] = script.taken
    mail = content.removesuffix(b".\r\n")
    dns = dns_of(open_signer("example.test", named))
    assert mail.count(b"DKIM-Signature: ") == len(names)
    for place in range(len(names)):
        assert dkim.DKIM(mail).verify(place, dnsfunc=dns)
    assert not dkim.verify(mail.replace(b"List-Unsubscribe=One-Click", b"List-Unsubscribe=No"), dnsfunc=dns)
