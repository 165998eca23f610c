"""Reports as servers write them are read; whatever else comes is no report, soon."""

import time
from base64 import encodebytes
from quopri import encodestring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_notifications.bounces.reading import HEAD_BYTES, PARTS, read
from opsloop_notifications.bounces.rules import Kind, Source

RETURNED = "Message-ID: <ours@example.test>\nFrom: ops@example.test\nTo: u1@example.test\nSubject: Hello\n"
FAILED = "Final-Recipient: rfc822; u1@example.test\nAction: failed\nStatus: 5.1.1\n"
QUOTED = "Diagnostic-Code: smtp; 550 5.1.1 no such user\n"


def dsn(
    recipients=FAILED + QUOTED,
    *,
    type="message/delivery-status",
    returned=RETURNED + "\nhello\n",
    returned_type="message/rfc822",
    encoding="7bit",
    to="bounces@example.test",
    boundary="=_b",
):
    return (
        f"From: MAILER-DAEMON@mx.example.test\nTo: {to}\nSubject: Undelivered\n"
        f'Content-Type: multipart/report; report-type=delivery-status;\n boundary="{boundary}"\n\n'
        f"--{boundary}\nContent-Type: text/plain\n\nI am sorry.\n\n"
        f"--{boundary}\nContent-Type: {type}\nContent-Transfer-Encoding: {encoding}\n\n"
        f"Reporting-MTA: dns; mx.example.test\nArrival-Date: today\n\n{recipients}\n"
        f"--{boundary}\nContent-Type: {returned_type}\n\n{returned}\n--{boundary}--\n"
    )


def arf(feedback="abuse", returned=RETURNED):
    return (
        "From: fbl@isp.example.test\nTo: abuse@example.test\nMIME-Version: 1.0\n"
        "Content-Type: multipart/report; report-type=feedback-report; boundary=p\n\n"
        "--p\nContent-Type: text/plain\n\nA complaint.\n"
        f"--p\nContent-Type: message/feedback-report\n\nFeedback-Type: {feedback}\nUser-Agent: fbl/1\nVersion: 1\n"
        "Original-Mail-From: <bounces+token@example.test>\n"
        f"--p\nContent-Type: message/rfc822\n\n{returned}\nhello\n--p--\n"
    )


def test_a_delivery_report():
    found = read(dsn().encode())

    assert (found.source, found.kind, found.state) == (Source.DSN, Kind.HARD, "5.1.1")
    assert found.detail == "smtp; 550 5.1.1 no such user"
    assert "<ours@example.test>" in found.named
    assert "To: bounces@example.test" in found.named
    assert "hello" not in found.named, "what a mail says names nobody"


def test_a_feedback_report():
    found = read(arf().encode())

    assert (found.source, found.kind, found.detail) == (Source.ARF, Kind.COMPLAINT, "abuse")
    assert "bounces+token@example.test" in found.named
    assert "<ours@example.test>" in found.named
    assert read(arf("not-spam").encode()) is None


@pytest.mark.parametrize("ends", ["\r\n", "\n"])
@pytest.mark.parametrize("first", ["", "From mailer Fri Nov 27 08:00:00 2026\n", "\n\n"])
def test_as_mailboxes_and_pipes_hand_it_over(ends, first):
    assert read((first + dsn()).replace("\n", ends).encode()).kind == Kind.HARD


@pytest.mark.parametrize(
    "returned_type", ["text/rfc822-headers", "message/rfc822-headers", "message/global", "message/global-headers"]
)
def test_what_came_back_may_be_its_head_alone(returned_type):
    found = read(dsn(returned=RETURNED, returned_type=returned_type).encode())

    assert "<ours@example.test>" in found.named


def test_in_other_letters_as_rfc_6533_has_it():
    recipients = "Final-Recipient: utf-8; 用户@例子.测试\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 没有此用户\n"
    found = read(dsn(recipients, type="message/global-delivery-status", encoding="8bit").encode())

    assert (found.kind, found.detail) == (Kind.HARD, "smtp; 550 5.1.1 没有此用户")


@pytest.mark.parametrize("charset", ["gb18030", "latin-1", "utf-16"])
def test_bytes_that_are_no_utf_8_are_readable_or_no_report(charset):
    recipients = FAILED.encode() + "Diagnostic-Code: smtp; 550 5.1.1 zurück".encode(charset) + b"\n"
    raw = dsn("@@").encode().replace(b"@@", recipients)
    found = read(raw)

    assert found is None or (found.kind == Kind.HARD and "\0" not in (found.detail or ""))


