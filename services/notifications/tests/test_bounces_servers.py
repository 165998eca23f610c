"""Reports in the form that servers of the kinds that are met most write them."""

import pytest

from opsloop_notifications.bounces.reading import read
from opsloop_notifications.bounces.rules import Kind, Source

POSTFIX = """\
Return-Path: <>
Delivered-To: bounces+token@product.test
Received: by mx.product.test (Postfix) id 4F; Fri, 27 Nov 2026 08:00:00 +0000 (UTC)
From: MAILER-DAEMON@mx.product.test (Mail Delivery System)
To: bounces+token@product.test
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="9B2A.1764230400/mx.product.test"
Content-Transfer-Encoding: 8bit

This is a MIME-encapsulated message.

--9B2A.1764230400/mx.product.test
Content-Description: Notification
Content-Type: text/plain; charset=utf-8

<u1@example.test>: host mx.example.test said: 550 5.1.1 no such user

--9B2A.1764230400/mx.product.test
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.product.test
X-Postfix-Queue-ID: 9B2A
X-Postfix-Sender: rfc822; bounces+token@product.test

Final-Recipient: rfc822; u1@example.test
Original-Recipient: rfc822;u1@example.test
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.example.test
Diagnostic-Code: smtp; 550 5.1.1 <u1@example.test>: Recipient address rejected:
    User unknown in virtual mailbox table

--9B2A.1764230400/mx.product.test
Content-Description: Undelivered Message Headers
Content-Type: text/rfc822-headers

Message-ID: <ours@product.test>
Subject: Hello

--9B2A.1764230400/mx.product.test--
"""
EXCHANGE = """\
From: Microsoft Outlook <postmaster@example.test>
To: <bounces+token@product.test>
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="_a-1_"

--_a-1_
Content-Type: multipart/alternative; differences=Content-Type;
\tboundary="_a-1_inner"

--_a-1_inner
Content-Type: text/plain; charset="us-ascii"

Delivery has failed. Status: 5.1.1
--_a-1_inner--

--_a-1_
Content-Type: message/delivery-status

Reporting-MTA: dns;EX01.example.test
Received-From-MTA: dns;mx.product.test

Final-Recipient: rfc822;u1@example.test
Action: failed
Status: 5.2.2
Diagnostic-Code: smtp;554 5.2.2 mailbox full

--_a-1_
Content-Type: message/rfc822

Received: from mx.product.test
Message-ID: <ours@product.test>

hello
--_a-1_--
"""
YAHOO = """\
From: Yahoo! Mail AntiSpam Feedback <feedback@arf.example.test>
To: fbl@product.test
MIME-Version: 1.0
Content-Type: multipart/report; boundary=_----fbl===_16/00-1; report-type="feedback-report"

--_----fbl===_16/00-1
Content-Type: text/plain; charset="US-ASCII"
Content-Transfer-Encoding: 7bit

This is an email abuse report.

--_----fbl===_16/00-1
Content-Disposition: inline
Content-Transfer-Encoding: 7bit
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Yahoo!-Mail-Feedback/2.0
Version: 0.1
Original-Mail-From: <bounces+token@product.test>
Original-Rcpt-To: u1@example.test

--_----fbl===_16/00-1
Content-Disposition: inline
Content-Type: message/rfc822

Message-ID: <ours@product.test>
Subject: Hello

hello
--_----fbl===_16/00-1--
"""


@pytest.mark.parametrize(
    ("raw", "source", "kind", "state", "detail"),
    [
        (
            POSTFIX,
            Source.DSN,
            Kind.HARD,
            "5.1.1",
            "smtp; 550 5.1.1 <u1@example.test>: Recipient address rejected: User",
        ),
        (EXCHANGE, Source.DSN, Kind.SOFT, "5.2.2", "smtp;554 5.2.2 mailbox full"),
        (YAHOO, Source.ARF, Kind.COMPLAINT, None, "abuse"),
    ],
    ids=["postfix", "exchange", "yahoo"],
)
def test_servers_reports(raw, source, kind, state, detail):
    for ends in ("\n", "\r\n"):
        found = read(raw.replace("\n", ends).encode())

        assert (found.source, found.kind, found.state) == (source, kind, state)
        assert found.detail.startswith(detail)
        assert "ours@product.test" in found.named
        assert "bounces+token@product.test" in found.named
