"""Calls and mails that leave the house stand in the trace of what caused them, without what they say and to whom."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from opsloop_common.outbound.client import OutboundClient, OutboundError, policy_from
from opsloop_common.runner.traced import traced
from opsloop_common.testing.collector import CLIENT
from opsloop_common.testing.http import settings_for_tests
from opsloop_notifications.app import SERVICE
from opsloop_notifications.consent.rules import Send
from opsloop_notifications.letters.service import Writer
from opsloop_notifications.mail.service import MailServer
from opsloop_notifications.messages.mails import Mail
from opsloop_notifications.posting.sender import MailWork
from opsloop_notifications.settings import NotificationsSettings

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{CALLER}-01", f"00-{TRACE}-{CALLER}-00"


@pytest.fixture
async def traced_service(api, collector):
    settings = settings_for_tests(
        NotificationsSettings, outbound_allow="127.0.0.0/8", port=1, otlp_endpoint=collector.url
    )
    return await api(SERVICE, settings)


async def test_a_call_says_whose_span_it_is(traced_service, collector, hook):
    runtime = traced_service.runtime
    async with traced(runtime), OutboundClient(policy_from(runtime.settings), tracer=runtime.db.tracer) as client:
        for traceparent in (SAMPLED, UNSAMPLED):
            await client.post(f"{hook.url}/of/somebody?token=x", b"{}", {"traceparent": traceparent})
        await client.post(hook.url, b"{}", {})

    (called,) = collector.spans()
    assert (called.name, called.kind, called.trace, called.parent) == ("POST", CLIENT, TRACE, CALLER)
    assert called.attributes["http.response.status_code"] == 200
    assert called.attributes["server.address"] == "127.0.0.1"
    assert "somebody" not in str(called)
    assert [headers.get("traceparent") for headers, _ in hook.calls] == [
        f"00-{TRACE}-{called.id}-01",
        UNSAMPLED,
        None,
    ]


async def test_a_call_without_an_answer_fails_by_its_class(traced_service, collector):
    runtime = traced_service.runtime
    async with traced(runtime), OutboundClient(policy_from(runtime.settings), tracer=runtime.db.tracer) as client:
        with pytest.raises(OutboundError):
            await client.post("http://127.0.0.1:9/secret", b"{}", {"traceparent": SAMPLED})

    (called,) = collector.spans()
    assert called.failed
    assert called.attributes["error.type"] == "connection"
    assert "secret" not in str(called)


async def test_a_mail_stands_below_what_caused_it(traced_service, collector, smtp_sink):
    runtime = traced_service.runtime
    async with MailServer(smtp_sink.url) as server, traced(runtime):
        work = MailWork(runtime, (server,), Writer(runtime, "team@example.test"))
        result = await work.perform(mail({"traceparent": SAMPLED}))
        await work.perform(mail({}))

    assert result.reason is None
    (sent,) = [span for span in collector.spans() if span.kind == CLIENT]
    assert (sent.name, sent.trace, sent.parent) == ("send mail", TRACE, CALLER)
    assert "u1@example.test" not in str(collector.spans())


def mail(cause: dict[str, str]) -> Mail:
    return Mail(
        id=uuid4(),
        workspace="acme",
        message_id=uuid4(),
        campaign_id=None,
        user_id="u1",
        channel="email",
        address="u1@example.test",
        locale=None,
        subject="Hello",
        body="Words",
        created_at=datetime.now(UTC),
        tries=0,
        topic="general",
        decision=Send(),
        cause=cause,
    )
