"""The demo's own alerting hook and mailbox, against the libraries that their real counterparts are tested with."""

from datetime import UTC, datetime
from email.message import EmailMessage

import aiosmtplib
import pytest
from standardwebhooks import Webhook

from opsloop.demo.mailbox import Mailbox
from opsloop.demo.receiver import is_signed

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"type":"kpi.breached"}'


def headers(secret: str) -> dict[str, str]:
    moment = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", moment, BODY.decode()),
    }


def test_a_good_signature_is_good():
    assert is_signed(headers(SECRET), BODY, SECRET)


@pytest.mark.parametrize(
    ("sent", "body"),
    [
        (headers("whsec_" + "QUJD" * 8), BODY),
        (headers(SECRET), BODY + b" "),
        (headers(SECRET) | {"webhook-id": "x"}, BODY),
    ],
    ids=["another secret", "another body", "another id"],
)
def test_anything_else_is_not(sent, body):
    assert not is_signed(sent, body, SECRET)


async def test_the_mailbox_keeps_what_a_mail_client_sends():
    async with Mailbox().open() as mailbox:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "shop@example.test", "buyer-zh@example.test", "支付问题正在修复"
        mail.set_content("不会重复扣款。")
        host, port = mailbox.url.removeprefix("smtp://").split(":")
        for _ in range(2):
            await aiosmtplib.send(mail, hostname=host, port=int(port))

    assert [(kept.recipients, kept.subject) for kept in mailbox.mails] == [
        (["buyer-zh@example.test"], "支付问题正在修复")
    ] * 2
