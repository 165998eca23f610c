"""The webhook receiver and the SMTP sink that tests of services stand on."""

import asyncio
import smtplib
from email.message import EmailMessage

import httpx
import pytest

from opsloop_common.testing.receiver import Answer


async def test_the_receiver_keeps_requests_and_answers_as_told(webhook_receiver):
    webhook_receiver.answer_with(500, Answer(429, headers={"Retry-After": "7"}, body=b"slow down"))

    async with httpx.AsyncClient(trust_env=False) as client:
        answers = [
            await client.post(webhook_receiver.url, content=b"%d" % n, headers={"X-N": str(n)}) for n in range(3)
        ]

    assert [answer.status_code for answer in answers] == [500, 429, 204]
    assert (answers[1].headers["retry-after"], answers[1].content) == ("7", b"slow down")
    assert [(r.method, r.path, r.headers["x-n"], r.body) for r in webhook_receiver.requests] == [
        ("POST", "/hook", str(n), b"%d" % n) for n in range(3)
    ]
    assert len(await webhook_receiver.wait_for(3)) == 3
    with pytest.raises(TimeoutError):
        await webhook_receiver.wait_for(4, within=0.01)


async def test_the_receiver_hangs_up_and_answers_by_rule(webhook_receiver):
    webhook_receiver.answer_with(Answer(hang_up=True))
    webhook_receiver.responder = lambda request: Answer(200, body=request.body.upper())

    async def chunks():
        yield b"in "
        yield b"pieces"

    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post(webhook_receiver.url)
        answer = await client.post(webhook_receiver.url, content=chunks())

    assert answer.content == b"IN PIECES"


async def test_the_sink_keeps_mails_and_refuses_whom_it_is_told_to(smtp_sink):
    smtp_sink.refuse("gone@example.test")
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "ops@example.test", "u1@example.test", "我们正在处理"
    mail.set_content("支付问题已经发现。\n")

    def send():
        with smtplib.SMTP("127.0.0.1", smtp_sink.port) as client:
            with pytest.raises(smtplib.SMTPRecipientsRefused):
                client.sendmail("ops@example.test", ["gone@example.test"], mail.as_bytes())
            client.send_message(mail)

    await asyncio.to_thread(send)

    (received,) = await smtp_sink.wait_for(1)
    assert (received.sender, received.recipients) == ("ops@example.test", ["u1@example.test"])
    assert (received["subject"], received.text) == ("我们正在处理", "支付问题已经发现。\n")
