"""Mail servers and receivers that fall silent: a kept connection that died costs seconds, once, and the next one works."""

import time
from datetime import UTC, datetime

import pytest

from opsloop_common import limits
from opsloop_common.outbound.client import OutboundClient, OutboundError
from opsloop_common.outbound.rules import AddressPolicy, parse_networks
from opsloop_common.testing.proxy import Proxy
from opsloop_notifications.mail.service import MailDelayed, MailServer
from opsloop_notifications.mail.writing import write


@pytest.fixture
async def mail_proxy(smtp_sink):
    async with Proxy(("127.0.0.1", smtp_sink.port)).running() as proxy:
        yield proxy


@pytest.fixture
async def mail_server(mail_proxy):
    async with MailServer(f"smtp://127.0.0.1:{mail_proxy.port}") as server:
        yield server


async def send(server, subject):
    mail = write(
        sender="a@example.test",
        recipient="b@example.test",
        subject=subject,
        body="x",
        id="1",
        sent_at=datetime.now(UTC),
    )
    began = time.monotonic()
    await server.send(mail)
    return time.monotonic() - began


async def test_a_mail_finds_another_connection_when_the_kept_one_has_died(
    mail_server, mail_proxy, smtp_sink, monkeypatch
):
    monkeypatch.setattr(limits, "MAIL_QUIET_SECONDS", 0.0)  # as if the last mail was a while ago
    await send(mail_server, "before")
    mail_proxy.swallow()

    assert await send(mail_server, "after") < limits.MAIL_PROOF_SECONDS + 1
    assert [mail["subject"] for mail in smtp_sink.messages] == ["before", "after"]


async def test_a_connection_that_lives_is_kept(mail_server, mail_proxy, monkeypatch):
    monkeypatch.setattr(limits, "MAIL_QUIET_SECONDS", 0.0)
    await send(mail_server, "one")
    await send(mail_server, "two")

    assert mail_proxy.accepted == 1


async def test_a_mail_server_that_says_nothing_delays_the_mail_and_no_longer_than_it_takes_to_connect(
    mail_server, mail_proxy, smtp_sink, monkeypatch
):
    monkeypatch.setattr(limits, "MAIL_CONNECT_SECONDS", 1.0)
    mail_proxy.shut()
    began = time.monotonic()
    with pytest.raises(MailDelayed):
        await send(mail_server, "while it is away")
    assert time.monotonic() - began < 2
    mail_proxy.open()

    assert await send(mail_server, "after") < 2
    assert [mail["subject"] for mail in smtp_sink.messages] == ["after"]


async def test_a_receiver_whose_kept_connection_died_fails_one_attempt_in_time(webhook_receiver):
    port = int(webhook_receiver.url.partition("//")[2].partition("/")[0].rpartition(":")[2])
    policy = AddressPolicy("allowlist", parse_networks("127.0.0.0/8"))
    async with (
        Proxy(("127.0.0.1", port)).running() as proxy,
        OutboundClient(policy, timeout_seconds=1.0) as client,
    ):
        url = f"http://127.0.0.1:{proxy.port}/hook"
        await client.post(url, b"{}", {})
        proxy.swallow()
        began = time.monotonic()
        with pytest.raises(OutboundError) as caught:
            await client.post(url, b"{}", {})

        assert caught.value.failure == "timeout"
        assert time.monotonic() - began < 2
        await client.post(url, b"{}", {})