@pytest.mark.parametrize(("encoding", "encode"), [("base64", encodebytes), ("quoted-printable", encodestring)])
def test_an_encoded_report(encoding, encode):
    inside = encode(f"Reporting-MTA: dns; mx\n\n{FAILED}".encode()).decode()
    whole = dsn("@@", encoding=encoding)
    plain = whole[whole.index("Reporting-MTA") : whole.index("@@") + 2]

    assert read(whole.replace(plain, inside).encode()).kind == Kind.HARD


def test_a_report_that_was_cut_off_counts_as_far_as_it_is_there():
    whole = dsn()

    assert read(whole[: whole.index("hello")].encode()).kind == Kind.HARD
    assert read(whole[: whole.index("Action")].encode()) is None


@pytest.mark.parametrize(
    "recipients",
    ["", "Action: delayed\nStatus: 4.4.1\n", "Action: delivered\nStatus: 2.0.0\n", "Status: 5.1.1\n", ": : :\n"],
)
def test_what_tells_of_no_failure_is_none(recipients):
    assert read(dsn(recipients).encode()) is None


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n",
        b"\0" * 1_000,
        b"hello",
        b"Subject: Out of office\nAuto-Submitted: auto-replied\n\nAction: failed\nStatus: 5.1.1\n",
        b"Content-Type: multipart/report\n\n--\nContent-Type: message/delivery-status\n\nAction: failed\n",
        b'Content-Type: multipart/report; boundary=""\n\n----\n',
        b"Content-Type: multipart/report; boundary*=bad''%zz\n\n--x\n",
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\nAction: failed\n\n--b--",
    ],
)
def test_what_is_no_report_is_none(raw):
    assert read(raw) is None


@given(st.binary(max_size=2_000))
def test_any_bytes_are_read_or_not(raw):
    read(raw)
    read(dsn("@@").encode().replace(b"@@", raw))
    read(b"Content-Type: multipart/report; boundary=b\n\n--b\n" + raw + b"\n--b\n")


def nested(levels):
    return b"".join(b"Content-Type: multipart/report; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(levels))


MIB = 1024 * 1024
HEAD = b"Content-Type: multipart/report; boundary=b\n"
BOMBS = {
    "parts within parts": nested(20_000)[:MIB],
    "mails within mails": (HEAD + b"\n--b\n" + b"Content-Type: message/rfc822\n\n" * 40_000)[:MIB],
    "parts": (HEAD + b"\n" + b"--b\n" * 250_000)[:MIB],
    "recipients": dsn(FAILED + "\n")
    .encode()
    .replace(b"Status", (FAILED + "\n").encode() * 10_000 + b"Status", 1)[:MIB],
    "lines of a head": HEAD + b"X: y\n" * 200_000,
    "parameters": b"Content-Type: multipart/report" + b";" * (HEAD_BYTES - 100) + b"\n\n",
    "quotes": b'Content-Type: multipart/report; a="' + b'\\";' * 20_000 + b"\n\n",
    "folds": b"Content-Type: multipart/report;\n" + b" \n" * 20_000 + b" boundary=b\n\n--b\n",
    "blanks behind a boundary": HEAD + b"\n" + (b"--b" + b" " * 1_000 + b"x\n") * 1_000,
    "one long line": HEAD + b"\n--b\nContent-Type: message/delivery-status\n\nAction: " + b"f" * MIB,
    "digits": HEAD + b"\n--b\nContent-Type: message/delivery-status\n\nAction: failed\nStatus: " + b"5.1" * 300_000,
    "base64": HEAD
    + b"\n--b\nContent-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\n"
    + b"QUFB" * 250_000,
    "10 MB": dsn().encode() + b"x" * (10 * MIB),
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_would_blow_up_a_reader_costs_nothing(name):
    began = time.process_time()

    read(BOMBS[name])

    assert time.process_time() - began < 0.25, "processor time: the shortest of them takes a hundredth"


def test_a_report_behind_many_parts_is_not_looked_for():
    part = "--=_b\nContent-Type: text/plain\n\nx\n"
    raw = dsn()

    assert read(raw.replace("--=_b\n", part * (PARTS - 4) + "--=_b\n", 1).encode()) is not None
    assert read(raw.replace("--=_b\n", part * PARTS + "--=_b\n", 1).encode()) is None
