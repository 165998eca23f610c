"""What the headers of a mail say, also where programs write them badly; and the parts that a mail is made of."""

from __future__ import annotations

import asyncio
import base64
import struct
import sys
from datetime import UTC, datetime
from email.message import EmailMessage

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop_common.errors import Unavailable
from opsloop_common.limits import ATTACHMENTS_PER_MESSAGE
from opsloop_feedback.letters import reading, rules
from opsloop_feedback.letters.reading import read, written
from opsloop_feedback.letters.service import LetterReader

FROM = b"From: a@example.com\n"


@pytest.mark.parametrize("charset", ["utf-8", "gb18030"])
def test_headers_that_do_not_say_their_charset_are_read_all_the_same(charset: str) -> None:
    raw = b"From: \xa1 <a@example.com>\nSubject: " + "付款失败".encode(charset) + b"\n\nx"
    document, _ = read(raw.replace(b"\xa1", "张三".encode(charset)))
    assert (document["subject"], document["from_name"], document["from_address"]) == (
        "付款失败",
        "张三",
        "a@example.com",
    )


@pytest.mark.parametrize(
    ("header", "subject"),
    [
        (b"=?utf-8?b?abcde?=", "=?utf-8?b?abcde?="),
        (b"=?utf-8?b?5a+85Ye6?=", "导出"),
        (b"=?gb2312?q?=B5=BC=B3=F6?=", "导出"),
        (b"=?x-nothing?b?5a+85Ye6?=", "导出"),
        (b"=?hex?q?4142?=", "4142"),
        (b"=?utf-8?b?5a+8?= =?utf-8?b?5Ye6?=", "导出"),
        (b"=?utf-8?q?", "=?utf-8?q?"),
        (b"a\0b", "ab"),
    ],
)
def test_a_header_that_is_written_badly_costs_nobody_the_mail(header: bytes, subject: str) -> None:
    document, _ = read(FROM + b"Subject: " + header + b"\n\nThe export fails.")
    assert (document["subject"], document["text"]) == (subject, "The export fails.")


def test_a_bad_header_that_nobody_asks_for_costs_nothing_either() -> None:
    document, _ = read(FROM + b"X-Anything: =?utf-8?b?abcde?=\nX-More: \xff\xfe\n\nwords")
    assert document["text"] == "words"


@pytest.mark.parametrize(
    "date",
    [
        "",
        "yesterday",
        "Sat, 99 Nov 2026 10:00:00 +0000",
        "Sat, 28 Nov 99999 10:00:00 +0000",
        "Sat, 28 Nov 2026 10:00:00 +9999999",
    ],
)
def test_a_date_that_is_none_is_left_out(date: str) -> None:
    document, _ = read(FROM + f"Date: {date}\n\nx".encode())
    assert document["said_at"] is None


def test_a_date_without_a_zone_is_of_utc() -> None:
    document, _ = read(FROM + b"Date: Sat, 28 Nov 2026 10:00:00\n\nx")
    assert document["said_at"] == datetime(2026, 11, 28, 10, tzinfo=UTC).isoformat()


@pytest.mark.parametrize(
    ("sender", "address"),
    [
        ("a@example.com, b@example.com", "a@example.com"),
        ("nobody, b@example.com", "b@example.com"),
        ("<script>@x", None),
        ('"a@example.com" <b@example.com>', "b@example.com"),
        ("a@127.0.0.1", None),
        ("", None),
        (f"{'l' * 300}@example.com", None),
    ],
)
def test_who_wrote_is_a_plain_address_or_nobody(sender: str, address: str | None) -> None:
    document, _ = read(f"From: {sender}\n\nx".encode())
    assert document["from_address"] == address


def test_without_from_the_sender_is_who_wrote() -> None:
    document, _ = read(b"Sender: Help <b@example.com>\n\nx")
    assert (document["from_name"], document["from_address"]) == ("Help", "b@example.com")


def test_all_whom_a_mail_was_brought_to_are_told_some_at_most() -> None:
    many = ", ".join(f"u{number}@example.com" for number in range(200))
    raw = f"Cc: {many}\nDelivered-To: reply+1@shop.example\nTo: first@example.com\n\nx".encode()
    document, _ = read(raw)
    assert document["to"][0] == "first@example.com"
    assert len(document["to"]) == reading.ADDRESSES


def test_the_first_of_two_headers_counts() -> None:
    document, _ = read(FROM + b"Message-ID: <1@x>\nMessage-ID: <2@x>\nSubject: one\nSubject: two\n\nx")
    assert (document["message_id"], document["subject"]) == ("1@x", "one")


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("<1@x> <2@x> <1@x>", ["1@x", "2@x"]),
        ("1@x", []),
        ("<a b@x> <>", []),
        (f"<{'a' * 250}>", ["a" * 250]),
        (f"<{'a' * 251}>", []),
        ("<" * 10_000, []),
    ],
)
def test_message_ids_stand_in_brackets_and_are_short(text: str, ids: list[str]) -> None:
    assert rules.message_ids(text) == ids


def test_too_many_files_and_empty_ones_are_left_out() -> None:
    made = EmailMessage()
    made["From"] = "a@example.com"
    made.set_content("words")
    made.add_attachment(b"", maintype="application", subtype="pdf", filename="empty.pdf")
    for number in range(ATTACHMENTS_PER_MESSAGE + 3):
        made.add_attachment(b"%d" % number, maintype="application", subtype="pdf", filename=f"{number}.pdf")
    document, files = read(made.as_bytes())

    assert [each["name"] for each in document["files"]] == [f"{number}.pdf" for number in range(len(files))]
    assert len(files) == ATTACHMENTS_PER_MESSAGE


def test_no_more_parts_are_looked_at_than_a_person_would_send() -> None:
    parts = b"".join(b"--b\nContent-Type: text/plain\n\nline%d\n" % number for number in range(1_000))
    document, _ = read(FROM + b"Content-Type: multipart/mixed; boundary=b\n\n" + parts + b"--b--\n")
    assert "line100" in document["text"]
    assert "line900" not in document["text"]


def test_a_mail_that_is_attached_to_a_mail_is_no_crash() -> None:
    inner = EmailMessage()
    inner["From"], inner["Subject"] = "b@example.com", "inner"
    inner.set_content("inner words")
    made = EmailMessage()
    made["From"], made["Subject"] = "a@example.com", "outer"
    made.set_content("outer words")
    made.add_attachment(inner)
    document, _ = read(made.as_bytes())

    assert (document["from_address"], document["subject"]) == ("a@example.com", "outer")
    assert document["text"].startswith("outer words")


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("<!-- nothing -->", ""),
        ("<p>a&amp;b &#x5bfc;</p>", "a&b 导"),
        ("<style>p{}</style><p>a</p>", "a"),
        ("<p>a<p>b", "a\n\nb"),
        ("a\x00b", "ab"),
    ],
)
def test_html_is_read_for_its_words(html: str, text: str) -> None:
    document, _ = read(FROM + b"Content-Type: text/html; charset=utf-8\n\n" + html.encode())
    assert document["text"] == text


def test_long_words_are_cut_and_said_to_be() -> None:
    document, _ = read(FROM + b"\n" + b"x " * 40_000)
    assert (len(document["text"]), document["is_cut"]) == (reading.CHARACTERS, True)


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=300), st.sampled_from([b"Subject", b"From", b"Date", b"Message-ID", b"Content-Type"]))
def test_whatever_stands_in_a_header_the_document_can_be_written(value: bytes, name: bytes) -> None:
    document, files = read(name + b": " + value.replace(b"\n", b" ").replace(b"\r", b" ") + b"\n\nwords")
    packed = b"".join(written(document, files))
    (length,) = struct.unpack_from("!I", packed)
    assert orjson.loads(packed[4 : 4 + length]) == document
    assert "\0" not in str(document)


async def test_a_letter_comes_out_of_its_process_as_it_was_read() -> None:
    made = EmailMessage()
    made["From"], made["Message-ID"], made["Date"] = "张三 <a@example.com>", "<1@x>", "Sat, 28 Nov 2026 10:00:00 +0800"
    made.set_content("导出失败")
    made.add_attachment(bytes(range(256)), maintype="application", subtype="pdf", filename="a.pdf")
    letter = await LetterReader().read(made.as_bytes())

    assert letter is not None
    assert (letter.from_name, letter.message_id, letter.text) == ("张三", "1@x", "导出失败")
    assert letter.said_at == datetime(2026, 11, 28, 2, tzinfo=UTC)
    assert [(each.name, each.data) for each in letter.files] == [("a.pdf", bytes(range(256)))]


async def test_who_waits_too_long_for_a_reader_is_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opsloop_feedback.letters.service.WAIT_SECONDS", 0.05)
    with pytest.raises(Unavailable):
        await LetterReader(readers=0).read(FROM + b"\nx")


async def test_a_reader_is_free_again_after_a_mail_that_takes_too_long() -> None:
    reader = LetterReader(seconds=0.01, readers=1)
    assert await reader.read(FROM + b"\nx") is None
    reader._seconds = 60
    letter = await asyncio.wait_for(reader.read(FROM + b"\nx"), 60)
    assert letter is not None


async def test_who_reads_has_nothing_of_ours_and_little_memory() -> None:
    program = (
        "import os, resource; from opsloop_feedback.letters import reading; reading.bound();"
        "print(resource.getrlimit(resource.RLIMIT_AS)[1], resource.getrlimit(resource.RLIMIT_CORE)[1]);"
        f"bytearray({2 * reading.MEMORY_BYTES})"
    )
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=pipe, stderr=pipe, env={})
    said, failed = await asyncio.wait_for(process.communicate(), 60)
    assert said.split() == [str(reading.MEMORY_BYTES).encode(), b"0"]
    assert b"MemoryError" in failed


def test_of_a_file_its_name_is_read_in_its_charset() -> None:
    name = base64.b64encode("截图.png".encode()).decode()
    head = f'Content-Type: image/png\nContent-Disposition: attachment; filename="=?utf-8?B?{name}?="\n'
    document, files = read(FROM + head.encode() + b"\nx")
    assert [each["name"] for each in document["files"]] == ["截图.png"]
    assert files == [b"x"]
